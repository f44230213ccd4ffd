package import FleetDomain

extension Store {
    /// Brings the schema up to this version of the service.
    ///
    /// - Parameter last: no later step is taken; for a test that begins with an earlier schema.
    /// - Returns: the steps taken; none when it was up to date.
    /// - Throws: `SchemaError.newer`, `.foreign`, `.closed` or `.forbidden`, `StoreError.forbidden`, and nothing is written.
    @discardableResult
    package func migrate(now: Timestamp, upTo last: Int64 = .max) async throws -> [Migration] {
        try await requireServerIdentity()
        do {
            return try await takeSteps(now: now, upTo: last)
        } catch StoreError.forbidden(let reason) {
            throw SchemaError.forbidden(reason)
        }
    }

    private func takeSteps(now: Timestamp, upTo last: Int64) async throws -> [Migration] {
        let current = try await schemaVersion()
        try await database.prepareRoles()
        let missing = Migration.all(for: database.dialect).filter { $0.version > current && $0.version <= last }
        var taken: [Migration] = []
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
                try await database.commit(batch + steps + database.dialect.secureTables)
                taken.append(migration)
            } catch {
                // Somebody else may have taken the step meanwhile.
                guard case .conflict = error, try await schemaVersion() >= migration.version else { throw error }
            }
        }
        guard missing.isEmpty, current > 0 else { return taken }
        let isGranted = try await database.isGranted("events")
        if !isGranted {
            try await database.commit(database.dialect.lockSchema + database.dialect.secureTables)
        }
        return taken
    }

    /// Refuses a database that this version cannot use as it is.
    package func requireCurrentSchema() async throws {
        let known = knownVersion
        let found = try await schemaVersion()
        guard found == known else { throw SchemaError.behind(found: found, known: known) }
    }

    /// The last step that there is.
    var knownVersion: Int64 { Migration.all(for: database.dialect).last?.version ?? 0 }

    /// The last step that was taken; 0 before the first.
    ///
    /// - Throws: `SchemaError`, save `.behind`.
    func schemaVersion() async throws -> Int64 {
        let known = knownVersion
        guard try await database.isOpen() else { throw SchemaError.closed }
        let tables = try await database.tableNames()
        guard tables.contains("fleet_schema_migrations") else {
            guard tables.isEmpty else { throw SchemaError.foreign }
            return 0
        }
        let rows = try await database.read(
            SQL("schema.version", "SELECT COALESCE(MAX(version), 0) FROM fleet_schema_migrations"))
        let found = try rows.first?.integer(0) ?? 0
        guard found != Self.incompleteVersion else { throw SchemaError.incomplete }
        guard found <= known else { throw SchemaError.newer(found: found, known: known) }
        return found
    }

}

extension SQLDatabase {
    /// Whether the user may use the schema, where there is one already.
    func isOpen() async throws(StoreError) -> Bool {
        guard dialect == .postgres else { return true }
        let rows = try await read(
            SQL(
                "schema.open",
                """
                SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = current_setting('search_path')
                """))
        return try rows.first?.bool(0) ?? true
    }

    /// The tables that are there.
    func tableNames() async throws(StoreError) -> [String] {
        let query: SQL =
            switch dialect {
            case .sqlite: SQL("schema.tables", "SELECT name FROM sqlite_schema WHERE type = 'table'")
            case .postgres:
                SQL(
                    "schema.tables",
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
            }
        return try await read(query).map { (row) throws(StoreError) in try row.text(0) }.filter {
            !$0.hasPrefix("sqlite_")
        }
    }
}
