import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("A move to another database")
struct MoveTests {
    @Test("carries every column of every table of the log, save the two that each database has of its own")
    func everyTable() async throws {
        let store = Store(database: try await TestDatabase.open())
        try await store.migrate(now: VirtualClock.start)
        let carried = [Tables.log] + Tables.projections + Tables.besideLog
        let there = try await columns(of: store.database).filter {
            !["fleet_schema_migrations", "writer", "log_timelines"].contains($0.key)
        }
        #expect(there == Dictionary(uniqueKeysWithValues: carried.map { ($0.name, Set($0.columns)) }))
        await store.database.close()
    }

    @Test("carries every column of the data keys' tables")
    func everyKeyTable() async throws {
        let keys = KeyStore(database: try await TestDatabase.open())
        try await keys.prepare()
        let carried = Dictionary(uniqueKeysWithValues: Tables.ofKeys.map { ($0.name, Set($0.columns)) })
        #expect(try await columns(of: keys.database) == carried)
        await keys.database.close()
    }

    /// The columns of each table.
    private func columns(of database: any SQLDatabase) async throws -> [String: Set<String>] {
        let query =
            switch database.dialect {
            case .sqlite:
                SQL(
                    "test.columns",
                    """
                    SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c \
                    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
                    """)
            case .postgres:
                SQL(
                    "test.columns",
                    """
                    SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
                    """)
            }
        return try await database.read(query).reduce(into: [:]) { columns, row in
            columns[try row.text(0), default: []].insert(try row.text(1))
        }
    }

    @Test("that was not finished keeps the database from being used, until another one has cleared and filled it")
    func unfinished() async throws {
        let source = try await place()
        let target = try await place()
        try await source.log.migrate(now: VirtualClock.start)
        try await source.keys.prepare()
        _ = try await source.log.setting("kept") { [1] }
        try await target.log.migrate(now: VirtualClock.start)
        _ = try await target.log.setting("half") { [2] }
        try await target.log.database.commit([
            SQL("test.mark", "INSERT INTO fleet_schema_migrations VALUES (\(Int64.max), 'incomplete', 0)")
        ])
        await #expect(throws: SchemaError.incomplete) { try await target.log.migrate(now: VirtualClock.start) }
        await #expect(throws: SchemaError.incomplete) { try await target.log.requireCurrentSchema() }
        let move = Move(from: source, to: target, holder: "test", chain: { $1 += $0 }, report: { _, _, _ in })
        let moved = try await move.run(now: VirtualClock.start)
        #expect(moved.count == 23 && moved.allSatisfy(\.isSame))
        try await target.log.requireCurrentSchema()
        #expect(try await target.log.setting("half") == nil)
        #expect(try await target.log.setting("kept") == [1])
        let again = Move(from: source, to: target, holder: "again", chain: { $1 += $0 }, report: { _, _, _ in })
        await #expect(throws: MoveError.filled("service_settings")) { try await again.run(now: VirtualClock.start) }
        for place in [source, target] {
            await place.log.database.close()
            await place.keys.database.close()
        }
    }

    private func place() async throws -> Move.Place {
        Move.Place(
            log: Store(database: try await TestDatabase.open()),
            keys: KeyStore(database: try await SQLiteDatabase.openInMemory()))
    }
}
