package import FleetDomain

extension Store {
    /// Brings the schema up to this version of the service.
    ///
    /// - Parameter last: no later step is taken; for a test that begins with an earlier schema.
    /// - Returns: the steps taken; none when it was up to date.
    /// - Throws: `SchemaError.newer` or `.foreign`, and nothing is written.
    @discardableResult
    package func migrate(now: Timestamp, upTo last: Int64 = .max) async throws -> [Migration] {
        let current = try await checkedVersion()
        let missing = Migration.all(for: database.dialect).filter { $0.version > current && $0.version <= last }
        for migration in missing {
            let steps = migration.statements.map { SQL("schema.step", text: $0) }
            var batch = database.dialect.lockSchema
            if migration.version == 1 {
                batch += database.dialect.makeSchema
                batch.append(
                    SQL(
                        "schema.versions",
                        """
                        CREATE TABLE IF NOT EXISTS fleet_schema_migrations (
                            version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)
                        """))
            }
            // First, so that of two processes one fails before it has begun.
            batch.append(
                SQL(
                    "schema.record",
                    """
                    INSERT INTO fleet_schema_migrations (version, name, applied_at) \
                    VALUES (\(migration.version), \(migration.name), \(now.milliseconds))
                    """))
            do throws(StoreError) {
                try await database.commit(batch + steps)
            } catch {
                // Somebody else may have taken the step meanwhile.
                guard case .conflict = error, try await checkedVersion() >= migration.version else { throw error }
            }
        }
        return missing
    }

    /// Refuses a database that this version cannot use as it is.
    package func requireCurrentSchema() async throws {
        let known = Migration.all(for: database.dialect).last?.version ?? 0
        let found = try await checkedVersion()
        guard found == known else { throw SchemaError.behind(found: found, known: known) }
    }

    private func checkedVersion() async throws -> Int64 {
        let known = Migration.all(for: database.dialect).last?.version ?? 0
        let tables = try await tableNames()
        guard tables.contains("fleet_schema_migrations") else {
            guard tables.isEmpty else { throw SchemaError.foreign }
            return 0
        }
        let rows = try await database.read(
            SQL("schema.version", "SELECT COALESCE(MAX(version), 0) FROM fleet_schema_migrations"))
        let found = try rows.first?.integer(0) ?? 0
        guard found <= known else { throw SchemaError.newer(found: found, known: known) }
        return found
    }

    private func tableNames() async throws -> [String] {
        let query: SQL =
            switch database.dialect {
            case .sqlite: SQL("schema.tables", "SELECT name FROM sqlite_schema WHERE type = 'table'")
            case .postgres:
                SQL(
                    "schema.tables",
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
            }
        return try await database.read(query).map { row in try row.text(0) }.filter { !$0.hasPrefix("sqlite_") }
    }
}
