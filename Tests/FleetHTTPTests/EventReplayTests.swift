import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import Testing

@Suite("A replay of events", .timeLimit(.minutes(2)))
struct EventReplayTests {
    private func replay(
        _ stage: WebhookStage, to webhook: TestService.Reply, from first: String, to last: String
    ) async throws -> TestService.Reply {
        let range = #""from_position":"\#(first)","to_position":"\#(last)""#
        let body = #"{\#(range),"target":{"webhook_id":"\#(webhook.text("webhook_id"))"}}"#
        return try await stage.service.ok("POST", "/event-replays", body, key: .some(stage.key("blue")))
    }

    private func state(of replay: TestService.Reply, _ stage: WebhookStage) async throws -> TestService.Reply {
        try await stage.service.ok(
            "GET", "/event-replays/\(replay.text("replay_id"))", key: .some(stage.key("blue")))
    }

    @Test("pushes its range again, in order and marked, beside what is live")
    func again() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register(types: ["quota.set"])
            for nominal in 1...5 {
                let path = "/federations/\(stage.federation)/quotas/blue/dock"
                try await stage.service.ok("PUT", path, #"{"nominal":\#(nominal)}"#)
            }
            try await stage.receiver.waitFor(5)
            let places = try await stage.sequences().filter { $0.type.hasSuffix("quota.set") }.map(\.place)
            let made = try await replay(stage, to: webhook, from: places[1], to: places[3])
            #expect(made.status == 201 && made.text("status") == "running")
            try await eventually { try await state(of: made, stage).text("status") == "completed" }
            let done = try await state(of: made, stage)
            #expect(done["delivered"]?.integerValue == 3 && done["pending"]?.integerValue == 0)
            let (live, again) = (stage.receiver.requests[..<5], stage.receiver.requests[5...])
            #expect(again.map { $0.event.text("replayid") } == Array(repeating: made.text("replay_id"), count: 3))
            #expect(live.allSatisfy { $0.event["replayid"] == nil })
            #expect(again.map { $0.headers["webhook-id"] } == live[1...3].map { $0.headers["webhook-id"] })
            #expect(again.allSatisfy { $0.isSigned(with: webhook.text("secret")) })
            // What is live goes on where it was.
            let path = "/federations/\(stage.federation)/quotas/blue/dock"
            try await stage.service.ok("PUT", path, #"{"nominal":6}"#)
            try await stage.receiver.waitFor(9)
            #expect(stage.receiver.requests.count == 9 && stage.receiver.requests[8].event["replayid"] == nil)
            try await eventually { try await stage.deliveries(of: webhook, "?status=delivered").count == 9 }
            let log = try await stage.deliveries(of: webhook)
            #expect(log.count { $0.text("replay_id") == made.text("replay_id") } == 3)
        }
    }

    @Test("can be cancelled, and pushes nothing more")
    func cancel() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register(types: ["fleet.registered"])
            stage.receiver.respond(500)
            let last = try #require(try await stage.sequences().last?.place)
            let first = try #require(try await stage.sequences().first?.place)
            let made = try await replay(stage, to: webhook, from: first, to: last)
            try await eventually { try await state(of: made, stage)["pending"]?.integerValue == 1 }
            let path = "/event-replays/\(made.text("replay_id"))"
            #expect(try await stage.service.ok("DELETE", path, key: .some(stage.key("blue"))).status == 204)
            #expect(try await state(of: made, stage).text("status") == "cancelled")
            try await eventually { try await state(of: made, stage)["pending"]?.integerValue == 0 }
            stage.receiver.respond(204)
            let count = stage.receiver.requests.count
            await stage.service.advance(by: 1000)
            _ = try await stage.act("test", on: webhook)
            try await stage.receiver.waitFor(count + 1)
            #expect(stage.receiver.types.last == "webhook.tested" && stage.receiver.requests.count == count + 1)
            try await stage.service.refused(404, "replay_not_found", "DELETE", path, key: .some(stage.key("blue")))
        }
    }

    @Test("to a topic is for those who may replay everywhere, and for a service that has one")
    func toTopic() async throws {
        @Sendable func body(_ place: String, _ target: String) -> String {
            #"{"from_position":"\#(place)","to_position":"\#(place)","target":\#(target)}"#
        }
        try await WebhookStage.run { stage in
            let place = try #require(try await stage.service.ok("GET", "/events").rows("events").first).text("sequence")
            try await stage.service.refused(
                409, "bus_not_configured", "POST", "/event-replays", body(place, #"{"topic":true}"#))
            let own = try #require(try await stage.sequences().first?.place)
            try await stage.service.refused(
                403, "permission_denied", "POST", "/event-replays", body(own, #"{"topic":true}"#),
                key: .some(stage.key("blue")))
            let webhook = try await stage.register(types: ["fleet.registered"]).text("webhook_id")
            for target in [#"{}"#, #"{"topic":false}"#, #"{"topic":true,"webhook_id":"\#(webhook)"}"#] {
                try await stage.service.refused(422, "validation_failed", "POST", "/event-replays", body(place, target))
            }
        }
        try await TestService.run(dependencies: [Bus()]) { service in
            _ = try await service.found([("red", "none"), ("blue", "none")])
            let place = try #require(try await service.ok("GET", "/events").rows("events").first).text("sequence")
            let made = try await service.ok("POST", "/event-replays", body(place, #"{"topic":true}"#))
            #expect(made.status == 201 && made["topic"]?.boolValue == true && made["webhook_id"] == nil)
            let path = "/event-replays/\(made.text("replay_id"))"
            let state = try await service.ok("GET", path)
            #expect(state["delivered"]?.integerValue == 0 && state["pending"]?.integerValue == 1)
            // It is no fleet's: nobody else learns of it.
            let red = try await service.key([.fleetOperator], fleets: [apiName("red")])
            try await service.refused(404, "replay_not_found", "GET", path, key: .some(red))
            try await service.refused(404, "replay_not_found", "DELETE", path, key: .some(red))
            let types = try await service.ok("GET", "/events", key: .some(red)).rows("events").map { $0.text("type") }
            #expect(!types.contains("atlasmesh.fleet.event_replay.started"))
            #expect(try await service.ok("DELETE", path).status == 204)
            #expect(try await service.ok("GET", path).text("status") == "cancelled")
        }
    }

    /// A bus that is there.
    private struct Bus: Dependency {
        let name = DependencyName.kafka
        let breaker = CircuitBreaker()
        func check() async throws {}
    }

    @Test("is refused for a range that is not there, with a code for each fault")
    func refused() async throws {
        try await WebhookStage.run { stage in
            let webhook = try await stage.register(types: ["fleet.registered"])
            let id = webhook.text("webhook_id")
            let places = try await stage.sequences().map(\.place)
            let others = try await stage.sequences(as: "red").map(\.place)
            let blue: String?? = .some(stage.key("blue"))
            func expect(_ status: Int, _ code: String, from first: String, to last: String) async throws {
                let range = #""from_position":"\#(first)","to_position":"\#(last)""#
                try await stage.service.refused(
                    status, code, "POST", "/webhooks/\(id)/replay", "{\(range)}", key: blue)
                let body = #"{\#(range),"target":{"webhook_id":"\#(id)"}}"#
                try await stage.service.refused(status, code, "POST", "/event-replays", body, key: blue)
            }
            let (first, last) = (try #require(places.first), try #require(places.last))
            try await expect(422, "replay_range_invalid", from: last, to: first)
            try await expect(400, "position_of_another", from: try #require(others.first), to: last)
            try await expect(400, "invalid_position", from: "1", to: last)
            let range = #"{"from_position":"1","to_position":"999999"}"#
            try await stage.service.refused(400, "position_in_future", "POST", "/webhooks/\(id)/replay", range)
            stage.receiver.respond(500)
            for _ in 0..<4 { _ = try await replay(stage, to: webhook, from: first, to: last) }
            try await expect(409, "replay_limit", from: first, to: last)
            try await stage.service.refused(
                404, "webhook_not_found", "POST", "/webhooks/\(id)/replay",
                #"{"from_position":"x","to_position":"y"}"#
                    .replacing("\"x\"", with: "\"\(others[0])\"").replacing("\"y\"", with: "\"\(others[0])\""),
                key: .some(stage.key("red")))
        }
    }
}
