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

    /// Makes a table, writes to it and removes it.
    private func permissions() async -> Finding {
        let table: ClickHouseSQL = "fleet_probe_\(Int.random(in: 0 ... .max))"
        do {
            try await client.change("CREATE TABLE \(table) (a UInt8) ENGINE = MergeTree ORDER BY a")
        } catch {
            return .fail("permissions", "no table can be made: \(error)", "grant what docs/clickhouse.md lists")
        }
        var finding = Finding.ok("permissions", "tables can be made and written to")
        do { try await client.change("INSERT INTO \(table) SELECT 1") } catch {
            finding = .fail("permissions", "no row can be written: \(error)", "grant what docs/clickhouse.md lists")
        }
        do { try await client.change("DROP TABLE \(table)") } catch {
            return finding.level == .ok
                ? .warn("permissions", "a table fleet_probe_… was made and cannot be removed: \(error)", "remove it")
                : finding
        }
        return finding
    }
}
