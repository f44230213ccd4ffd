package import FleetDomain

/// Carries everything that one database holds to an empty one of another engine, and proves that it is the same.
///
/// The target is marked first (`Store+incomplete`), filled in slices, compared, and only then the mark is taken away: a
/// move that ends halfway leaves a database that nothing serves, and that the next move clears. On an engine that many
/// processes serve, the writer's seat is held for as long as it lasts, and each slice begins with the writer's guard: of
/// two moves, or a move and a service that thaws, one stores nothing.
package struct Move: Sendable {
    /// Rows that are read and committed in one go: enough to make commits cheap, few enough to stay small.
    static let slice = 1000

    /// A log and the data keys that belong to it.
    package struct Place: Sendable {
        package let log: Store
        package let keys: KeyStore

        package init(log: Store, keys: KeyStore) {
            self.log = log
            self.keys = keys
        }
    }

    /// What became of one table.
    package struct Moved: Sendable {
        package let group: Group
        package let table: String
        package fileprivate(set) var rows = 0
        package fileprivate(set) var hash: [UInt8] = []
        package fileprivate(set) var isSame = false
    }

    /// Tables of one kind.
    package enum Group: String, Sendable, CaseIterable {
        case log = "events"
        case projections
        case besideLog = "beside the log"
        case keys = "data keys"
    }

    /// Called after each slice: the table, how many of its rows are carried, and for the log of how many.
    package typealias Report = @Sendable (_ table: String, _ rows: Int, _ total: Int64?) -> Void
    /// Takes one row into a table's hash.
    package typealias Chain = @Sendable (_ row: [UInt8], _ hash: inout [UInt8]) -> Void

    private let source: Place
    private let target: Place
    private let seats: Seats
    private let chain: Chain
    private let report: Report

    package init(
        from source: Place, to target: Place, holder: String, chain: @escaping Chain, report: @escaping Report
    ) {
        self.source = source
        self.target = target
        seats = Seats(holder: holder)
        self.chain = chain
        self.report = report
    }

    /// - Returns: what became of each table. When one of them is not the same, the target stays marked.
    /// - Throws: `MoveError` and `SchemaError`, and nothing is written; `StoreError`, and the target stays marked.
    package func run(now: Timestamp) async throws -> [Moved] {
        do {
            _ = try await seats.take(source.log, as: .source)
            let moved = try await fill(upTo: try await source.log.endOfLog(), epoch: try await prepare(now: now))
            await seats.leave([source.log, target.log])
            return moved
        } catch {
            await seats.leave([source.log, target.log])
            throw error
        }
    }

    /// Fills the target, compares, and takes the mark away when all is the same.
    private func fill(upTo end: Int64, epoch: Int64) async throws -> [Moved] {
        async let _: Void = seats.keep([source.log, target.log])
        var moved: [Moved] = []
        for (from, to) in zip(Self.plan(source), Self.plan(target)) {
            var one = Moved(group: from.group, table: from.table.name)
            try await carry(from.table, from.database, to.database, upTo: end, epoch: epoch, &one)
            moved.append(one)
        }
        for (index, (_, table, database)) in Self.plan(target).enumerated() {
            report("comparing \(table.name)", moved[index].rows, nil)
            let digest = try await database.digest(of: table, acrossEngines: true, chain)
            moved[index].isSame = digest.hash == moved[index].hash && digest.rows == moved[index].rows
        }
        if moved.allSatisfy(\.isSame) {
            try await target.log.database.commit(target.log.guardWriter(epoch, logEnd: end) + [Store.unmark])
        }
        return moved
    }

    // MARK: The target

    /// Makes the target ready to be filled: its schema there, the seat taken, the mark set, and no row in it.
    ///
    /// - Returns: the epoch of the seat.
    private func prepare(now: Timestamp) async throws -> Int64 {
        let isBegun = try await target.log.isIncomplete()
        if !isBegun {
            // Of an earlier schema not every table is there, but the log is.
            switch try await target.log.schemaVersion() {
            case 0: break
            case target.log.knownVersion: try await requireUnused(Self.ofLog)
            default: try await requireUnused([Tables.log])
            }
        }
        try await target.keys.prepare()
        if !isBegun {
            guard try await target.keys.database.firstFilled(of: Tables.ofKeys) == nil else {
                throw MoveError.keysFilled
            }
            try await target.log.migrate(now: now)
        }
        let epoch = try await seats.take(target.log, as: isBegun ? .begunTarget : .target)
        let database = target.log.database
        let logGuard = target.log.guardWriter(epoch, logEnd: try await target.log.endOfLog())
        // Again, now that nobody else decides: meanwhile another move may have ended, or a service have begun.
        if try await target.log.isIncomplete() {
            try await database.commit(logGuard + database.clear(Self.ofLog))
            try await target.keys.database.commit(target.keys.database.clear(Tables.ofKeys))
        } else {
            try await requireUnused(Self.ofLog)
            try await database.commit(logGuard + [Store.markIncomplete(at: now)])
        }
        return epoch
    }

    /// That no row is in these tables of the target: also a service that has decided nothing leaves some.
    private func requireUnused(_ tables: [AnyTable]) async throws {
        if let table = try await target.log.database.firstFilled(of: tables) { throw MoveError.filled(table) }
    }

    // MARK: The rows

    private typealias Step = (group: Group, table: AnyTable, database: any SQLDatabase)

    private static var ofLog: [AnyTable] { [Tables.log] + Tables.projections + Tables.besideLog }

    /// Every table, the log first, with the database that it is in.
    private static func plan(_ place: Place) -> [Step] {
        func steps(_ group: Group, _ tables: [AnyTable], _ database: any SQLDatabase) -> [Step] {
            tables.map { (group, $0, database) }
        }
        return steps(.log, [Tables.log], place.log.database)
            + steps(.projections, Tables.projections, place.log.database)
            + steps(.besideLog, Tables.besideLog, place.log.database)
            + steps(.keys, Tables.ofKeys, place.keys.database)
    }

    /// Carries one table, slice by slice, and hashes what was read.
    private func carry(
        _ table: AnyTable, _ from: any SQLDatabase, _ to: any SQLDatabase, upTo end: Int64, epoch: Int64,
        _ moved: inout Moved
    ) async throws {
        var last: [SQLValue]?
        repeat {
            let page = try await from.read(table.page(after: last, size: Self.slice))
            guard !page.isEmpty else { return }
            if moved.group == .log { try requireNoGap(page, after: moved.rows) }
            var batch: [SQL] = []
            switch moved.group {
            case .log: batch = target.log.guardWriter(epoch, logEnd: Int64(moved.rows))
            case .projections, .besideLog: batch = target.log.guardWriter(epoch, logEnd: end)
            case .keys: break
            }
            for row in page { batch.append(try table.insert(row)) }
            try await to.commit(batch)
            for row in page { chain(table.meaning(of: row), &moved.hash) }
            moved.rows += page.count
            report(table.name, moved.rows, moved.group == .log ? end : nil)
            last = page.count == Self.slice ? page.last.map(table.key(of:)) : nil
        } while last != nil
    }

    private func requireNoGap(_ page: [SQLRow], after rows: Int) throws(StoreError) {
        for (index, row) in page.enumerated() {
            let position = Int64(rows + index + 1)
            guard try row.integer(0) == position else { throw .corrupt("the log has no event \(position)") }
        }
    }
}

/// Why nothing is carried.
package enum MoveError: Error, Equatable {
    /// The target holds rows of this table.
    case filled(String)
    /// There are data keys where those of the target would be.
    case keysFilled
    /// A service decides on the source, there.
    case sourceServed(url: String)
    /// A service decides on the target, there.
    case targetServed(url: String)
    /// Another move fills the target.
    case busy
}
