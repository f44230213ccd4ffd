package import FleetDomain

/// What a PostgreSQL says of itself and of the user.
package struct PostgresFacts: Sendable {
    /// As `server_version_num` has it.
    package let version: Int64
    package let isSuperuser: Bool
    package let mayMakeRoles: Bool
}

extension SQLDatabase {
    package func postgresFacts() async throws(StoreError) -> PostgresFacts {
        let rows = try await read(
            SQL(
                "doctor.facts",
                """
                SELECT CAST(current_setting('server_version_num') AS BIGINT), \
                COALESCE((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), FALSE), \
                COALESCE((SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user), FALSE)
                """))
        guard let row = rows.first else { throw .corrupt("the server says nothing of itself") }
        return PostgresFacts(version: try row.integer(0), isSuperuser: try row.bool(1), mayMakeRoles: try row.bool(2))
    }

    /// The server's clock.
    package func postgresClock() async throws(StoreError) -> Timestamp {
        guard let row = try await find(SQL("doctor.clock", "SELECT clock_timestamp()")).first else {
            throw .corrupt("the server has no clock")
        }
        return try row.timestamp(0)
    }

    /// The library's own version.
    package func sqliteVersion() async throws(StoreError) -> String {
        try await find(SQL("doctor.version", "SELECT sqlite_version()")).first?.text(0) ?? ""
    }

    /// Does on PostgreSQL what a start would, in a transaction within one, and takes it back. Where the schema is there it is
    /// only written to, which the user need not own it for.
    ///
    /// - Parameter table: one of the schema's.
    /// - Throws: `.forbidden` with the server's words when the user may not.
    package func tryWriting(to table: AnyTable, withExtension: Bool) async throws(StoreError) {
        let make: SQL.Fragment = withExtension ? "CREATE EXTENSION IF NOT EXISTS btree_gist;" : ""
        let isThere = SQL.Fragment(trusted: "to_regclass('\(table.name)') IS NOT NULL")
        let write = SQL.Fragment(trusted: "DELETE FROM \(table.name) WHERE FALSE;")
        try await commit([
            SQL(
                "doctor.try",
                """
                DO $$ BEGIN IF \(isThere) THEN \(write) RETURN; END IF; BEGIN \
                IF to_regnamespace(current_setting('search_path')) IS NULL THEN \
                EXECUTE format('CREATE SCHEMA %I', current_setting('search_path')); END IF; \
                \(make) CREATE TABLE doctor_probe (a BIGINT); INSERT INTO doctor_probe VALUES (1); \
                RAISE EXCEPTION USING ERRCODE = 'FC002'; \
                EXCEPTION WHEN SQLSTATE 'FC002' THEN NULL; END; END $$
                """)
        ])
    }
}
