import FleetDomain
import FleetJSON

extension Store {
    /// Events folded in one go: enough to make commits cheap, few enough to stay small.
    private static let rebuildSlice = 1000

    /// Builds the projections in `scratch` anew, from this store's log alone.
    ///
    /// - Parameters:
    ///   - scratch: a migrated, empty store.
    ///   - end: the last event that is folded.
    /// - Returns: how many events were folded.
    package func rebuild(into scratch: Store, upTo end: Int64 = .max) async throws -> Int64 {
        var ledger = Ledger()
        while true {
            let limit = Int(min(Int64(Self.rebuildSlice), end - ledger.position))
            let events = try await events(after: ledger.position, limit: limit)
            guard !events.isEmpty else { return ledger.position }
            for event in events {
                guard event.position == ledger.position + 1 else {
                    throw StoreError.corrupt("the log has no event \(ledger.position + 1)")
                }
                ledger.apply(event)
            }
            try await scratch.commit(Batch(events: [], changes: ledger.unconfirmed.changes))
            ledger.confirm()
        }
    }

    package typealias Digest = (table: String, rows: Int, hash: [UInt8])

    /// A hash of each projection: of every column of every row, in the order of the keys.
    ///
    /// - Parameter acrossEngines: of what the rows mean, which is the same on each engine; by default of how they are stored.
    package func projectionDigests(
        acrossEngines: Bool = false, _ digest: ([UInt8], inout [UInt8]) -> Void
    ) async throws(StoreError) -> [Digest] {
        var digests: [Digest] = []
        for projection in Tables.projections {
            digests.append(try await database.digest(of: projection, acrossEngines: acrossEngines, digest))
        }
        return digests
    }

    /// The same across engines, of all tables at one instant, and where the log ended then. Holds them in memory.
    package func projectionDigestsAtOnce(
        _ digest: ([UInt8], inout [UInt8]) -> Void
    ) async throws(StoreError) -> (end: Int64, digests: [Digest]) {
        let projections = Tables.projections
        let answers = try await database.read(
            [EventLog.end] + projections.map { $0.page(after: nil, size: .max) })
        let digests = zip(projections, answers.dropFirst()).map { projection, rows in
            var hash: [UInt8] = []
            for row in rows { digest(projection.meaning(of: row), &hash) }
            return (projection.name, rows.count, hash)
        }
        return (try answers[0].first?.integer(0) ?? 0, digests)
    }
}

extension SQLDatabase {
    /// A hash of one table; see `projectionDigests`.
    func digest(
        of table: AnyTable, acrossEngines: Bool, _ digest: ([UInt8], inout [UInt8]) -> Void
    ) async throws(StoreError) -> Store.Digest {
        var hash: [UInt8] = []
        var rows = 0
        var last: [SQLValue]?
        repeat {
            let page = try await read(table.page(after: last, size: digestPage))
            for row in page { digest(acrossEngines ? table.meaning(of: row) : row.canonicalBytes, &hash) }
            rows += page.count
            last = page.count == digestPage ? page.last.map(table.key(of:)) : nil
        } while last != nil
        return (table.name, rows, hash)
    }
}

/// Rows that are read for a hash in one go.
private let digestPage = 5000

extension SQLRow {
    /// The row as it is stored, as JSON text: the same bytes for the same values.
    var canonicalBytes: [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for value in values {
            switch value {
            case .null: writer.null()
            case .integer(let value), .timestamp(let value): writer.value(value)
            case .real(let value): writer.value(value)
            case .text(let value), .json(let value): writer.value(value)
            case .bytes(let value): writer.value(value.map { String($0) }.joined(separator: "."))
            case .id(let value): writer.value(ID<Never>(raw: value).description)
            }
        }
        writer.endArray()
        return writer.bytes
    }
}
