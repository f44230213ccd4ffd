package import FleetService

extension ClickHouse: Examinable {
    /// The newest release that was tried.
    private static let newestVersion = 26

    package func examine(_ note: Notes) async throws {
        let version = try await client.version()
        note(.ok("reachable", "answers statements"))
        note(.version("ClickHouse", version, supported: Self.oldestVersion...Self.newestVersion))
        note(try await schema())
        note(await permissions())
        note(
            try await .clock {
                let rows = try await self.client.read("SELECT toUnixTimestamp64Milli(now64(3))")
                guard let row = rows.first else { throw ClickHouseError.malformed("it does not tell the time") }
                return try row.integer(0)
            })
        note(try await .latency { _ = try await self.client.version() })
    }

    private func schema() async throws -> Finding {
        let tables = try await client.read(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'fleet_migrations'")
        guard try tables.first?.integer(0) ?? 0 > 0 else {
            return .ok("schema", "not made yet; the service makes it")
        }
        let (found, known) = (try await schemaVersion(), ClickHouseSchema.version)
        if found > known {
            return .fail("schema", "is at version \(found), this program knows \(known)", "run a newer program")
        }
        guard found < known else { return .ok("schema", "is current, at version \(found)") }
        return .warn("schema", "is at version \(found), not \(known)", "nothing: the service takes the steps that lack")
    }

    /// Does once what a start and a batch do, with a table and a view of its own, and removes them.
    private func permissions() async -> Finding {
        let table: ClickHouseSQL = "fleet_probe_\(Int.random(in: 0 ... .max))"
        let steps: [(ClickHouseSQL, failure: String)] = [
            ("CREATE TABLE \(table) (a DateTime) ENGINE = MergeTree ORDER BY a", "no table can be made"),
            ("CREATE MATERIALIZED VIEW \(table)_view TO \(table) AS SELECT a FROM \(table)", "no view can be made"),
            ("DROP VIEW \(table)_view", "a view fleet_probe_… was made and cannot be removed"),
            ("ALTER TABLE \(table) MODIFY TTL a + INTERVAL 1 DAY", "it cannot be said how long rows are kept"),
            ("INSERT INTO \(table) SELECT now()", "no row can be written"),
        ]
        var finding = Finding.ok("permissions", "tables and views can be made and written to")
        for (index, step) in steps.enumerated() {
            do { try await client.change(step.0) } catch {
                finding = .fail("permissions", "\(step.failure): \(error)", "grant what docs/clickhouse.md lists")
                if index == 0 { return finding }
                break
            }
        }
        do { try await client.change("DROP TABLE \(table)") } catch {
            return finding.level == .ok
                ? .warn("permissions", "a table fleet_probe_… was made and cannot be removed: \(error)", "remove it")
                : finding
        }
        return finding
    }
}
