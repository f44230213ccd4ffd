import CPostgres
package import FleetStore

/// How PostgreSQL is reached.
///
/// The address is a URI as libpq reads it: several hosts, `sslmode=verify-full`, `connect_timeout` and the like stand in
/// it. What it does not say is taken from libpq's own variables and files, such as `PGPASSWORD` and `~/.pgpass`.
package struct PostgresConfiguration: Sendable {
    /// As libpq numbers versions.
    static let oldestVersion: Int32 = 130_000

    /// Holds the password: never logged.
    private let url: String
    private let password: String?
    /// Where the tables are.
    private let schema: String
    /// Connections for reading, each with a thread; two more commit.
    let readers: Int
    /// How long the server works on one statement, and about how long a caller waits for a transaction.
    let statementTimeout: Duration
    /// nil is one that its connections need while a server is restarted.
    let retries: RetryBudget?

    /// - Parameters:
    ///   - url: `postgres://…` or `postgresql://…`.
    ///   - password: stands in for one in the URL.
    ///   - retries: of all its calls together.
    /// - Throws: `.failed` when libpq does not understand the URL. It says no more, because the URL may hold a password.
    package init(
        url: String, password: String? = nil, schema: String = "fleet_coordination", readers: Int = 8,
        statementTimeout: Duration = .seconds(10), retries: RetryBudget? = nil
    ) throws(StoreError) {
        precondition(readers > 0, "a database needs a reader")
        self.url = url
        self.password = password
        self.schema = schema
        self.readers = readers
        self.statementTimeout = statementTimeout
        self.retries = retries
        guard Self.isUnambiguous(url), let options = PQconninfoParse(url, nil) else {
            throw .failed("libpq does not understand the URL")
        }
        PQconninfoFree(options)
    }

    /// Whether user and password end where they seem to. With an `@` or a `/` in the password that is not percent-encoded
    /// libpq takes what follows for the host or the port, and quotes it when that fails.
    private static func isUnambiguous(_ url: String) -> Bool {
        let parts = url.split(separator: "@", omittingEmptySubsequences: false)
        let credentials = parts[0].drop { $0 != ":" }.dropFirst("://".count)
        return parts.count == 1 || parts.count == 2 && !credentials.contains("/")
    }

    /// Connects, or has failed to: `PQstatus` tells. Blocks for at most its time a host.
    func connect() -> OpaquePointer? {
        // What stands before the address gives way to it, what stands after does not.
        var settings: [(String, String)] = [
            ("connect_timeout", "3"), ("tcp_user_timeout", "5000"), ("keepalives_idle", "5"),
            ("fallback_application_name", "fleet-coordination"), ("dbname", url), ("client_encoding", "UTF8"),
            // A standby may be behind: it is of use when it is promoted.
            ("target_session_attrs", "read-write"),
        ]
        if let password { settings.append(("password", password)) }
        return withCStrings(settings.map(\.0)) { keywords in
            withCStrings(settings.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
    }

    /// How long a call may take. Longer than a statement, so that the server itself can say that one took too long, and
    /// its connection is kept.
    var patience: Duration { statementTimeout + .milliseconds(250) }

    /// What each connection is set to.
    var session: SQL {
        .postgresSession(schema: schema, statementMilliseconds: Int(statementTimeout / .milliseconds(1)))
    }
}

/// The strings as C has them, with a null behind.
private func withCStrings<Answer>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Answer
) -> Answer {
    var bytes: [CChar] = []
    var starts: [Int] = []
    for string in strings {
        starts.append(bytes.count)
        bytes += string.utf8CString
    }
    return bytes.withUnsafeBufferPointer { bytes in
        let pointers = starts.map { bytes.baseAddress?.advanced(by: $0) } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
