import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Testing

/// How messages reach whom they are for.
@Suite("An inbox", .timeLimit(.minutes(2)))
struct InboxTests {
    @Test("waits for what comes, and returns as soon as it has come")
    func longPoll() async throws {
        try await MessageStage.run { stage in
            async let reply = stage.inbox("blue", "?wait_seconds=20")
            let start = ContinuousClock.now
            // What comes for others does not end the wait.
            try await stage.send(from: "blue", to: "red")
            let id = try await stage.send(from: "red", to: "blue")
            #expect(try await reply.rows("messages").map { $0.text("message_id") } == [id])
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test("that waits in vain is empty when the time is over")
    func inVain() async throws {
        try await MessageStage.run { stage in
            let start = ContinuousClock.now
            #expect(try await stage.inbox("blue", "?wait_seconds=1").rows("messages").isEmpty)
            #expect(ContinuousClock.now - start >= .milliseconds(900))
            for wrong in ["wait_seconds=26", "wait_seconds=-1", "limit=0", "limit=101", "after=x"] {
                let reply = try await stage.service.send(
                    "GET", "/fleets/blue/inbox?\(wrong)", key: .some(stage.key("blue")))
                #expect(reply.status == 400, "\(wrong): \(reply.body)")
            }
        }
    }

    @Test("gives what was accepted in its order, a part at a time, with no gap and none twice")
    func pages() async throws {
        try await MessageStage.run([("red", "none"), ("green", "none"), ("blue", "none")]) { stage in
            var sent: [String] = []
            for round in 0..<25 {
                sent.append(try await stage.send(from: round % 3 == 0 ? "green" : "red", to: "blue"))
            }
            var (received, after): ([String], String?) = ([], nil)
            while true {
                let page = try await stage.inbox("blue", "?limit=4" + (after.map { "&after=\($0)" } ?? ""))
                if page.rows("messages").isEmpty { break }
                received += page.rows("messages").map { $0.text("message_id") }
                after = page.text("next_after")
            }
            #expect(received == sent)
        }
    }

    @Test("of large messages ends before an answer grows without bound, and goes on from there")
    func largePages() async throws {
        try await MessageStage.run { stage in
            let large = "\"" + String(repeating: "x", count: 250_000) + "\""
            let (total, answerMax) = (20, 9 << 19)
            for _ in 0..<total { try await stage.send(from: "red", to: "blue", large) }
            let first = try await stage.inbox("blue", "?limit=100")
            var count = first.rows("messages").count
            #expect((1..<total).contains(count) && first.bytes.count < answerMax)
            let underway = #"fleet_messages_underway{status="accepted"} \#(total - count)"#
            #expect(
                try await stage.service.ok("GET", "//metrics").body.contains(underway),
                "what does not fit is not delivered")
            count += try await stage.inbox("blue", "?after=\(first.text("next_after"))").rows("messages").count
            #expect(count == total)
            let log = try await stage.service.ok(
                "GET", "/communication-logs?page_size=1000", key: .some(stage.key("red")))
            #expect(log.bytes.count < answerMax && log["next_page_token"] != nil)
            let events = try await stage.service.ok("GET", "/events?limit=1000&types=message.accepted")
            let rest = try await stage.service.ok(
                "GET", "/events?limit=1000&types=message.accepted&after=\(events.text("next_after"))")
            #expect(events.bytes.count < answerMax && events.rows("events").count + rest.rows("events").count == total)
        }
    }

    @Test("of a fleet that takes nothing fills up for that sender alone")
    func backlog() async throws {
        try await MessageStage.run([("red", "none"), ("green", "none"), ("blue", "none")]) { stage in
            let orchestrator = stage.service.api.orchestrator
            let federation: Federation.ID = apiID(stage.federation)
            let red = Principal(subject: "red", roles: [.fleetOperator], fleets: [apiName("red")])
            for _ in 0..<Int(MessageLimits.backlogMax / 100) {
                _ = try await orchestrator.submit(
                    Command(operation: "test.send", principal: red, requestID: "test") {
                        (ledger, context) throws(FleetError) in
                        for _ in 0..<100 {
                            let event: Event.ID = context.ids.next(at: context.now)
                            _ = try ledger.send(
                                MessageDraft(
                                    federation: federation, source: apiName("red"), target: apiName("blue"),
                                    type: apiName("note"),
                                    content: Sealed(generation: 0, event: event, box: "")), &context)
                        }
                        return Decision(nil)
                    })
            }
            try await stage.refused(409, "backlog_full", from: "red", to: "blue")
            try await stage.send(from: "green", to: "blue")
            try await stage.send(from: "red", to: "green")
            // To all, it goes to those who take it, and is lost to the one who does not.
            let id = try await stage.send(from: "red", to: nil)
            let read = try await stage.service.ok("GET", "/messages/\(id)", key: .some(stage.key("red")))
            #expect(
                read.rows("deliveries").map { [$0.text("target_fleet_id"), $0.text("status_reason")] } == [
                    ["blue", "backlog_full"], ["green", ""],
                ])
        }
    }

    @Test("is one way; the stream of events is another that hands over")
    func stream() async throws {
        try await MessageStage.run { stage in
            try await stage.service.follow(key: stage.key("blue")) { stream in
                let id = try await stage.send(from: "red", to: "blue")
                let event = try await stream.next { $0.type == "message.accepted" }
                let data = event.data["data"]?.objectValue ?? JSONObject()
                #expect(data.text("message_id") == id)
                #expect(data["message_content"] == ["text": .string("hello")])
                _ = try await stream.next { $0.type == "message.delivered" }
                #expect(try await stage.status(id, as: "red") == "delivered")
                try await stage.service.ok("POST", "/messages/\(id)/acknowledge", key: .some(stage.key("blue")))
                _ = try await stream.next { $0.type == "message.acknowledged" }
            }
        }
    }

    @Test("is not read for the target by the source, who sees what it said in the log of events")
    func source() async throws {
        try await MessageStage.run { stage in
            let id = try await stage.send(from: "red", to: "blue")
            let events = try await stage.service.ok(
                "GET", "/events?types=message.accepted", key: .some(stage.key("red"))
            ).rows("events")
            #expect(events.map { $0["data"]?.objectValue?["message_content"] } == [["text": .string("hello")]])
            #expect(try await stage.status(id, as: "red") == "accepted")
        }
    }

    @Test("has what was written with line breaks, and so has the stream, on one line")
    func lineBreaks() async throws {
        try await MessageStage.run { stage in
            try await stage.service.follow(key: stage.key("blue")) { stream in
                try await stage.send(from: "red", to: "blue", "{\n  \"a\": [1,\r\n\r\n2]\n}")
                let event = try await stream.next { $0.type == "message.accepted" }
                let content = event.data["data"]?.objectValue?["message_content"]
                #expect(content == ["a": .array([.integer(1), .integer(2)])])
            }
            #expect(try await stage.inbox("blue").body.contains("{\n  \"a\": [1,\r\n\r\n2]\n}"))
        }
    }

    @Test("is closed to who waits for it with a key that is revoked meanwhile")
    func revoked() async throws {
        try await MessageStage.run { stage in
            let service = stage.service
            let made = try await service.ok(
                "POST", "/api-keys", #"{"name":"k","roles":["fleet_operator"],"fleet_ids":["blue"]}"#)
            async let reply = service.send("GET", "/fleets/blue/inbox?wait_seconds=20", key: made.text("key"))
            try await Task.sleep(for: .milliseconds(300))
            try await service.ok("DELETE", "/api-keys/\(made.text("key_id"))")
            let id = try await stage.send(from: "red", to: "blue")
            #expect(try await reply.status == 401)
            #expect(try await stage.status(id, as: "red") == "accepted")
        }
    }

    @Test("that many messages leave at one instant is emptied slice by slice, with commands in between")
    func massExpiry() async throws {
        try await MessageStage.run { stage in
            let federation: Federation.ID = apiID(stage.federation)
            let red = Principal(subject: "red", roles: [.fleetOperator], fleets: [apiName("red")])
            for _ in 0..<20 {
                _ = try await stage.service.api.orchestrator.submit(
                    Command(operation: "test.send", principal: red, requestID: "test") {
                        (ledger, context) throws(FleetError) in
                        for _ in 0..<100 {
                            let event: Event.ID = context.ids.next(at: context.now)
                            let content = Sealed(generation: 0, event: event, box: "")
                            _ = try ledger.send(
                                MessageDraft(
                                    federation: federation, source: apiName("red"), target: apiName("blue"),
                                    type: apiName("note"), content: content, ttl: 60), &context)
                        }
                        return Decision(nil)
                    })
            }
            let before = try await stage.service.end
            stage.service.clock.advance(by: 61)
            // Asked in the round that meets the first of them.
            let position = try await stage.service.api.orchestrator.submit(
                Command(operation: "test.look", principal: red, requestID: "test") {
                    (ledger, _) throws(FleetError) in
                    #expect(ledger.position - before == Int64(leaseSlice))
                    return Decision(nil)
                })
            guard case .decided = position else { return }
            // The rest follows by itself.
            let deadline = ContinuousClock.now + .seconds(20)
            while try await stage.service.end < before + 2000, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await stage.service.end == before + 2000)
        }
    }

    @Test("and the log of events show nothing of a message whose time was over before it was handed over")
    func lateStream() async throws {
        try await MessageStage.run { stage in
            try await stage.send(from: "red", to: "blue", more: #","ttl_seconds":5"#)
            stage.service.clock.advance(by: 5)
            let late = try await stage.service.ok("GET", "/events", key: .some(stage.key("blue")))
            #expect(late.body.contains("message.accepted") && !late.body.contains("hello"))
            // Reading the audit log hands nothing over either.
            try await stage.send(from: "red", to: "blue")
            _ = try await stage.service.ok("GET", "/audit-log", key: .some(stage.key("blue")))
            let log = try await stage.service.ok(
                "GET", "/communication-logs?status=accepted", key: .some(stage.key("red")))
            #expect(log.rows("communication_logs").count == 1)
        }
    }
}
