import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Testing

/// How messages reach whom they are for.
@Suite("An inbox", .timeLimit(.minutes(1)))
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
            let large = "\"" + String(repeating: "x", count: 200_000) + "\""
            for _ in 0..<40 { try await stage.send(from: "red", to: "blue", large) }
            var (count, answers, after) = (0, 0, "")
            while count < 40, answers < 10 {
                let page = try await stage.inbox("blue", "?limit=100\(after)")
                #expect(page.bytes.count < 9 << 20)
                count += page.rows("messages").count
                answers += 1
                after = "&after=\(page.text("next_after"))"
            }
            #expect(count == 40 && answers > 1)
            let log = try await stage.service.ok(
                "GET", "/communication-logs?page_size=1000", key: .some(stage.key("red")))
            #expect(log.bytes.count < 9 << 20 && log["next_page_token"] != nil)
        }
    }

    @Test("of a fleet that takes nothing fills up for that sender alone")
    func backlog() async throws {
        try await MessageStage.run([("red", "none"), ("green", "none"), ("blue", "none")]) { stage in
            let orchestrator = stage.service.api.orchestrator
            let federation: Federation.ID = apiID(stage.federation)
            let red = Principal(subject: "red", roles: [.fleetOperator], fleets: [apiName("red")])
            for _ in 0..<(MessageLimits.backlogMax / 100) {
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
