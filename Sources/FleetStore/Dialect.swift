import FleetDomain

/// Where the engines differ in what they are told.
package enum Dialect: String, Sendable {
    case sqlite
    case postgres

    /// The whole milliseconds from an instant to a column's.
    func milliseconds(from start: Timestamp, to column: SQL.Fragment) -> SQL.Fragment {
        switch self {
        case .sqlite: "(\(column) - \(start))"
        case .postgres: "CAST(EXTRACT(EPOCH FROM (\(column) - CAST(\(start) AS TIMESTAMPTZ))) * 1000 AS BIGINT)"
        }
    }

    /// A text column as the bytes that are stored: SQLite does not look whether they are UTF-8, PostgreSQL does.
    func stored(_ column: SQL.Fragment) -> SQL.Fragment {
        switch self {
        case .sqlite: "CAST(\(column) AS BLOB)"
        case .postgres: column
        }
    }

    /// Makes the place for the tables, where that is not the file.
    var makeSchema: [SQL] {
        switch self {
        case .sqlite: []
        // Whoever may not make one may use one that is there.
        case .postgres:
            [
                SQL(
                    "schema.make",
                    """
                    DO $$ BEGIN IF to_regnamespace(current_setting('search_path')) IS NULL THEN \
                    EXECUTE format('CREATE SCHEMA %I', current_setting('search_path')); END IF; END $$
                    """)
            ]
        }
    }

    /// Waits until nobody else changes the schema; ends with the transaction.
    var lockSchema: [SQL] {
        switch self {
        case .sqlite: []
        case .postgres:
            [SQL("schema.lock", "SELECT pg_advisory_xact_lock(hashtext('fleet_coordination.migrate'))")]
        }
    }
}

extension SQL {
    /// The least that shows that a database answers.
    package static let ping = SQL("session.ping", "SELECT 1").urgent

    /// What a session on PostgreSQL is set to.
    ///
    /// - Parameter statementMilliseconds: how long the server works on a statement; half of it waits for a lock.
    package static func postgresSession(schema: String, statementMilliseconds: Int) -> SQL {
        SQL(
            "session.begin",
            """
            SELECT set_config('search_path', \(schema), FALSE), set_config('TimeZone', 'UTC', FALSE), \
            set_config('statement_timeout', \("\(statementMilliseconds)"), FALSE), \
            set_config('lock_timeout', \("\(statementMilliseconds / 2)"), FALSE), \
            set_config('idle_in_transaction_session_timeout', '3000', FALSE), \
            set_config('tcp_keepalives_idle', '10', FALSE), set_config('tcp_keepalives_interval', '5', FALSE), \
            set_config('tcp_keepalives_count', '3', FALSE), \
            set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') \
            THEN 'on' ELSE current_setting('synchronous_commit') END, FALSE)
            """)
    }
}
