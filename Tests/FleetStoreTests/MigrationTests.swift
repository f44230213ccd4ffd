import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("The schema")
struct MigrationTests {
    private let now = VirtualClock.start

    @Test("A fresh database takes every step once")
    func idempotent() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        #expect(try await store.migrate(now: now).map(\.version) == Array(1...11))
        #expect(try await store.migrate(now: now + 60).isEmpty)
        try await store.requireCurrentSchema()
        let rows = try await store.database.read(
            SQL("test.steps", "SELECT version, applied_at FROM fleet_schema_migrations"))
        #expect(rows == Array(1...11).map { SQLRow([.integer($0), .integer(now.milliseconds)]) })
        await store.database.close()
    }

    @Test(
        "Of several that migrate an empty PostgreSQL at once, one does and all succeed",
        .enabled(if: TestDatabase.postgresURL != nil))
    func atOnce() async throws {
        let store = Store(database: try await TestDatabase.openOnPostgres())
        let steps = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 { group.addTask { try await store.migrate(now: now).count } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(steps.filter { $0 > 0 }.count == 1, "\(steps)")
        try await store.requireCurrentSchema()
        await store.database.close()
    }

    @Test("A migrated file is known when it is opened again, and keeps what it holds")
    func reopened() async throws {
        let file = try ScratchFile()
        let first = Store(database: try await file.open())
        try await first.migrate(now: now)
        let kept = try await first.setting("kept") { [1, 2, 3, 4] }
        await first.database.close()

        let second = Store(database: try await file.open())
        #expect(try await second.migrate(now: now).isEmpty)
        try await second.requireCurrentSchema()
        #expect(try await second.setting("kept") { [9] } == kept)
        await second.database.close()
    }

    @Test("What an earlier schema holds is kept by the step that adds the queue, with its guards")
    func queueStep() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        try await store.migrate(now: now, upTo: 3)
        let lease = SQL(
            "test.lease",
            """
            INSERT INTO resource_sharing (sharing_id, federation_id, source_fleet_id, target_fleet_id, resource_type, \
            resource_id, quantity, starts_at, duration, ends_at, priority, status, requested_by, awaiting_return, \
            handover, buffer_seconds, is_unit, no_show_after_seconds, acknowledge_within_seconds, version, created_at, \
            updated_at) VALUES (x'07', x'01', 'a', 'b', 't', 'r', 1, 5000, 1, 6000, 'low', 'granted', 'target', 0, \
            'automatic', 0, 1, 0, 0, 1, 0, 0)
            """)
        try await store.database.commit([
            lease,
            SQL(
                "test.allocation",
                """
                INSERT INTO allocations (allocation_id, federation_id, target_fleet_id, items, duration, earliest, latest, \
                priority, accepts_part, status, lease_ids, is_part, has_begun, explanation, version, created_at, updated_at) \
                VALUES (x'08', x'01', 'b', '[]', 1, 0, 0, 'low', 0, 'ended', '[]', 0, 1, '{}', 1, 0, 0)
                """),
        ])
        #expect(try await store.migrate(now: now, upTo: 4).map(\.version) == [4])
        let kept = try await store.database.read(
            SQL(
                "test.kept",
                """
                SELECT s.starts_at, s.was_approved, s.preemptions, s.activated_at, a.has_begun, a.preemptions, a.waiting \
                FROM resource_sharing AS s, allocations AS a
                """))
        #expect(
            kept == [SQLRow([.integer(5000), .integer(1), .integer(0), .null, .integer(1), .integer(0), .null])])
        let overlapping = SQL(
            "test.overlapping",
            """
            INSERT INTO resource_sharing SELECT x'09', federation_id, source_fleet_id, target_fleet_id, resource_type, \
            resource_id, quantity, 5500, duration, 6500, granted_at, activated_at, ended_at, priority, purpose, reason, status, \
            requested_by, status_reason, awaiting_return, fencing_token, handover, buffer_seconds, is_unit, \
            no_show_after_seconds, acknowledge_within_seconds, deadline, ready_at, allocation_id, was_approved, \
            arrival, preemptions, version, created_at, updated_at FROM resource_sharing
            """)
        await #expect(throws: StoreError.self) { try await store.database.commit([overlapping]) }
        await store.database.close()
    }

    @Test("The step that adds late binding keeps what was promised by name, and guards units once they are handed over")
    func bindingStep() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        try await store.migrate(now: now, upTo: 4)
        func lease(
            _ id: String, named unit: String, _ start: Int64, _ more: (columns: SQL.Fragment, values: SQL.Fragment)
        )
            -> SQL
        {
            SQL(
                "test.lease",
                """
                INSERT INTO resource_sharing (sharing_id, federation_id, source_fleet_id, target_fleet_id, \
                resource_type, resource_id, quantity, starts_at, duration, ends_at, priority, status, requested_by, \
                awaiting_return, handover, buffer_seconds, is_unit, no_show_after_seconds, \
                acknowledge_within_seconds, was_approved, preemptions, version, created_at, updated_at\(more.columns)) \
                VALUES (CAST(\(id) AS BLOB), x'01', 'a', 'b', 't', \(unit), 1, \(start), 1, \(start + 1000), 'low', \
                'granted', 'target', 0, 'automatic', 0, 1, 0, 0, 1, 0, 1, 0, 0\(more.values))
                """)
        }
        func activate(_ id: String) -> SQL {
            SQL("test.activate", "UPDATE resource_sharing SET status = 'active' WHERE sharing_id = CAST(\(id) AS BLOB)")
        }
        let (named, pooled): ((SQL.Fragment, SQL.Fragment), (SQL.Fragment, SQL.Fragment)) =
            (("", ""), (", unit_terms, binds_at", ", '{}', 0"))
        try await store.database.commit([lease("1", named: "r", 5000, named)])
        #expect(try await store.migrate(now: now).map(\.version) == Array(5...11))
        await #expect(throws: StoreError.self) {
            try await store.database.commit([lease("2", named: "r", 5500, named)])
        }
        // Those that are bound late may still be moved.
        try await store.database.commit([
            lease("3", named: "u", 5000, pooled), lease("4", named: "u", 5500, pooled), activate("3"),
        ])
        await #expect(throws: StoreError.self) { try await store.database.commit([activate("4")]) }
        let kept = try await store.database.read(
            SQL("test.kept", "SELECT resource_id, unit_terms FROM resource_sharing WHERE unit_terms IS NULL"))
        #expect(kept == [SQLRow([.text("r"), .null])])
        await store.database.close()
    }

    @Test("The five tables of the origin are there under their names")
    func originTables() async throws {
        let store = try await Store.inMemory()
        let tables = try await tables(of: store)
        for table in [
            "fleet_federations", "fleet_federation_members", "resource_sharing", "coordination_metrics",
            "communication_logs",
        ] {
            #expect(tables.contains(table), "\(table)")
        }
        await store.database.close()
    }

    @Test("A database that nobody migrated is behind, and nothing is written to it")
    func behind() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        await #expect(throws: SchemaError.behind(found: 0, known: 11)) { try await store.requireCurrentSchema() }
        #expect(try await tables(of: store) == [])
        await store.database.close()
    }

    @Test("A database of a later version is refused")
    func newer() async throws {
        let store = try await Store.inMemory()
        try await store.database.commit([
            SQL("test.newer", "INSERT INTO fleet_schema_migrations VALUES (99, 'of the future', 0)")
        ])
        let before = try await tables(of: store)
        await #expect(throws: SchemaError.newer(found: 99, known: 11)) { try await store.migrate(now: now) }
        await #expect(throws: SchemaError.newer(found: 99, known: 11)) { try await store.requireCurrentSchema() }
        #expect(try await tables(of: store) == before)
        await store.database.close()
    }

    @Test("A database with somebody else's tables is refused, and nothing is written to it")
    func foreign() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        try await store.database.commit([SQL("test.foreign", "CREATE TABLE customers (id BIGINT PRIMARY KEY)")])
        await #expect(throws: SchemaError.foreign) { try await store.migrate(now: now) }
        await #expect(throws: SchemaError.foreign) { try await store.requireCurrentSchema() }
        #expect(try await tables(of: store) == ["customers"])
        await store.database.close()
    }

    @Test("A step that fails half-way leaves nothing behind, and the next try takes it")
    func failedStep() async throws {
        let inner = try await SQLiteDatabase.openInMemory()
        let database = FaultyDatabase(inner)
        let store = Store(database: database)
        // What is no table does not make the database foreign, but stands in the way of one.
        try await inner.commit([SQL("test.view", "CREATE VIEW api_keys AS SELECT 1 AS one")])
        await #expect(throws: StoreError.self) { try await store.migrate(now: now) }
        #expect(try await tables(of: store) == [])
        try await inner.commit([SQL("test.view", "DROP VIEW api_keys")])
        #expect(try await store.migrate(now: now).map(\.version) == Array(1...11))
        await database.close()
    }

    private func tables(of store: Store) async throws -> [String] {
        try await store.database.read(
            SQL("test.tables", "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        ).map { row in try row.text(0) }.filter { !$0.hasPrefix("sqlite_") }
    }
}
