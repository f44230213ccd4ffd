import FleetJSON
import FleetTestSupport
import Foundation
import Testing

/// A PostgreSQL with a standby that takes its place, of these tests alone.
@Suite(
    "A fail-over of PostgreSQL", .enabled(if: TestDatabase.postgresURL != nil), .serialized, .timeLimit(.minutes(4)))
struct FailoverTests {
    /// Two services on a primary and a standby, which both addresses name.
    private struct Stage {
        let set: DevSet
        let services: [ServiceProcess]
        /// A caller that sees only what concerns it: its positions are tokens.
        let operatorKey: String

        init() async throws {
            set = try await DevSet(["standby"])
            let (url, standby) = (try #require(set.environment["DATABASE_URL"]), try #require(set.standbyURL))
            let port = try #require(URLComponents(string: standby)?.port)
            let (scheme, rest) = (url.prefix { $0 != "@" }, url.drop { $0 != "@" })
            let key = Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
            let settings = [
                "DATABASE_URL": "\(scheme)\(rest.replacing("/fleet", with: ",127.0.0.1:\(port)/fleet"))",
                "ENCRYPTION_KEY_FILE": try set.directory.write(key, to: "key"),
                "ADMIN_API_KEY": ReplicaSet.adminKey, "WEBHOOK_ALLOW_PRIVATE": "true",
            ]
            var services: [ServiceProcess] = []
            for _ in 0..<2 { services.append(try await ServiceProcess.start(in: try ScratchDirectory(), settings)) }
            self.services = services
            let fleet = try await services[0].send(
                "POST", "/fleets", #"{"fleet_id":"north","name":"north","organization":"o"}"#)
            #expect(fleet.status == 201, "\(fleet.text)")
            let made = try await services[0].send(
                "POST", "/api-keys", #"{"name":"north","roles":["fleet_operator"],"fleet_ids":["north"]}"#)
            operatorKey = try #require(made["key"]?.stringValue)
        }

        /// What the operator does to its fleet. - Returns: the position of it.
        func rename(to name: String) async throws -> String {
            let reply = try await services[0].send(
                "PATCH", "/fleets/north", #"{"name":"\#(name)"}"#, key: operatorKey)
            #expect(reply.status == 200, "\(reply.text)")
            return try #require(reply.headers["event-position"])
        }

        func admin(_ statement: String) async throws -> String {
            try await Psql.run(
                statement, at: try #require(set.environment["DATABASE_ADMIN_URL"]), in: set.directory)
        }

        func replication() async throws -> String? {
            let health = try await services[0].send("GET", "//health")
            return health["checks"]?.objectValue?["database"]?.objectValue?["replication"]?.stringValue
        }

        /// Waits until the standby has all that is there by now.
        func catchUp() async throws {
            let events = "SELECT count(*) FROM fleet_coordination.events"
            let url = try #require(set.environment["DATABASE_URL"])
            let count = try await Psql.run(events, at: url, in: set.directory)
            let standby = try #require(set.standbyURL)
            _ = try await eventually("the standby to catch up") {
                try await Psql.run(events, at: standby, in: set.directory) >= count ? true : nil
            }
        }

        func stop() async throws {
            for service in services { try await service.stop() }
            try await set.run(["stop"])
        }
    }

    @Test("/health says whether what is acknowledged is on another server, too")
    func replication() async throws {
        let stage = try await Stage()
        #expect(try await stage.replication() == "asynchronous")
        _ = try await stage.admin("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        _ = try await stage.admin("SELECT pg_reload_conf()")
        _ = try await eventually("synchronous replication") {
            try await stage.replication() == "synchronous" ? true : nil
        }
        try await stage.stop()
    }

    @Test("To a standby that was behind: it goes on from what is there, and says so to who knew more")
    func behind() async throws {
        let stage = try await Stage()
        let receiver = try await ScriptedServer("receiver", in: stage.set.directory)
        let webhook = try await stage.services[0].send(
            "POST", "/webhooks", #"{"url":"http://\#(receiver.address)/","fleet_id":"north"}"#)
        let webhookID = try #require(webhook["webhook_id"]?.stringValue, "\(webhook.text)")
        /// Events that the receiver has taken.
        func delivered() async throws -> Set<String> {
            let log = try await stage.services[0].send("GET", "/webhooks/\(webhookID)/deliveries?status=delivered")
            let ids = log["deliveries"]?.arrayValue?.compactMap { $0.objectValue?["event_id"]?.stringValue }
            return Set(ids ?? [])
        }
        let kept = try await stage.rename(to: "kept")
        try await stage.catchUp()
        // The standby gets no more.
        _ = try await stage.admin("ALTER ROLE replicator NOLOGIN")
        _ = try await stage.admin(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'walsender'")
        let lost = try await stage.rename(to: "lost")
        _ = try await stage.rename(to: "lost too")
        // Those are pushed, and the sink stands behind them.
        _ = try await eventually("the pushes") { try await delivered().count >= 3 ? true : nil }

        try await stage.set.run(["kill", "postgres"])
        try await stage.set.run(["promote"])
        // More than was lost, so that the length of the log does not tell.
        for number in 1...4 {
            _ = try await eventually("a write after the fail-over") {
                let reply = try await stage.services[1].send(
                    "PATCH", "/fleets/north", #"{"name":"after \#(number)"}"#, key: stage.operatorKey)
                return reply.status == 200 ? true : nil
            }
        }
        for service in stage.services {
            let fleet = try await service.send("GET", "/fleets/north")
            #expect(fleet["name"]?.stringValue == "after 4", "\(fleet.text)")
            for parameter in ["after", "min_position"] {
                let path = parameter == "after" ? "/events" : "/fleets/north"
                let refused = try await service.send("GET", "\(path)?\(parameter)=\(lost)", key: stage.operatorKey)
                #expect(refused.status == 410 && refused["code"]?.stringValue == "resync", "\(refused.text)")
                let held = try await service.send("GET", "\(path)?\(parameter)=\(kept)", key: stage.operatorKey)
                #expect(held.status == 200, "\(held.text)")
            }
            let events = try await service.send("GET", "/events?after=\(kept)", key: stage.operatorKey)
            #expect(events["events"]?.arrayValue?.count == 4, "\(events.text)")
        }
        // What took the place of what was lost is pushed as well, by a process that knew more as by one that did not.
        let events = try await stage.services[0].send("GET", "/events?after=\(kept)", key: stage.operatorKey)
        let ids = events["events"]?.arrayValue?.compactMap { $0.objectValue?["id"]?.stringValue } ?? []
        _ = try await eventually("each event to be pushed") {
            try await delivered().isSuperset(of: ids) ? true : nil
        }
        let inOrder = "SELECT count(*) = max(position) FROM fleet_coordination.events"
        let standby = try #require(stage.set.standbyURL)
        #expect(try await Psql.run(inOrder, at: standby, in: stage.set.directory) == "t")
        try await stage.stop()
    }
}

extension DevSet {
    fileprivate var standbyURL: String? { environment["DATABASE_STANDBY_URL"] }
}
