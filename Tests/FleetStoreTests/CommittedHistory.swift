import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend

/// A random history whose commands were committed in batches, as the writer commits them: refused ones left
/// nothing behind, and the last state of each entity stands in the tables.
struct CommittedHistory {
    let store: Store
    private(set) var scenario: LedgerScenario
    /// The state that the commits came from.
    private(set) var ledger = Ledger()

    init(seed: UInt64, in database: any SQLDatabase) async throws {
        scenario = LedgerScenario(seed: seed)
        store = Store(database: database)
        try await store.migrate(now: scenario.now)
        for event in scenario.log { ledger.apply(event) }
        try await store.commit(Batch(events: scenario.log, changes: ledger.unconfirmed.changes))
        ledger.confirm()
    }

    /// Runs one to `most` commands and commits what they did.
    mutating func commitBatch(most: Int64 = 12) async throws {
        for _ in 0..<scenario.random.int(in: 1...most) {
            let command = scenario.nextCommand()
            scenario.run(command)
            _ = command.run(on: &ledger)
        }
        try await store.commit(ledger.unconfirmed)
        ledger.confirm()
    }

    /// Draws from the history's random numbers.
    mutating func draw<Value>(_ make: (inout Generator) -> Value) -> Value { make(&scenario.random) }

    mutating func commitBatches(_ count: Int) async throws {
        for _ in 0..<count { try await commitBatch() }
    }
}

extension Store {
    /// A migrated store of its own in memory.
    static func inMemory() async throws -> Store {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        try await store.migrate(now: VirtualClock.start)
        return store
    }

    /// The bytes of every projection, whole: a hash could not say more.
    func projectionBytes() async throws -> [String: [UInt8]] {
        let digests = try await projectionDigests { row, bytes in bytes += row + [0] }
        return Dictionary(uniqueKeysWithValues: digests.map { ($0.table, $0.hash) })
    }

    /// The tables in which a rebuild from the log gives other bytes than are stored.
    func tablesThatDiffer() async throws -> [String] {
        // Of the same engine, so that bytes can be compared.
        let scratch =
            switch database.dialect {
            case .sqlite: try await Store.inMemory()
            case .postgres: Store(database: try await TestDatabase.open())
            }
        try await scratch.migrate(now: VirtualClock.start)
        _ = try await rebuild(into: scratch)
        let stored = try await projectionDigests { row, bytes in bytes += row + [0] }
        let rebuilt = try await scratch.projectionDigests { row, bytes in bytes += row + [0] }
        await scratch.database.close()
        return zip(stored, rebuilt).filter { $0.hash != $1.hash || $0.rows != $1.rows }.map(\.0.table)
    }

    func count(_ query: SQL) async throws -> Int64 { try await database.read(query)[0].integer(0) }
}

/// The conflict that `body` ends in: the name of the constraint, or nil when it ends otherwise.
func constraint(_ body: () async throws(StoreError) -> Void) async -> String? {
    do throws(StoreError) {
        try await body()
        return nil
    } catch {
        guard case .conflict(let constraint) = error else { return nil }
        return constraint
    }
}
