import FleetDomain
import FleetJSON

extension Store {
    /// Events folded in one go: enough to make commits cheap, few enough to stay small.
    private static let rebuildSlice = 1000

    /// Builds the projections in `scratch` anew, from this store's log alone.
    ///
    /// - Parameter scratch: a migrated, empty store.
    /// - Returns: how many events were folded.
    package func rebuild(into scratch: Store) async throws -> Int64 {
        var ledger = Ledger()
        while true {
            let events = try await events(after: ledger.position, limit: Self.rebuildSlice)
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

    private static let digestPage = 5000

    /// A hash of each projection: of every column of every row, in the order of the keys.
    package func projectionDigests(
        _ digest: ([UInt8], inout [UInt8]) -> Void
    ) async throws(StoreError) -> [(table: String, rows: Int, hash: [UInt8])] {
        var digests: [(table: String, rows: Int, hash: [UInt8])] = []
        for (table, key) in Tables.projections {
            var hash: [UInt8] = []
            var rows = 0
            var last: [SQLValue]?
            repeat {
                let page = try await page(of: table, key: key, after: last)
                for row in page { digest(row.canonicalBytes, &hash) }
                rows += page.count
                last = page.count == Self.digestPage ? page.last.map { Array($0.values.prefix(key.count)) } : nil
            } while last != nil
            digests.append((table, rows, hash))
        }
        return digests
    }

    private func page(of table: String, key: [String], after: [SQLValue]?) async throws(StoreError) -> [SQLRow] {
        let columns = key.joined(separator: ", ")
        let marks = key.map { _ in "?" }.joined(separator: ", ")
        let condition = after == nil ? "" : "WHERE (\(columns)) > (\(marks))"
        return try await database.read(
            SQL(
                "projection.page",
                text: "SELECT * FROM \(table) \(condition) ORDER BY \(columns) LIMIT \(Self.digestPage)",
                values: after ?? []))
    }
}

extension SQLRow {
    /// The row as JSON text: the same bytes for the same values.
    fileprivate var canonicalBytes: [UInt8] {
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
