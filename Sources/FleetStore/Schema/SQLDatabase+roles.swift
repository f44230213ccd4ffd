import FleetDomain

extension SQLDatabase {
    /// Makes the roles of `RowScope` unless they are there, and sees that lists can be read by one of them.
    ///
    /// Roles belong to the server, not to the database: also one whose schema is current may lack them, after it was restored
    /// elsewhere.
    /// - Throws: `.forbidden` or `.failed` when the user may not make them, or may not read by them.
    func prepareRoles() async throws(StoreError) {
        guard dialect == .postgres else { return }
        do throws(StoreError) {
            try await enterReaderRole()
        } catch {
            guard error.isRefusal else { throw error }
            do throws(StoreError) {
                try await commit(dialect.lockSchema + [Self.makeRoles])
            } catch {
                // Roles are one server's, and the lock one database's: somebody else may have made them meanwhile.
                guard error.isRefusal, (try? await enterReaderRole()) != nil else { throw error }
            }
        }
    }

    /// That lists can be read by the role that is made for it.
    ///
    /// - Throws: `.forbidden` or `.failed` with the server's words when they cannot.
    package func enterReaderRole() async throws(StoreError) {
        _ = try await read(.ping, within: RowScope(Principal(subject: "", roles: [])))
    }

    /// Whoever makes roles need not be in them, and whoever connects has to be, to read as one.
    private static var makeRoles: SQL {
        SQL(
            "roles.make",
            """
            DO $$
            DECLARE
                before TEXT := current_setting('role');
            BEGIN
                IF to_regrole('fleet_coordination_writer') IS NULL THEN CREATE ROLE fleet_coordination_writer NOLOGIN; END IF;
                IF to_regrole('fleet_coordination_reader') IS NULL THEN CREATE ROLE fleet_coordination_reader NOLOGIN; END IF;
                IF NOT pg_has_role('fleet_coordination_writer', 'fleet_coordination_reader', 'MEMBER') THEN
                    GRANT fleet_coordination_reader TO fleet_coordination_writer;
                END IF;
                BEGIN
                    PERFORM set_config('role', 'fleet_coordination_reader', TRUE);
                    PERFORM set_config('role', before, TRUE);
                EXCEPTION WHEN insufficient_privilege THEN
                    EXECUTE format('GRANT fleet_coordination_reader TO %I', session_user);
                END;
            END $$
            """)
    }
}

extension StoreError {
    /// The engine answered, and refused.
    fileprivate var isRefusal: Bool {
        switch self {
        case .forbidden, .failed, .conflict: true
        case .full, .busy, .unavailable, .superseded, .outcomeUnknown, .corrupt: false
        }
    }
}

extension SQLDatabase {
    /// Whether the roles may use the tables: after a copy to a server that did not have them, they may not.
    ///
    /// - Parameter table: one of the schema's.
    func isGranted(_ table: String) async throws(StoreError) -> Bool {
        guard dialect == .postgres else { return true }
        let rows = try await read(
            SQL(
                "roles.granted",
                """
                SELECT COALESCE(has_table_privilege('fleet_coordination_writer', to_regclass(\(table)), 'INSERT'), FALSE)
                """))
        return try rows.first?.bool(0) ?? false
    }
}

extension Dialect {
    /// Lets who serves without owning the tables use them.
    var grantTables: [SQL] {
        switch self {
        case .sqlite: []
        case .postgres:
            [
                SQL(
                    "schema.grant",
                    """
                    DO $$ BEGIN
                        EXECUTE format('GRANT USAGE ON SCHEMA %I TO fleet_coordination_writer, fleet_coordination_reader',
                            current_schema());
                        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I
                            TO fleet_coordination_writer', current_schema());
                    END $$
                    """)
            ]
        }
    }

    /// The same for the tables of the log, of which it narrows the rows; ends a step of the schema, and may be done again.
    var secureTables: [SQL] {
        guard case .postgres = self else { return [] }
        // What runs with the owner's rights finds no table that a caller has put in its way.
        let functions = SQL(
            "schema.functions",
            """
            DO $$ BEGIN
                EXECUTE format('ALTER FUNCTION reader_coordinates() SET search_path = %I, pg_temp', current_schema());
                EXECUTE format('ALTER FUNCTION reader_federations() SET search_path = %I, pg_temp', current_schema());
                REVOKE EXECUTE ON FUNCTION reader_coordinates(), reader_federations() FROM PUBLIC;
                GRANT EXECUTE ON FUNCTION reader_coordinates(), reader_federations() TO fleet_coordination_reader;
            END $$
            """)
        let policies = Migration.postgresPolicies.flatMap { table, condition in
            [
                "ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY",
                "DROP POLICY IF EXISTS writer ON \(table)",
                "CREATE POLICY writer ON \(table) TO \(RowScope.writerRole) USING (TRUE) WITH CHECK (TRUE)",
                "DROP POLICY IF EXISTS reader ON \(table)",
                """
                CREATE POLICY reader ON \(table) FOR SELECT TO \(RowScope.readerRole)
                    USING ((SELECT reader_sees_all()) OR \(condition))
                """,
                "GRANT SELECT ON \(table) TO \(RowScope.readerRole)",
            ]
        }
        return grantTables + [functions] + policies.map { SQL("schema.secure", text: $0) }
    }
}
