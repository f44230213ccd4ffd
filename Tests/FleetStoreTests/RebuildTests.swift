import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("A rebuild from the log")
struct RebuildTests {
    static let seeds = Effort.seeds(15, slow: 200)
    static let batches = 25

    @Test("Invariant 7: rebuilding the projection tables from the log gives the same bytes")
    func sameBytesInMemory() async throws {
        var tables: Set<String> = []
        for seed in Generator.seeds(Self.seeds) {
            let database = try await TestDatabase.open()
            var history = try await CommittedHistory(seed: seed, in: database)
            try await history.commitBatches(Self.batches)
            #expect(try await history.store.tablesThatDiffer() == [], "seed \(seed)")
            for (table, bytes) in try await history.store.projectionBytes() where !bytes.isEmpty {
                tables.insert(table)
            }
            await database.close()
        }
        let empty = Set(Tables.projections.map(\.name)).subtracting(tables)
        #expect(empty.isEmpty || Generator.areFew, "always empty: \(empty)")
    }

    @Test("Invariant 7: a file rebuilds to the same bytes after it was closed and opened again")
    func sameBytesInAFile() async throws {
        let seed = Generator.seeds(1)[0]
        let file = try ScratchFile()
        var history = try await CommittedHistory(seed: seed, in: try await file.open())
        try await history.commitBatches(Self.batches)
        let before = try await history.store.projectionBytes()
        await history.store.database.close()

        let store = Store(database: try await file.open())
        try await store.requireCurrentSchema()
        #expect(try await store.projectionBytes() == before, "seed \(seed)")
        #expect(try await store.tablesThatDiffer() == [], "seed \(seed)")
        let differences = try await store.loadLedger().differences(from: history.ledger)
        #expect(differences.isEmpty, "seed \(seed): \(differences)")
        await store.database.close()
    }

    @Test("Invariant 7: the ledger that is loaded equals the one that was committed, after every batch")
    func loadEqualsMemory() async throws {
        for seed in Generator.seeds(Self.seeds) {
            let database = try await TestDatabase.open()
            var history = try await CommittedHistory(seed: seed, in: database)
            for _ in 0..<Self.batches {
                try await history.commitBatch()
                let differences = try await history.store.loadLedger().differences(from: history.ledger)
                #expect(differences.isEmpty, "seed \(seed): \(differences)")
            }
            #expect(history.ledger.differences(from: history.scenario.ledger).isEmpty, "seed \(seed)")
            await database.close()
        }
    }

    @Test("A loaded ledger goes on as the one in memory would have")
    func loadedGoesOn() async throws {
        for seed in Generator.seeds(Self.seeds) {
            let database = try await TestDatabase.open()
            var history = try await CommittedHistory(seed: seed, in: database)
            try await history.commitBatches(Self.batches / 2)
            var loaded = try await history.store.loadLedger()
            var kept = history.ledger
            // What was left to drain is found again in the order of the ids, not in that of the intents.
            var scenario = history.scenario
            for _ in 0..<40 {
                let command = scenario.nextCommand()
                guard command.name != "drain" else { continue }
                let step = command.run(on: &kept)
                #expect(command.run(on: &loaded) == step, "seed \(seed): \(command.name)")
                scenario.run(command)
            }
            await database.close()
        }
    }

    /// One way to tamper with each projection, and the table that must be reported.
    static let tampering: [(table: String, sql: SQL)] = [
        ("fleets", SQL("test.tamper", "UPDATE fleets SET name = name || '!' WHERE fleet_id = 'north'")),
        ("resources", SQL("test.tamper", "UPDATE resources SET capacity = capacity + 1 WHERE fleet_id = 'north'")),
        (
            "fleet_federations",
            SQL("test.tamper", "UPDATE fleet_federations SET membership_epoch = membership_epoch + 1")
        ),
        (
            "fleet_federation_members",
            SQL(
                "test.tamper",
                """
                DELETE FROM fleet_federation_members WHERE rowid = \
                (SELECT MAX(rowid) FROM fleet_federation_members)
                """)
        ),
        (
            "resource_sharing",
            SQL(
                "test.tamper",
                """
                UPDATE resource_sharing SET priority = 'none' \
                WHERE sharing_id = (SELECT MIN(sharing_id) FROM resource_sharing)
                """)
        ),
        (
            "fleet_quotas",
            SQL(
                "test.tamper",
                """
                INSERT INTO fleet_quotas (federation_id, fleet_id, resource_type, nominal, weight, is_removed, version, \
                created_at, updated_at) VALUES (x'00', 'forged', 'vehicle', 9, 1, 0, 1, 0, 0)
                """)
        ),
        (
            "fleet_balances",
            SQL(
                "test.tamper",
                "INSERT INTO fleet_balances VALUES (x'00', 'forged', 'vehicle', 1, 0, 0)")
        ),
        (
            "allocations",
            SQL(
                "test.tamper",
                """
                INSERT INTO allocations (allocation_id, federation_id, target_fleet_id, items, duration, earliest, latest, \
                priority, accepts_part, status, lease_ids, is_part, has_begun, preemptions, explanation, version, \
                created_at, updated_at) \
                VALUES (x'00', x'01', 'forged', '[]', 1, 0, 0, 'low', 0, 'ended', '[]', 0, 0, 0, '{}', 1, 0, 0)
                """)
        ),
        (
            "coordination_metrics",
            SQL("test.tamper", "INSERT INTO coordination_metrics VALUES (x'00', x'01', 'load', 0.5, 'ratio', 0)")
        ),
        (
            "webhooks",
            SQL(
                "test.tamper",
                """
                INSERT INTO webhooks (webhook_id, fleet_id, url, status, secret, public_key, starts_after, created_by, \
                version, created_at, updated_at) \
                VALUES (x'00', 'forged', 'https://forger.example', 'active', '{}', '', 0, 'nobody', 1, 0, 0)
                """)
        ),
        (
            "event_replays",
            SQL(
                "test.tamper",
                "INSERT INTO event_replays VALUES (x'00', x'01', 'forged', 1, 2, 'running', NULL, 'nobody', 1, 0, NULL)"
            )
        ),
        (
            "messages",
            SQL(
                "test.tamper",
                "INSERT INTO messages VALUES (x'00', 'forged', x'01', NULL, 'note', 'bulk', NULL, 0, 1, 99999)")
        ),
        (
            "communication_logs",
            SQL(
                "test.tamper",
                """
                INSERT INTO communication_logs (position, target_fleet_id, log_id, message_id, federation_id, \
                source_fleet_id, message_type, class, is_broadcast, is_concealed, status, attempts, created_at, \
                expires_at) VALUES (0, 'forged', x'00', x'01', x'02', 'forger', 'note', 'bulk', 0, 0, 'accepted', 0, 0, 1)
                """)
        ),
        (
            "api_keys",
            SQL(
                "test.tamper",
                """
                INSERT INTO api_keys (key_id, name, digest, roles, fleet_ids, federation_ids, scopes, created_by, \
                created_at) VALUES (x'00', 'forged', x'ff', '["platform_admin"]', '[]', '[]', '[]', 'nobody', 0)
                """)
        ),
        ("audit_checkpoints", SQL("test.tamper", "INSERT INTO audit_checkpoints VALUES (0, 'forged', 'forged', 0)")),
    ]

    @Test("A tampered row is reported, in its table and in no other")
    func tamperedRow() async throws {
        #expect(Set(Self.tampering.map(\.table)) == Set(Tables.projections.map(\.name)))
        for (table, tamper) in Self.tampering {
            let database = try await SQLiteDatabase.openInMemory()
            var history = try await CommittedHistory(seed: 5, in: database)
            try await history.commitBatches(4)
            #expect(try await history.store.tablesThatDiffer() == [])
            try await database.commit([tamper])
            #expect(try await history.store.tablesThatDiffer() == [table])
            await database.close()
        }
    }

    @Test("A tampered event is reported as a difference")
    func tamperedEvent() async throws {
        let database = try await SQLiteDatabase.openInMemory()
        let history = try await CommittedHistory(seed: 1, in: database)
        let fleet = try #require(history.scenario.log.last { $0.type == .fleetRegistered })
        try await database.commit([
            SQL(
                "test.tamper",
                """
                UPDATE events SET data = REPLACE(data, '"name":"', '"name":"!') WHERE position = \(fleet.position)
                """)
        ])
        #expect(try await history.store.tablesThatDiffer() == ["fleets"])
        await database.close()
    }

    @Test("An event that is missing, or is no event, ends the rebuild")
    func brokenLog() async throws {
        for tamper in [
            SQL("test.tamper", "DELETE FROM events WHERE position = 3"),
            SQL("test.tamper", "UPDATE events SET data = '{' WHERE position = 3"),
            SQL("test.tamper", "UPDATE events SET type = 'fleet.invented' WHERE position = 3"),
        ] {
            let database = try await SQLiteDatabase.openInMemory()
            let history = try await CommittedHistory(seed: 1, in: database)
            try await database.commit([tamper])
            let scratch = try await Store.inMemory()
            let error = await #expect(throws: StoreError.self) { _ = try await history.store.rebuild(into: scratch) }
            guard case .corrupt? = error else {
                Issue.record("\(String(describing: error)) is not corrupt")
                continue
            }
            await scratch.database.close()
            await database.close()
        }
    }
}
