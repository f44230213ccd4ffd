import FleetStore
import FleetTestSupport
import Foundation
import PostgresBackend
import Testing

/// What becomes of calls when connections are lost, slow or few, and where the server is found.
@Suite(
    "Connections to PostgreSQL", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(2)))
struct ConnectionTests {
    private static let server = TestDatabase.postgresURL ?? ""

    private func open(
        _ url: String = server, readers: Int = 2, timeout: Duration = .seconds(10)
    ) async throws -> PostgresDatabase {
        try await PostgresDatabase.open(
            PostgresConfiguration(url: url, schema: "public", readers: readers, statementTimeout: timeout))
    }

    private func integer(_ database: PostgresDatabase, _ query: SQL) async throws -> Int64 {
        try #require(try await database.find(query).first).integer(0)
    }

    /// Ends every connection of that name, as a restart does. - Returns: how many there were.
    private func end(_ name: String, by other: PostgresDatabase) async throws -> Int64 {
        try await integer(
            other,
            SQL(
                "test.end",
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = \(name)
                """))
    }

    @Test("Prepared statements and connections that the server ended are had anew, without an error")
    func reconnect() async throws {
        let name = "reconnect-\(UInt32.random(in: 0 ... .max))"
        let database = try await open(Self.with("application_name=" + name))
        let other = try await open()
        for round: Int64 in 1...5 {
            #expect(try await integer(database, SQL("test.echo", "SELECT CAST(\(round) AS BIGINT)")) == round)
            try await database.commit([SQL("test.commit", "SELECT CAST(\(round) AS BIGINT)")])
            #expect(try await end(name, by: other) >= 2)
        }
        await database.close()
        await other.close()
    }

    @Test("Batches that lock each other out both happen, since a deadlock is tried again")
    func deadlock() async throws {
        let database = try await open()
        let table = Table()
        try await database.commit([table.make, table.insert(1), table.insert(2)])
        async let one: Void = database.commit([table.add(1), table.pause, table.add(2)])
        async let two: Void = database.commit([table.add(2), table.pause, table.add(1)])
        _ = try await (one, two)
        #expect(try await integer(database, table.sum) == 4)
        try await database.commit([table.drop])
        await database.close()
    }

    @Test("A statement that takes too long is given up by the server, which says so; its batch leaves nothing")
    func timeout() async throws {
        let database = try await open(timeout: .milliseconds(400))
        let patient = try await open()
        let table = Table()
        try await patient.commit([table.make])
        let begin = ContinuousClock.now
        let late = await #expect(throws: StoreError.self) {
            try await database.commit([table.insert(1), SQL("test.sleep", "SELECT pg_sleep(20)")])
        }
        let slow = await #expect(throws: StoreError.self) {
            try await database.find(SQL("test.sleep", "SELECT pg_sleep(20)"))
        }
        for error in [late, slow] {
            guard case .busy = error else {
                Issue.record("\(error as Any)")
                continue
            }
        }
        #expect(ContinuousClock.now - begin < .seconds(4))
        #expect(try await integer(patient, table.count) == 0)
        #expect(try await integer(database, SQL("test.one", "SELECT CAST(1 AS BIGINT)")) == 1)
        try await patient.commit([table.drop])
        await database.close()
        await patient.close()
    }

    @Test("No more connections are opened than the pool may have, however many ask")
    func pool() async throws {
        let database = try await open(readers: 3)
        let name = "pool-\(UInt32.random(in: 0 ... .max))"
        let most = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    try await database.find(
                        SQL(
                            "test.count",
                            """
                            SELECT CAST((SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || \(name) || '%') \
                            AS BIGINT), pg_sleep(0.1)
                            """))[0].integer(0)
                }
            }
            return try await group.reduce(0, max)
        }
        #expect(most <= 3)
        await database.close()
    }

    @Test("The first statement of a batch that is refused keeps all of the others from happening")
    func refusedFirst() async throws {
        let database = try await open()
        let table = Table()
        try await database.commit([table.make])
        await #expect(throws: StoreError.self) {
            try await database.commit([table.raiseWithoutRow, table.insert(1), table.insert(2)])
        }
        #expect(try await integer(database, table.count) == 0)
        try await database.commit([table.insert(7), table.raiseWithoutRow, table.insert(8)])
        #expect(try await integer(database, table.count) == 2)
        try await database.commit([table.drop])
        await database.close()
    }

    @Test("Of several hosts the one that takes writes is found")
    func hosts() async throws {
        let (host, rest) = try #require(Self.parts)
        let database = try await open(rest.replacing("HOST", with: "127.0.0.1:1,\(host)"))
        #expect(try await integer(database, SQL("test.one", "SELECT CAST(1 AS BIGINT)")) == 1)
        await database.close()
    }

    @Test("TLS is verified when that is asked for: the authority and the name have to fit")
    func tls() async throws {
        let authority = try #require(ProcessInfo.processInfo.environment["DEV_DEPS_DIR"]) + "/ca.crt"
        let database = try await open(Self.with("sslmode=verify-full&sslrootcert=" + authority))
        #expect(
            try await integer(
                database,
                SQL("test.tls", "SELECT CAST(count(*) AS BIGINT) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl")
            ) == 1)
        await database.close()
        let other = "/etc/ssl/certs/ca-certificates.crt"
        let error = await #expect(throws: StoreError.self) {
            _ = try await open(Self.with("sslmode=verify-full&sslrootcert=" + other))
        }
        #expect("\(error as Any)".contains("certificate verify failed"), "\(error as Any)")
        // The right authority, and another name than the certificate's.
        let (host, rest) = try #require(Self.parts)
        let port = host.split(separator: ":").last.map { ":\($0)" } ?? ""
        let mark = rest.contains("?") ? "&" : "?"
        let named = rest.replacing("HOST", with: "elsewhere.example\(port)") + mark + "hostaddr=127.0.0.1"
        let unnamed = await #expect(throws: StoreError.self) {
            _ = try await open(named + "&sslmode=verify-full&sslrootcert=" + authority)
        }
        #expect("\(unnamed as Any)".contains("does not match host name"), "\(unnamed as Any)")
    }

    @Test("A password that is wrong is told, and not quoted")
    func password() async throws {
        let error = await #expect(throws: StoreError.self) {
            _ = try await PostgresDatabase.open(PostgresConfiguration(url: Self.server, password: "wrong-one"))
        }
        #expect("\(error as Any)".contains("password authentication failed"))
        #expect(!"\(error as Any)".contains("wrong-one"))
    }

    /// Where the server is, and its address with `HOST` in that place.
    private static let parts: (host: String, rest: String)? = server.firstMatch(of: /@([^\/]+)/).map {
        (String($0.1), server.replacing("@" + $0.1, with: "@HOST"))
    }

    /// The server's address with one setting more.
    private static func with(_ setting: String) -> String { server + (server.contains("?") ? "&" : "?") + setting }

    /// Rows of a test's own.
    private struct Table {
        private let key = Int64.random(in: 0 ... .max)

        let make = SQL("test.make", "CREATE TABLE IF NOT EXISTS connection_test (key BIGINT, id BIGINT, number BIGINT)")
        let pause = SQL("test.pause", "SELECT pg_sleep(0.3)")
        var drop: SQL { SQL("test.drop", "DELETE FROM connection_test WHERE key = \(key)") }
        var sum: SQL {
            SQL("test.sum", "SELECT CAST(sum(number) AS BIGINT) FROM connection_test WHERE key = \(key)")
        }
        var count: SQL { SQL("test.rows", "SELECT CAST(count(*) AS BIGINT) FROM connection_test WHERE key = \(key)") }
        /// A guard: divides by zero unless there is a row.
        var raiseWithoutRow: SQL {
            SQL("test.guard", "SELECT 1 / count(*) FROM connection_test WHERE key = \(key)")
        }

        func insert(_ id: Int64) -> SQL {
            SQL("test.insert", "INSERT INTO connection_test VALUES (\(key), \(id), 0)")
        }

        func add(_ id: Int64) -> SQL {
            SQL("test.add", "UPDATE connection_test SET number = number + 1 WHERE key = \(key) AND id = \(id)")
        }
    }
}
