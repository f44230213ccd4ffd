import AsyncHTTPClient
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// The log as Server-Sent Events.
@Suite("The stream of events", .timeLimit(.minutes(2)))
struct EventStreamTests {
    @Test("tells what happens as it happens, as the list of events tells it")
    func live() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.service.follow(key: stage.key(.borrower)) { stream in
                #expect(stream.headers["content-type"] == "text/event-stream")
                try await stage.register("van")
                let lease = try await stage.lease("van", is: "active")
                let event = try await stream.next { $0.type == "sharing.activated" }
                #expect(event.data.text("subject") == lease)
                #expect(event.data["data"]?.objectValue?.text("status") == "active")
                let listed = try await stage.send("GET", "/events?types=sharing.activated", as: .borrower).rows(
                    "events")
                #expect(listed.map { $0.without(["sequence"]) } == [event.data.without(["sequence"])])
                // For who may count, the id is the position.
                try await stage.service.follow(path: "?after=0&types=sharing.activated") { all in
                    let same = try await all.next { _ in true }
                    #expect(Int64(same.id) != nil && same.data["sequence"] == .string(same.id))
                }
            }
        }
    }

    @Test("goes on after the last event that was received, with no gap and none twice")
    func resumes() async throws {
        try await SharingStage.run(level: "none") { stage in
            var seen: [String] = []
            var last: String?
            for round in 0..<12 {
                try await stage.register("van-\(round)")
                let headers = last.map { ["Last-Event-ID": $0] } ?? [:]
                let path = last == nil ? "?after=\(try await stage.start(as: .owner))" : ""
                try await stage.service.follow(path: path, key: stage.key(.owner), headers: headers) { stream in
                    _ = try await stage.lease("van-\(round)", is: "active")
                    // Some rounds leave before all has come.
                    let wanted = round == 11 ? 1000 : 1 + round % 3
                    while seen.count < wanted + round {
                        guard let event = try await stream.next(within: .milliseconds(round == 11 ? 500 : 5000)) else {
                            break
                        }
                        seen.append(event.data.text("id"))
                        last = event.id
                    }
                }
            }
            var listed: [String] = []
            var after = try await stage.start(as: .owner)
            while true {
                let page = try await stage.send("GET", "/events?limit=7&after=\(after)", as: .owner)
                listed += page.rows("events").map { $0.text("id") }
                after = page.text("next_after")
                if page.rows("events").isEmpty { break }
            }
            #expect(seen == listed && seen.count > 20, "\(seen.count) of \(listed.count)")
        }
    }

    @Test("tells each only what it may see, and moves on over the rest")
    func hidden() async throws {
        try await SharingStage.run(level: "high", limits: .quick) { stage in
            try await stage.service.follow(key: stage.key(.rival)) { stream in
                try await stage.register("van")
                let made = try await stage.send(
                    "POST", "/resource-sharing", stage.request("van", lasting: 600), as: .both)
                #expect(made.status == 201, "\(made.body)")
                try await stage.offer("rival", ["own"])
                // The first that it is told is what its own fleet did.
                #expect(try await stream.next(within: .seconds(5))?.data.text("subject") == "rival/own")
                // And the place has moved.
                let beat = try await stream.nextHeartbeat()
                #expect(!beat.id.isEmpty)
                try await stage.service.follow(key: stage.key(.rival), headers: ["Last-Event-ID": beat.id]) { again in
                    let more = try await again.next(within: .milliseconds(300))
                    #expect(more == nil)
                }
            }
        }
    }

    @Test("shows what is of a federation no more once the fleet has left it")
    func left() async throws {
        try await SharingStage.run(level: "none") { stage in
            let path = "?types=federation.updated"
            try await stage.service.follow(path: path, key: stage.key(.rival)) { stream in
                try await stage.rename("first")
                #expect(try await stream.next(within: .seconds(5)) != nil)
                _ = try await stage.send("DELETE", "/federations/\(stage.federation)/members/rival", as: .rival)
                try await stage.rename("second")
                #expect(try await stream.next(within: .milliseconds(500)) == nil)
            }
        }
    }

    @Test("ends at once when the key is revoked, and when it has expired")
    func revoked() async throws {
        try await TestService.run(limits: .quick) { service in
            let made = try await service.ok(
                "POST", "/api-keys", #"{"name":"k","roles":["auditor"]}"#)
            try await service.follow(key: made.text("key")) { stream in
                _ = try await service.send("DELETE", "/api-keys/\(made.text("key_id"))")
                let start = ContinuousClock.now
                try await stream.untilEnd()
                #expect(ContinuousClock.now - start < .seconds(1))
            }
            let brief = try await service.key([.auditor], expiresAt: service.clock.now + 60)
            try await service.follow(key: brief) { stream in
                service.clock.advance(by: 61)
                // Also while there is always something to tell.
                for index in 0..<500 where !stream.isOver {
                    _ = try await service.ok("POST", "/federations", #"{"name":"busy \#(index)"}"#)
                }
                try await stream.untilEnd()
            }
            #expect(try await service.followers() == 0)
        }
    }

    @Test("is cut with resync when its reader, once at the end, falls too far behind")
    func slow() async throws {
        var limits = EdgeLimits.quick
        limits.streamLagMax = 200
        limits.streamLagDuration = .zero
        try await TestService.run(limits: limits) { service in
            let federation = try await service.found([("owner", "none"), ("borrower", "none")])
            for index in 0..<256 {
                let unit = #"{"resource_id":"u\#(index)","resource_type":"vehicle","pooled":true}"#
                _ = try await service.ok("POST", "/fleets/owner/resources", unit)
            }
            try await service.follow { stream in
                stream.isPaused = true
                // More than what the buffers between the two can hold: each round is a thousand events.
                for _ in 0..<6 {
                    let body = """
                        {"federation_id":"\(federation)","target_fleet_id":"borrower","resource_type":"vehicle",\
                        "quantity":256,"duration":60}
                        """
                    let made = try await service.ok("POST", "/allocations", body)
                    _ = try await service.ok("DELETE", "/allocations/\(made.text("allocation_id"))")
                }
                stream.isPaused = false
                let end = try await stream.next { $0.type == "resync" }
                #expect(!end.id.isEmpty && end.data.text("reason") == "too_far_behind")
                try await stream.untilEnd()
            }
        }
    }

    @Test("goes on from its beginning when it was cut before anything happened")
    func cutEarly() async throws {
        try await SharingStage.run(level: "none") { stage in
            var start = ""
            try await stage.service.follow(key: stage.key(.owner)) { stream in start = stream.start }
            try await stage.register("van")
            try await stage.service.follow(key: stage.key(.owner), headers: ["Last-Event-ID": start]) { stream in
                let first = try await stream.next(within: .seconds(5))
                #expect(first?.data.text("subject") == "owner/van")
            }
        }
    }

    @Test("is not opened more often than it may be, and not with a body")
    func bounded() async throws {
        var limits = EdgeLimits.quick
        limits.streamsOfOneMax = 2
        try await TestService.run(limits: limits) { service in
            try await service.follow { _ in
                try await service.follow { _ in
                    let third = try await service.send("GET", "/events/stream")
                    third.expectProblem(503, "overloaded", "a third stream")
                    let other = try await service.send(
                        "GET", "/events/stream", key: try await service.key([.auditor]))
                    #expect(other.status == 200)
                }
            }
            let withBody = try await service.send("GET", "/events/stream", #"{"some":"body"}"#)
            withBody.expectProblem(400, "malformed_request", "a stream with a body")
        }
    }

    @Test("ends with the service, and is counted while it is open")
    func counted() async throws {
        try await TestService.run(limits: .quick) { service in
            try await service.follow { _ in
                let open = try await service.followers()
                #expect(open == 1)
            }
            for _ in 0..<500 where try await service.followers() > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(try await service.followers() == 0)
            // One that is open when the service stops does not hold it up: `run` returns.
            let request = service.streamRequest("", key: service.adminKey, [:])
            _ = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        }
    }

    @Test("is refused from a position that was not given out, of types that are none, and as another type")
    func refused() async throws {
        try await SharingStage.run(level: "none") { stage in
            func refuse(_ path: String, key: String, _ headers: [String: String] = [:]) async throws -> String? {
                let reply = try await stage.service.send("GET", "/events/stream" + path, key: key, headers: headers)
                return "\(reply.status) \(reply.code ?? "")"
            }
            let (admin, owner) = (stage.service.adminKey, stage.key(.owner))
            #expect(try await refuse("?after=999999", key: admin) == "400 position_in_future")
            #expect(try await refuse("?after=5", key: owner) == "400 invalid_position")
            #expect(try await refuse("", key: owner, ["Last-Event-ID": "x"]) == "400 invalid_position")
            #expect(try await refuse("?types=nothing", key: owner) == "400 invalid_parameter")
            #expect(try await refuse("?limit=5", key: owner) == "400 unknown_parameter")
            #expect(try await refuse("", key: owner, ["Accept": "text/html"]) == "406 not_acceptable")
            let none = try await stage.service.key([.service], fleets: [name("owner")], scopes: [])
            #expect(try await refuse("", key: none) == "403 permission_denied")
        }
    }
}

extension EdgeLimits {
    /// With a heartbeat that a test can wait for.
    fileprivate static var quick: EdgeLimits {
        var limits = EdgeLimits()
        limits.heartbeatDuration = .milliseconds(100)
        return limits
    }
}

extension SharingStage {
    fileprivate func rename(_ name: String) async throws {
        let body: JSONObject = ["name": .string(name), "description": "renamed"]
        let renamed = try await send("PUT", "/federations/\(federation)", body, as: .coordinator)
        #expect(renamed.status == 200, "\(renamed.body)")
    }

    /// A position as the side may see it: where the log was when the stage was set.
    fileprivate func start(as side: Side) async throws -> String {
        try await send("GET", "/events?limit=1", as: side).text("next_after")
    }
}

extension TestService {
    fileprivate func followers() async throws -> Int {
        let text = try await send("GET", "//metrics").body
        let line = text.split(separator: "\n").first { $0.hasPrefix("fleet_event_streams ") }
        return try #require(line.flatMap { Double($0.split(separator: " ")[1]) }.map { Int($0) })
    }
}
