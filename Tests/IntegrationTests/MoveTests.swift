import FleetJSON
import FleetTestSupport
import Foundation
import Testing

/// From SQLite to PostgreSQL, and back.
@Suite(
    "migrate --from --to", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(4)))
struct MoveTests {
    private typealias Run = (status: ChildProcess.Status, output: String, errors: String)

    @Test("carries everything to PostgreSQL: what was readable, provable and answered before is so there, and goes on")
    func whole() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        let before = try await ServiceProcess.start(in: directory)
        let world = try await World(filling: before)
        try directory.write(try await before.waitForCheckpoint().text, to: "checkpoint.json")
        try await before.stop()

        let run = try await migrate(in: directory, from: "sqlite://" + directory.database, to: target.url)
        #expect(run.status == .exited(0), "\(run)")
        #expect(run.output.lines.count == 5 && run.output.lines.dropLast().allSatisfy { $0.hasSuffix(", same") })
        #expect(run.output.hasPrefix("events: 1 tables, "))
        let verify = try await ServiceProcess.run(
            in: directory, ["DATABASE_URL": target.url],
            ["audit", "verify", "--checkpoint", directory.path + "/checkpoint.json"])
        #expect(verify.status == .exited(0), "\(verify)")
        let rebuild = try await ServiceProcess.run(in: directory, ["DATABASE_URL": target.url], ["events", "rebuild"])
        #expect(rebuild.status == .exited(0), "\(rebuild)")

        let after = try await ServiceProcess.start(in: directory, ["DATABASE_URL": target.url])
        try await world.check(after, key: before.adminKey)
        try await after.stop()
        await target.drop()
    }

    @Test("carries everything back to SQLite")
    func back() async throws {
        let (directory, database, key) = (
            try ScratchDirectory(), try await ScratchPostgres(), "k1k1k1k1k1k1k1k1k1k1k1k1k1k1k1k1"
        )
        let before = try await ServiceProcess.start(
            in: directory, ["DATABASE_URL": database.url, "ADMIN_API_KEY": key])
        let world = try await World(filling: before)
        let served = try await migrate(in: directory, from: database.url, to: "sqlite://" + directory.database)
        #expect(served.status == .exited(1) && served.errors.contains("--from is served by http://"), "\(served)")
        #expect(!FileManager.default.fileExists(atPath: directory.data + "/keys.db"))
        try await before.stop()
        let run = try await migrate(in: directory, from: database.url, to: "sqlite://" + directory.database)
        #expect(run.status == .exited(0), "\(run)")
        let after = try await ServiceProcess.start(in: directory, ["ADMIN_API_KEY": key])
        try await world.check(after, key: key)
        try await after.stop()
        await database.drop()
    }

    @Test("Killed halfway, it leaves what nothing serves, and what the next one clears and fills")
    func killed() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        let before = try await ServiceProcess.start(in: directory)
        let world = try await World(filling: before)
        try await before.stop()
        let environment = ["DATABASE_URL": target.url]
        #expect(try await ServiceProcess.run(in: directory, environment, ["migrate"]).status == .exited(0))

        // It stands still where it would write a table that comes late.
        let lock = try target.begin(
            "BEGIN; LOCK TABLE fleet_coordination.sink_cursors IN SHARE MODE; SELECT pg_sleep(60)")
        _ = try await eventually("the lock") {
            try await target.execute("SELECT 1 FROM pg_locks WHERE mode = 'ShareLock' AND granted").isEmpty ? nil : true
        }
        let arguments = ["migrate", "--from", "sqlite://" + directory.database, "--to", target.url]
        let child = try ChildProcess(
            ServiceProcess.program, arguments, environment: ["DATA_DIR": directory.data], in: directory.path)
        _ = try await eventually("the log in the target") {
            try await target.execute("SELECT 1 FROM fleet_coordination.audit_checkpoints LIMIT 1").isEmpty ? nil : true
        }
        child.send(SIGKILL)
        #expect(try await child.exit() == .signalled(SIGKILL))
        lock.send(SIGKILL)
        try await lock.exit()
        try await target.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
        )

        for command in [["serve"], ["migrate"], ["events", "rebuild"]] {
            let refused = try await ServiceProcess.run(in: directory, environment, command)
            #expect(refused.status == .exited(1), "\(command): \(refused)")
            #expect(
                refused.errors.trimmed.hasSuffix(
                    "DATABASE_URL: the database was not filled to the end; run 'fleet-coordination migrate --from … --to …' again."
                ), "\(refused)")
        }
        let run = try await migrate(in: directory, from: "sqlite://" + directory.database, to: target.url)
        #expect(run.status == .exited(0), "\(run)")
        let after = try await ServiceProcess.start(in: directory, environment)
        try await world.check(after, key: before.adminKey)
        try await after.stop()
        await target.drop()
    }

    @Test("names the table that is not the same, exits 1, and leaves what nothing serves")
    func different() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        try await ServiceProcess.start(in: directory).stop()
        let environment = ["DATABASE_URL": target.url]
        #expect(try await ServiceProcess.run(in: directory, environment, ["migrate"]).status == .exited(0))
        try await target.execute(
            """
            SET search_path TO fleet_coordination;
            CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name = ''changed''; RETURN NEW; END';
            CREATE TRIGGER change BEFORE INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION change();
            """)
        let run = try await migrate(in: directory, from: "sqlite://" + directory.database, to: target.url)
        #expect(run.status == .exited(1) && run.output.contains("projections: 15 tables"), "\(run)")
        #expect(
            run.errors.trimmed
                == "fleet-coordination: --to does not hold what --from holds, in api_keys; run the command again.")
        #expect(try await ServiceProcess.run(in: directory, environment).status == .exited(1))
        await target.drop()
    }

    @Test("refuses a target that is served or holds anything, a wrong password, and writes nothing")
    func refusedTargets() async throws {
        let (directory, target) = (try ScratchDirectory(), try await ScratchPostgres())
        try await ServiceProcess.start(in: directory).stop()
        let from = "sqlite://" + directory.database
        func complaint(_ to: String, _ environment: [String: String] = [:]) async throws -> String {
            let run = try await migrate(in: directory, from: from, to: to, environment)
            #expect(run.status == .exited(1) && run.output == "" && run.errors.lines.count == 1, "\(run)")
            return run.errors.trimmed
        }
        var wrong = try #require(URLComponents(string: target.url))
        wrong.password = "a-wrong-secret"
        let denied = try await complaint(try #require(wrong.string))
        #expect(denied.hasPrefix("fleet-coordination: --to: ") && denied.contains("DATABASE_PASSWORD"), "\(denied)")
        wrong.password = nil
        let deniedToo = try await complaint(
            try #require(wrong.string), ["DATABASE_PASSWORD": "a-wrong-secret", "PGPASSWORD": ""])
        for line in [denied, deniedToo] { #expect(!line.contains("a-wrong-secret"), "\(line)") }
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'fleet_coordination%'"
        #expect(try await target.execute(schemas) == "0")

        let other = try await ServiceProcess.start(in: try ScratchDirectory(), ["DATABASE_URL": target.url])
        let count = "SELECT count(*) FROM fleet_coordination.api_keys"
        #expect(try await complaint(target.url).contains("--to is not empty: events holds rows"))
        try await other.stop()
        #expect(try await complaint(target.url).contains("--to is not empty: events holds rows"))
        #expect(try await target.execute(count) == "1")
        await target.drop()
    }

    private func migrate(
        in directory: ScratchDirectory, from: String, to: String, _ environment: [String: String] = [:]
    ) async throws -> Run {
        try await ServiceProcess.run(in: directory, environment, ["migrate", "--from", from, "--to", to])
    }
}

/// Some of everything, and what is answered of it.
private struct World {
    private let answers: [String: Reply]
    private let federation: String
    private let operatorKey: String
    private let created: Reply
    private let message: String
    private let events: [JSON]
    /// A page that follows on one, by the token that the first one gave.
    private let nextPage: (path: String, records: JSON?)

    init(filling service: ServiceProcess) async throws {
        try await service.fill()
        let key = try await service.send(
            "POST", "/api-keys", #"{"name":"south","roles":["fleet_operator"],"fleet_ids":["south"]}"#)
        operatorKey = try #require(key["key"]?.stringValue)
        created = try await service.create("once", idempotencyKey: "once-once-0123456789")
        #expect(created.status == 201)
        let patched = try await service.send("PATCH", "/fleets/north", #"{"contact":{"name":"harbour office"}}"#)
        #expect(patched.status == 200, "\(patched.text)")
        let log = try await service.send("GET", "/communication-logs")
        message = try #require(log["communication_logs"]?.arrayValue?.first?.objectValue?["message_id"]?.stringValue)
        let federations = try await service.send("GET", "/federations")
        let first = federations["federations"]?.arrayValue?.first { $0.objectValue?["name"]?.stringValue == "rebuilt" }
        federation = try #require(first?.objectValue?["federation_id"]?.stringValue)
        try await service.waitForCheckpoint()
        answers = try await Self.answers(service, federation, message, service.adminKey)
        events = try await Self.events(service, service.adminKey)
        let token = try await service.send("GET", "/audit-log?page_size=3")["next_page_token"]?.stringValue
        let path = "/audit-log?page_size=3&page_token=\(try #require(token))"
        nextPage = (path, try await service.send("GET", path)["audit_records"])
    }

    private static func answers(
        _ service: ServiceProcess, _ federation: String, _ message: String, _ key: String
    ) async throws -> [String: Reply] {
        var answers: [String: Reply] = [:]
        for path in [
            "/federations", "/federations/\(federation)", "/federations/\(federation)/members",
            "/federations/\(federation)/quotas", "/fleets", "/fleets/north", "/fleets/north/resources",
            "/fleets/north/resources/dock", "/fleets/north/resources/dock/calendar", "/resource-sharing",
            "/allocations", "/messages/\(message)", "/communication-logs", "/dead-letters", "/webhooks", "/api-keys",
        ] {
            let reply = try await service.send("GET", path, key: key)
            #expect(reply.status == 200, "\(path): \(reply.text)")
            answers[path] = reply
        }
        return answers
    }

    private static func events(_ service: ServiceProcess, _ key: String) async throws -> [JSON] {
        try await service.send("GET", "/events?limit=1000", key: key)["events"]?.arrayValue ?? []
    }

    func check(_ service: ServiceProcess, key: String) async throws {
        for (path, reply) in try await Self.answers(service, federation, message, key) {
            #expect(reply.text == answers[path]?.text, "\(path)")
            #expect(reply.headers["etag"] == answers[path]?.headers["etag"], "\(path)")
        }
        #expect(nextPage.records?.arrayValue?.count == 3)
        #expect(try await service.send("GET", nextPage.path, key: key)["audit_records"] == nextPage.records)
        #expect(answers["/fleets/north"]?.text.contains("harbour office") == true)
        let later = try await Self.events(service, key)
        #expect(!events.isEmpty && Array(later.prefix(events.count)) == events)
        let inbox = try await service.send("GET", "/fleets/south/inbox", key: operatorKey)
        #expect(inbox.status == 200 && inbox.text.contains("hello"), "\(inbox.text)")
        // The answer to a retry is the one that was given.
        let count = try await service.send("GET", "/federations", key: key)["federations"]?.arrayValue?.count
        let retry = try await service.send(
            "POST", "/federations", #"{"name":"once","description":""}"#, key: key,
            headers: ["Idempotency-Key": "once-once-0123456789"])
        #expect(retry.status == 201 && retry.text == created.text, "\(retry.text)")
        let federations = try await service.send("GET", "/federations", key: key)["federations"]?.arrayValue
        #expect(federations?.count == count)
        let next = try await service.send("POST", "/federations", #"{"name":"next","description":""}"#, key: key)
        #expect(next.status == 201, "\(next.text)")
    }
}
