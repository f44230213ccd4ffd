import FleetJSON
import FleetTestSupport
import Foundation
import Testing

@Suite("doctor")
struct DoctorTests {
    private static let secret = "a-wrong-secret-of-ours"

    /// Its lines, without those that say what to do.
    private func doctor(
        in directory: ScratchDirectory, _ environment: [String: String] = [:], exits code: Int32
    ) async throws -> [String] {
        let run = try await ServiceProcess.run(in: directory, environment, ["doctor"])
        #expect(run.status == .exited(code) && run.errors == "", "\(run)")
        #expect(!run.output.contains(Self.secret), "\(run.output)")
        let lines = run.output.lines
        for (line, next) in zip(lines, lines.dropFirst() + [""]) where !line.hasPrefix(" ") {
            // What is not ok says what to do, and nothing else does.
            #expect(next.hasPrefix("      → ") != line.hasPrefix("ok"), "\(run.output)")
        }
        return lines.filter { !$0.hasPrefix(" ") }.map { $0.replacing(/[ ]{2,}/, with: " ") }
    }

    @Test("finds all well with what is built in, before the first start and beside a running service")
    func builtIn() async throws {
        let directory = try ScratchDirectory()
        let before = try await doctor(in: directory, exits: 0)
        #expect(before.contains("ok sqlite schema not made yet; the first start makes it"), "\(before)")
        #expect(before.allSatisfy { $0.hasPrefix("ok ") })
        for name in ["redis", "kafka", "clickhouse"] {
            #expect(before.contains { $0.hasPrefix("ok \(name) configured none; ") }, "\(before)")
        }
        #expect(!FileManager.default.fileExists(atPath: directory.data))
        let service = try await ServiceProcess.start(in: directory)
        let beside = try await doctor(in: directory, exits: 0)
        #expect(beside.contains("ok sqlite schema is current"), "\(beside)")
        #expect(beside.contains { $0.hasPrefix("ok sqlite latency median ") }, "\(beside)")
        try await service.stop()
        let run = try await ServiceProcess.run(in: directory, [:], ["doctor", "--json"])
        let report = try #require(try JSON.parse(Array(run.output.utf8)).objectValue)
        #expect(report["ok"] == .bool(true) && report["findings"]?.arrayValue?.count == beside.count, "\(run)")
    }

    @Test("says that the data keys are wrapped by another key, or are not there")
    func keys() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        #expect(try await doctor(in: directory, exits: 0).contains("ok sqlite keys can be unwrapped"))
        try await service.stop()
        let other = try directory.write(Data(repeating: 7, count: 32).base64EncodedString(), to: "other-key")
        let wrong = try await doctor(in: directory, ["ENCRYPTION_KEY_FILE": other], exits: 1)
        #expect(wrong.contains("FAIL sqlite keys the data keys are wrapped by another key"), "\(wrong)")
        try FileManager.default.removeItem(atPath: directory.data + "/encryption-key")
        let none = try await doctor(in: directory, exits: 1)
        #expect(none.contains("FAIL sqlite keys the data keys are wrapped by another key"), "\(none)")
    }

    @Test(
        "says what state the schema is in",
        arguments: [
            (
                "DELETE FROM fleet_schema_migrations WHERE version = 11",
                "warn sqlite schema the schema is at version 10, not 11",
                0
            ),
            (
                "INSERT INTO fleet_schema_migrations VALUES (99, '', 0)",
                "FAIL sqlite schema the schema is at version 99, this program knows 11", 1
            ),
            (
                "DROP TABLE fleet_schema_migrations",
                "FAIL sqlite schema the database holds the tables of something else", 1
            ),
            (
                "INSERT INTO fleet_schema_migrations VALUES (\(Int64.max), '', 0)",
                "FAIL sqlite schema the database was not filled to the end", 1
            ),
        ] as [(String, String, Int32)])
    func schema(statement: String, line: String, code: Int32) async throws {
        let directory = try ScratchDirectory()
        _ = try await ServiceProcess.run(in: directory, [:], ["migrate"])
        try database(in: directory, statement)
        #expect(try await doctor(in: directory, exits: code).contains(line))
    }

    @Test("says of each that nobody is at its address")
    func nobody() async throws {
        let lines = try await doctor(in: try ScratchDirectory(), Self.all(at: "127.0.0.1:9"), exits: 1)
        for name in ["postgres", "redis", "kafka", "clickhouse"] {
            #expect(lines.contains { $0.hasPrefix("FAIL \(name) reachable ") }, "\(lines)")
        }
        #expect(lines.filter { $0.hasPrefix("FAIL") }.count == 4, "\(lines)")
    }

    @Test("ends within its deadline when those at the addresses take connections and never answer")
    func silent() async throws {
        let directory = try ScratchDirectory()
        let silent = try await ScriptedServer("silent", in: directory)
        let begin = ContinuousClock.now
        let lines = try await doctor(in: directory, Self.all(at: silent.address), exits: 1)
        let elapsed = ContinuousClock.now - begin
        #expect(elapsed < .seconds(10), "\(elapsed)")
        for name in ["postgres", "redis", "kafka", "clickhouse"] {
            #expect(lines.contains { $0.hasPrefix("FAIL \(name) reachable ") }, "\(lines)")
        }
    }

    @Test("says of a Redis, a ClickHouse and a Kafka that they are too old, and that a Redis refuses the password")
    func peers() async throws {
        let directory = try ScratchDirectory()
        let old = try await ScriptedServer("old-redis", in: directory)
        let strict = try await ScriptedServer("strict-redis", in: directory)
        let clickHouse = try await ScriptedServer("old-clickhouse", in: directory)
        let kafka = try await ScriptedServer("old-kafka", in: directory)
        let first = try await doctor(
            in: directory,
            ["REDIS_ADDR": old.address, "CLICKHOUSE_ADDR": clickHouse.address, "KAFKA_BROKERS": kafka.address], exits: 1
        )
        #expect(first.contains { $0.hasPrefix("FAIL kafka version the brokers are too old") }, "\(first)")
        #expect(first.contains("FAIL redis version the server is older than Redis 6"), "\(first)")
        #expect(first.contains { $0.hasPrefix("FAIL clickhouse version ClickHouse 21.8.15.7 is too old") }, "\(first)")
        let second = try await doctor(
            in: directory,
            ["REDIS_ADDR": strict.address, "REDIS_PASSWORD": Self.secret], exits: 1)
        #expect(
            second.contains("FAIL redis reachable the server refuses REDIS_USERNAME or REDIS_PASSWORD"), "\(second)")
    }

    @Test(
        "says of a PostgreSQL what it can do, leaves nothing there, and says when the password is wrong or a right lacks",
        .enabled(if: TestDatabase.postgresURL != nil))
    func postgres() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        let lines = try await doctor(in: directory, ["DATABASE_URL": target.url], exits: 0)
        for line in [
            "ok postgres permissions fleet_coordination can be made and written to",
            "ok postgres permissions fleet_coordination_keys can be made and written to",
            "ok postgres schema not made yet; the first start makes it",
        ] { #expect(lines.contains(line), "\(lines)") }
        for check in ["version PostgreSQL ", "clock +", "latency median "] {
            #expect(lines.contains { $0.contains(" postgres \(check)") }, "\(lines)")
        }
        let made = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'fleet_coordination%'"
        #expect(try await target.execute(made) == "0")
        #expect(try await target.execute("SELECT count(*) FROM pg_extension WHERE extname = 'btree_gist'") == "0")

        var url = try #require(URLComponents(string: target.url))
        url.password = Self.secret
        let wrong = try await doctor(in: directory, ["DATABASE_URL": try #require(url.string)], exits: 1)
        #expect(wrong.contains { $0.hasPrefix("FAIL postgres reachable ") && $0.contains("password") }, "\(wrong)")

        let role = "doctor_\(UInt32.random(in: 0 ... .max))"
        try await target.execute("CREATE ROLE \(role) LOGIN PASSWORD '\(Self.secret)'")
        (url.user, url.password) = (role, Self.secret)
        let weak = try await doctor(in: directory, ["DATABASE_URL": try #require(url.string)], exits: 1)
        #expect(weak.filter { $0.hasPrefix("FAIL postgres permissions ") }.count == 2, "\(weak)")
        try await target.execute("DROP ROLE \(role)")
        await target.drop()
    }

    /// Every dependency at one address.
    private static func all(at address: String) -> [String: String] {
        [
            "DATABASE_URL": "postgres://fleet:\(secret)@\(address)/none", "REDIS_ADDR": address,
            "REDIS_PASSWORD": secret, "KAFKA_BROKERS": address, "CLICKHOUSE_ADDR": address,
            "CLICKHOUSE_PASSWORD": secret,
        ]
    }
}
