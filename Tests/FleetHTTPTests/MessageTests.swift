import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Synchronization
import Testing

/// Two fleets, and more, that talk.
struct MessageStage {
    let service: TestService
    let federation: String
    private let keys: [String: String]

    static func run(
        _ members: [(fleet: String, level: String)] = [("red", "none"), ("blue", "none")], scopes: Set<Permission> = [],
        _ body: @Sendable (MessageStage) async throws -> Void
    ) async throws {
        try await TestService.run { service in
            let federation = try await service.found(members)
            var keys: [String: String] = [:]
            for (fleet, _) in members {
                keys[fleet] = try await service.key([.fleetOperator], fleets: [apiName(fleet)], scopes: scopes)
            }
            try await body(MessageStage(service: service, federation: federation, keys: keys))
        }
    }

    func key(_ fleet: String) -> String { keys[fleet] ?? "" }

    @discardableResult
    func send(
        from source: String, to target: String?, _ content: String = #"{"text":"hello"}"#, more: String = ""
    ) async throws -> String {
        try await service.sendMessage(
            federation, from: source, to: target, content, more: more, key: .some(key(source)))
    }

    func refused(
        _ status: Int, _ code: String, from source: String, to target: String?, as caller: String? = nil,
        more: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try await service.end
        try await service.refused(
            status, code, "POST", "/messages", service.message(federation, from: source, to: target, more: more),
            key: .some(key(caller ?? source)), sourceLocation: sourceLocation)
        let events = try await service.ok("GET", "/events?after=\(before)").rows("events")
        #expect(!events.contains { $0.text("type").contains("message") }, sourceLocation: sourceLocation)
    }

    func inbox(_ fleet: String, _ query: String = "", key: String? = nil) async throws -> TestService.Reply {
        try await service.ok("GET", "/fleets/\(fleet)/inbox\(query)", key: .some(key ?? self.key(fleet)))
    }

    func status(_ id: String, as fleet: String) async throws -> String {
        try await service.ok("GET", "/messages/\(id)", key: .some(key(fleet))).text("status")
    }
}

@Suite("A message", .timeLimit(.minutes(2)))
struct MessageTests {
    @Test("is accepted, delivered by the inbox and acknowledged, and both sides see each step")
    func course() async throws {
        try await MessageStage.run { stage in
            let service = stage.service
            let body = service.message(stage.federation, from: "red", to: "blue", #"{"n":12345678901234567890}"#)
            let sent = try await service.ok("POST", "/messages", body, key: .some(stage.key("red")))
            let id = sent.text("message_id")
            #expect(sent.status == 201 && sent.headers["location"]?.hasSuffix("/messages/\(id)") == true)
            #expect(sent.text("status") == "accepted")
            #expect(sent.body.contains(#""message_content":{"n":12345678901234567890}"#), "every digit is kept")
            #expect(try await stage.status(id, as: "red") == "accepted")

            let received = try await stage.inbox("blue")
            let message = try #require(received.rows("messages").first)
            #expect(message.text("message_id") == id && message.text("status") == "delivered")
            #expect(received.body.contains(#""message_content":{"n":12345678901234567890}"#))
            #expect(try await stage.status(id, as: "red") == "delivered")
            // What is not acknowledged is still there, behind the place from which it was read.
            #expect(try await stage.inbox("blue").rows("messages").count == 1)
            let after = received.text("next_after")
            #expect(try await stage.inbox("blue", "?after=\(after)").rows("messages").isEmpty)

            let answered = try await service.ok(
                "POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")))
            #expect(answered.text("status") == "acknowledged" && !answered.text("acknowledged_at").isEmpty)
            #expect(try await stage.inbox("blue").rows("messages").isEmpty)
            let stale = try await service.send(
                "POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")), headers: ["If-Match": "\"stale\""]
            )
            #expect(stale.status == 412)
            let again = try await service.ok("POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")))
            #expect(again.text("status") == "acknowledged")
            try await service.refused(
                409, "already_resolved", "POST", "/messages/\(id)/reject", key: .some(stage.key("blue")))
            for fleet in ["red", "blue"] {
                let log = try await service.ok("GET", "/communication-logs", key: .some(stage.key(fleet)))
                #expect(log.rows("communication_logs").map { $0.text("status") } == ["acknowledged"])
                #expect(log.body.contains("12345678901234567890"))
                let events = try await service.ok("GET", "/events", key: .some(stage.key(fleet))).rows("events")
                #expect(
                    events.map { $0.text("type") }.filter { $0.contains("message") }
                        == [
                            "accepted", "delivered", "acknowledged",
                        ].map { "atlasmesh.fleet.message.\($0)" })
            }
        }
    }

    @Test("counts for communication health once it is accepted, and is measured when it is handed over")
    func measured() async throws {
        try await MessageStage.run { stage in
            for _ in 0..<4 { try await stage.send(from: "red", to: "blue") }
            stage.service.clock.advance(by: 3)
            let ids = try await stage.inbox("blue", "?limit=3").rows("messages").map { $0.text("message_id") }
            for (id, step) in zip(ids, ["acknowledge", "acknowledge", "reject"]) {
                try await stage.service.ok("POST", "/messages/\(id)/\(step)", key: .some(stage.key("blue")))
            }
            stage.service.clock.advance(by: 1)
            for fleet in ["red", "blue"] {
                let metrics = try await stage.service.ok(
                    "GET", "/metrics?federation_id=\(stage.federation)", key: .some(stage.key(fleet)))
                let summary = metrics["summary"]?.objectValue ?? JSONObject()
                #expect(summary["messages_accepted"] == 4 && summary["messages_acknowledged"] == 2)
                #expect(summary["communication_health"] == .double(0.5))
            }
            let text = try await stage.service.ok("GET", "//metrics").body
            #expect(text.contains(#"fleet_messages_underway{status="accepted"} 1"#))
            #expect(text.contains(#"fleet_message_delivery_seconds_bucket{class="coordination",le="1"} 0"#))
            #expect(text.contains(#"fleet_message_delivery_seconds_bucket{class="coordination",le="5"} 3"#))
        }
    }

    @Test("may be rejected, with a reason that the source reads")
    func rejected() async throws {
        try await MessageStage.run { stage in
            let id = try await stage.send(from: "red", to: "blue")
            try await stage.service.ok(
                "POST", "/messages/\(id)/reject", #"{"reason":"not_mine"}"#, key: .some(stage.key("blue")))
            let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("red")))
            #expect(read.text("status") == "rejected" && read.text("status_reason") == "not_mine")
        }
    }

    @Test("expires, and is not handed over after that")
    func expired() async throws {
        try await MessageStage.run { stage in
            let service = stage.service
            let id = try await stage.send(from: "red", to: "blue", more: #","ttl_seconds":60"#)
            service.clock.advance(by: 60)
            // Not recorded yet, and true all the same.
            #expect(try await stage.inbox("blue").rows("messages").isEmpty)
            #expect(try await stage.status(id, as: "red") == "expired")
            try await service.refused(
                409, "message_expired", "POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")))
            await service.api.orchestrator.tick()
            let log = try await service.ok("GET", "/communication-logs?status=expired", key: .some(stage.key("red")))
            #expect(log.rows("communication_logs").map { $0.text("status_reason") } == ["ttl"])
            let read = try await service.ok("GET", "/messages/\(id)", key: .some(stage.key("blue")))
            #expect(read["message_content"] == nil, "it was never delivered")
            try await service.refused(
                409, "message_expired", "POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")))
        }
    }

    @Test("expires later where nothing can be stored, which keeps the writer no busier than its clock")
    func expiredWithoutStore() async throws {
        let database = FaultyDatabase(try await TestDatabase.open())
        try await TestService.run(database: database) { service in
            let federation = try await service.found([("red", "none"), ("blue", "none")])
            let red = try await service.key([.fleetOperator], fleets: [apiName("red")])
            let id = try await service.sendMessage(
                federation, from: "red", to: "blue", #"{"text":"hello"}"#, more: #","ttl_seconds":60"#, key: .some(red))
            let refused = Mutex(0)
            database.setFault { _ in
                refused.withLock { $0 += 1 }
                return .unavailable("gone")
            }
            service.clock.advance(by: 61)
            for _ in 0..<20 { await service.api.orchestrator.tick() }
            // One for each look at the clock, and one of what sweeps once a second.
            #expect((1...25).contains(refused.withLock { $0 }))
            database.setFault(nil)
            await service.api.orchestrator.tick()
            #expect(try await service.ok("GET", "/messages/\(id)", key: .some(red)).text("status") == "expired")
        }
    }

    @Test("to a federation goes to every other member, each with a delivery of its own")
    func broadcast() async throws {
        try await MessageStage.run([("red", "none"), ("blue", "low"), ("green", "medium")]) { stage in
            let id = try await stage.send(from: "red", to: nil)
            _ = try await stage.inbox("blue")
            let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("red")))
            #expect(read["target_fleet_id"] == nil && read.text("status") == "accepted")
            let deliveries = read.rows("deliveries").map { [$0.text("target_fleet_id"), $0.text("status")] }
            #expect(deliveries == [["blue", "delivered"], ["green", "accepted"]])
            let own = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("green")))
            #expect(own.rows("deliveries").map { $0.text("target_fleet_id") } == ["green"])
            let log = try await stage.service.ok("GET", "/communication-logs", key: .some(stage.key("red")))
            #expect(log.rows("communication_logs").count == 2)
            #expect(log.rows("communication_logs").allSatisfy { $0["broadcast"] == .bool(true) })
        }
    }

    @Test("to a fleet that is unknown and to one that isolation hides is refused alike, and the crossing is noted")
    func hidden() async throws {
        try await MessageStage.run([("red", "none"), ("blue", "high"), ("green", "sealed")]) { stage in
            for target in ["nobody", "blue", "green"] {
                try await stage.refused(404, "fleet_not_found", from: "red", to: target)
            }
            await stage.service.advance(by: 61)
            let denials = try await stage.service.audit("outcome=denied")
            #expect(Set(denials.map { $0.text("protected_fleet_id") }) == ["blue", "green"])
            #expect(denials.allSatisfy { $0.text("action") == "message.send" })
        }
    }

    @Test("to a fleet of level high takes that the two deal with each other")
    func counterparties() async throws {
        try await MessageStage.run([("red", "none"), ("blue", "high")]) { stage in
            try await stage.refused(404, "fleet_not_found", from: "red", to: "blue")
            let rule = #"{"rules":[{"counterparty":"red","resource_type":"*","approve":"auto"}]}"#
            try await stage.service.ok(
                "PUT", "/federations/\(stage.federation)/members/blue/sharing-rules", rule,
                key: .some(stage.key("blue")))
            try await stage.send(from: "red", to: "blue")
            try await stage.send(from: "blue", to: "red")
        }
        // To name somebody opens oneself, not the other.
        try await MessageStage.run([("red", "none"), ("blue", "high")]) { stage in
            let rule = #"{"rules":[{"counterparty":"blue","resource_type":"*","approve":"auto"}]}"#
            try await stage.service.ok(
                "PUT", "/federations/\(stage.federation)/members/red/sharing-rules", rule, key: .some(stage.key("red")))
            try await stage.refused(404, "fleet_not_found", from: "red", to: "blue")
        }
    }

    @Test("Invariant 11: to many is no way to ask the audit log for a fleet that is hidden")
    func audited() async throws {
        try await MessageStage.run(
            [("red", "none"), ("blue", "none"), ("green", "sealed")], scopes: [.communicationSafety]
        ) { stage in
            try await stage.send(from: "red", to: nil, more: #","class":"safety""#)
            for (reader, fleet, count) in [
                ("red", "blue", 1), ("red", "green", 0), ("red", "nobody", 0), ("blue", "green", 0), ("blue", "red", 1),
                ("green", "green", 1), ("blue", "blue", 1),
            ] {
                let log = try await stage.service.ok(
                    "GET", "/audit-log?action=message.accepted&fleet_id=\(fleet)", key: .some(stage.key(reader)))
                #expect(log.rows("audit_records").count == count, "\(reader) asks for \(fleet)")
            }
        }
    }

    @Test("that is read by its id is received by who receives for its target, save with HEAD")
    func readByID() async throws {
        try await MessageStage.run { stage in
            let id = try await stage.send(from: "red", to: "blue")
            for path in ["/messages/\(id)", "/fleets/blue/inbox", "/events"] {
                let head = try await stage.service.send("HEAD", path, key: .some(stage.key("blue")))
                #expect(head.status == 200)
                #expect(try await stage.status(id, as: "red") == "accepted", "\(path)")
            }
            let log = try await stage.service.ok("GET", "/communication-logs", key: .some(stage.key("blue")))
            #expect(!log.body.contains("hello"), "what was not received yet")
            let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("blue")))
            #expect(read.text("status") == "delivered" && read.body.contains("hello"))
        }
    }

    @Test("takes that both sides communicate, and are members")
    func disabled() async throws {
        try await MessageStage.run { stage in
            let member = "/federations/\(stage.federation)/members/blue"
            try await stage.service.ok("PATCH", member, #"{"communication_enabled":false}"#)
            try await stage.refused(409, "communication_disabled", from: "red", to: "blue")
            try await stage.refused(409, "communication_disabled", from: "blue", to: "red")
            #expect(
                try await stage.service.ok("GET", "/messages/\(stage.send(from: "red", to: nil))").rows("deliveries")
                    .isEmpty)
            try await stage.service.ok("PATCH", member, #"{"communication_enabled":true}"#)
            try await stage.service.ok("POST", member + "/suspend")
            try await stage.refused(409, "member_inactive", from: "red", to: "blue")
            try await stage.refused(409, "member_inactive", from: "blue", to: "red")
            try await stage.refused(422, "same_fleet", from: "red", to: "red")
            try await stage.refused(403, "permission_denied", from: "red", to: "blue", as: "blue")
        }
    }

    @Test("Invariant 11: a warning reaches every member, and tells its source nothing of those that are hidden")
    func safety() async throws {
        let twins: [[(fleet: String, level: String)]] = [
            [("red", "none"), ("blue", "none"), ("green", "sealed"), ("grey", "high")],
            [("red", "none"), ("blue", "none")],
        ]
        let bodies = Bodies()
        for members in twins {
            try await MessageStage.run(members, scopes: [.communicationSafety]) { stage in
                let more = #","class":"safety","message_id":"00000000-0000-4000-8000-000000000001""#
                let id = try await stage.send(from: "red", to: nil, more: more)
                for (fleet, _) in members where fleet != "red" {
                    #expect(try await stage.inbox(fleet).rows("messages").count == 1, "\(fleet)")
                    try await stage.service.ok(
                        "POST", "/messages/\(id)/acknowledge", key: .some(stage.key(fleet)))
                }
                let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("red")))
                let log = try await stage.service.ok("GET", "/communication-logs", key: .some(stage.key("red")))
                let events = try await stage.service.ok(
                    "GET", "/events?types=message.acknowledged", key: .some(stage.key("red")))
                #expect(log.rows("communication_logs").count == 1 && events.rows("events").count == 1)
                bodies.add(read.object.without(["federation_id"]))
            }
        }
        #expect(bodies.all.count == 2 && bodies.all[0] == bodies.all[1])
        try await MessageStage.run { stage in
            try await stage.refused(403, "permission_denied", from: "red", to: nil, more: #","class":"safety""#)
        }
    }

    @Test("sent again under its id within a day is the same message; another one is refused")
    func deduplicated() async throws {
        try await MessageStage.run { stage in
            let service = stage.service
            let more = #","message_id":"00000000-0000-4000-8000-00000000000a""#
            let body = service.message(stage.federation, from: "red", to: "blue", more: more)
            let first = try await service.send("POST", "/messages", body, key: .some(stage.key("red")))
            // Another credential of the same fleet.
            let other = try await service.key([.fleetOperator], fleets: [apiName("red")])
            let again = try await service.send("POST", "/messages", body, key: .some(other))
            #expect(first.status == 201 && again.status == 201)
            #expect(again.bytes == first.bytes && again.headers["idempotency-replayed"] == "true")
            let changed = body.replacing("hello", with: "bye")
            try await service.refused(
                422, "message_id_reused", "POST", "/messages", changed, key: .some(stage.key("red")))
            #expect(try await stage.inbox("blue").rows("messages").count == 1)
            // The id is the source's own.
            let blue = service.message(stage.federation, from: "blue", to: "red", more: more)
            #expect(try await service.send("POST", "/messages", blue, key: .some(stage.key("blue"))).status == 201)
            let path = "/messages/00000000-0000-4000-8000-00000000000a"
            try await service.refused(409, "message_ambiguous", "GET", path, key: .some(stage.key("red")))
            let chosen = try await service.ok("GET", path + "?source_fleet_id=blue", key: .some(stage.key("red")))
            #expect(chosen.text("source_fleet_id") == "blue")
            await service.advance(by: 86_401)
            for path in ["/messages", "/messages?dry_run=true"] {
                try await service.refused(409, "message_exists", "POST", path, body, key: .some(stage.key("red")))
            }
        }
    }

    @Test("of two that are sent at once under one id, one is accepted")
    func twins() async throws {
        try await MessageStage.run { stage in
            let body = stage.service.message(
                stage.federation, from: "red", to: "blue",
                more: #","message_id":"00000000-0000-4000-8000-00000000000b""#)
            let replies = try await withThrowingTaskGroup(of: TestService.Reply.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        try await stage.service.send("POST", "/messages", body, key: .some(stage.key("red")))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(replies.allSatisfy { $0.status == 201 && $0.bytes == replies[0].bytes })
            #expect(try await stage.inbox("blue").rows("messages").count == 1)
        }
    }

    @Test("has content of any JSON up to 256 KiB, and not a byte more")
    func contents() async throws {
        try await MessageStage.run { stage in
            for content in ["null", "true", "-1.50", #""text""#, "[1,[2]]", #"{ "a" : 1.10 }"#] {
                try await stage.send(from: "red", to: "blue", content)
            }
            let body = try await stage.inbox("blue").body
            for content in ["null", "true", "-1.50", #""text""#, "[1,[2]]", #"{ "a" : 1.10 }"#] {
                #expect(body.contains(#""message_content":\#(content),"#), "\(content)")
            }
            let full = "\"" + String(repeating: "x", count: MessageLimits.contentBytesMax - 2) + "\""
            try await stage.send(from: "red", to: "blue", full)
            let over = stage.service.message(stage.federation, from: "red", to: "blue", full.dropLast() + "x\"")
            try await stage.service.refused(
                413, "content_too_large", "POST", "/messages", over, key: .some(stage.key("red")))
        }
    }

    @Test("with faults is told all of them, and nothing is stored")
    func faults() async throws {
        try await MessageStage.run { stage in
            let body = """
                {"federation_id":"x","source_fleet_id":"red","message_type":"a b","message_content":1,\
                "ttl_seconds":0,"class":"urgent","colour":"red"}
                """
            let reply = try await stage.service.send("POST", "/messages", body, key: .some(stage.key("red")))
            #expect(reply.code == "validation_failed")
            let pointers = Set(reply.rows("errors").map { $0.text("pointer") })
            #expect(pointers == ["/federation_id", "/message_type", "/ttl_seconds", "/class", "/colour"])
            try await stage.service.refused(
                404, "message_not_found", "GET", "/messages/00000000-0000-4000-8000-000000000000")
        }
    }

    @Test("is for nobody else: not its inbox, not its log, not its answer")
    func strangers() async throws {
        try await MessageStage.run([("red", "none"), ("blue", "none"), ("green", "none")]) { stage in
            let id = try await stage.send(from: "red", to: "blue")
            let (service, green) = (stage.service, stage.key("green"))
            try await service.refused(404, "message_not_found", "GET", "/messages/\(id)", key: .some(green))
            try await service.refused(
                404, "message_not_found", "POST", "/messages/\(id)/acknowledge", key: .some(green))
            try await service.refused(403, "permission_denied", "GET", "/fleets/blue/inbox", key: .some(green))
            #expect(
                try await service.ok("GET", "/communication-logs", key: .some(green)).rows("communication_logs").isEmpty
            )
            // The source is no recipient.
            try await service.refused(
                403, "permission_denied", "POST", "/messages/\(id)/acknowledge", key: .some(stage.key("red")))
            #expect(try await stage.status(id, as: "red") == "accepted")
        }
    }

    @Test("shows its content to those who speak for its sides, not to those who see the log for their office")
    func offices() async throws {
        try await MessageStage.run { stage in
            let service = stage.service
            let id = try await stage.send(from: "red", to: "blue")
            let auditor = try await service.key([.auditor])
            let coordinator = try await service.key([.federationCoordinator], federations: [apiID(stage.federation)])
            let viewer = try await service.key([.fleetViewer], fleets: [apiName("blue")])
            for key in [auditor, coordinator] {
                let log = try await service.ok("GET", "/communication-logs", key: .some(key))
                #expect(log.rows("communication_logs").count == 1 && !log.body.contains("hello"))
                let read = try await service.ok("GET", "/messages/\(id)", key: .some(key))
                #expect(!read.body.contains("hello"))
                #expect(read.text("status") == "accepted" && read.text("target_fleet_id") == "blue")
                let events = try await service.ok("GET", "/events", key: .some(key))
                #expect(events.body.contains("message.accepted") && !events.body.contains("hello"))
            }
            let shown = try await stage.inbox("blue", key: viewer)
            #expect(shown.body.contains("hello") && shown.rows("messages").map { $0.text("status") } == ["accepted"])
            #expect(try await service.ok("GET", "/events", key: .some(viewer)).body.contains("hello"))
            #expect(try await stage.status(id, as: "red") == "accepted", "a viewer is handed nothing")
            // An administrator may, and not unseen.
            #expect(try await service.ok("GET", "/messages/\(id)").body.contains("hello"))
            await service.advance(by: 61)
            let reads = try await service.audit("outcome=privileged").filter {
                $0.text("action") == "communication:read"
            }
            #expect(reads.map { $0.text("protected_fleet_id") } == ["red"])
        }
    }

    @Test("between two of which one is not open is hidden from those who coordinate")
    func closedToCoordinators() async throws {
        try await MessageStage.run([("red", "none"), ("blue", "low")]) { stage in
            let id = try await stage.send(from: "red", to: "blue")
            let coordinator = try await stage.service.key(
                [.federationCoordinator], federations: [apiID(stage.federation)])
            let log = try await stage.service.ok("GET", "/communication-logs", key: .some(coordinator))
            #expect(log.rows("communication_logs").isEmpty)
            try await stage.service.refused(
                404, "message_not_found", "GET", "/messages/\(id)", key: .some(coordinator))
        }
    }

    @Test("of a fleet whose data was erased has lost its content, and nothing else")
    func erased() async throws {
        try await MessageStage.run { stage in
            let id = try await stage.send(from: "red", to: "blue")
            _ = try await stage.inbox("blue")
            try await stage.service.ok("POST", "/fleets/red/erase", key: .some(stage.key("red")))
            for fleet in ["red", "blue"] {
                let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key(fleet)))
                #expect(read["message_content"] == .null && read["content_erased"] == .bool(true))
                #expect(read.text("status") == "delivered")
            }
            try await stage.send(from: "red", to: "blue", #""new""#)
            #expect(try await stage.inbox("blue").body.contains(#""message_content":"new""#))
        }
    }
}

/// Collects what several worlds answered.
private final class Bodies: Sendable {
    private let bodies = Mutex<[JSONObject]>([])
    var all: [JSONObject] { bodies.withLock { $0 } }
    func add(_ body: JSONObject) { bodies.withLock { $0.append(body) } }
}
