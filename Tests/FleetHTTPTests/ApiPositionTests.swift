import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Testing

/// Reading one's writes: `Event-Position`, `min_position`, and `after` of the events.
@Suite("A position of the log", .timeLimit(.minutes(2)))
struct ApiPositionTests {
    @Test("that was answered is waited for by a read, and is there")
    func readYourWrites() async throws {
        try await TestService.run { service in
            for number in 1...5 {
                let made = try await service.ok("POST", "/federations", #"{"name":"Number \#(number)"}"#)
                let position = try #require(made.headers["event-position"])
                let list = try await service.ok("GET", "/federations?min_position=\(position)")
                #expect(list.rows("federations").count == number)
            }
        }
    }

    @Test("to come is waited for until it has come")
    func waits() async throws {
        try await TestService.run { service in
            let next = try await service.end + 1
            async let read = service.send("GET", "/federations?min_position=\(next)")
            try await service.ok("POST", "/federations", #"{"name":"A"}"#)
            #expect(try await read.rows("federations").count == 1)
        }
    }

    @Test("that does not come is given up after two seconds")
    func givesUp() async throws {
        try await TestService.run { service in
            let clock = ContinuousClock()
            let start = clock.now
            let next = try await service.end + 1
            let reply = try await service.send("GET", "/federations?min_position=\(next)")
            reply.expectProblem(503, "position_not_reached", "min_position")
            #expect(reply.headers["retry-after"] != nil)
            #expect(clock.now - start >= .seconds(2))
        }
    }

    @Test("is as long whatever it is, so that its length tells nothing")
    func oneLength() async throws {
        try await TestService.run { service in
            let (positions, reader) = (service.api.positions, Principal(subject: "test", roles: [.fleetOperator]))
            let places = [(1, 7), (1, 7_000_000_000), (1_000_000, 7)].map { LogPlace(position: $0.0, timeline: $0.1) }
            #expect(Set(places.map { positions.text(of: $0, for: reader).utf8.count }).count == 1)
            #expect(Set(places.map { positions.mark($0).utf8.count }).count == 1)
        }
    }

    private static let malformed = [
        "x", "-1", "1.5", "1e3", "9223372036854775807", "9223372036854775808", "%20", "0x1",
    ]

    @Test("is a number for who sees the whole log", arguments: [Role.platformAdmin, .auditor])
    func numbers(role: Role) async throws {
        try await TestService.run { service in
            let key = try await service.key([role])
            for wrong in Self.malformed {
                for path in ["/federations?min_position=\(wrong)", "/events?after=\(wrong)"] {
                    try await service.refused(400, "invalid_position", "GET", path, key: .some(key))
                }
            }
            let events = try await service.ok("GET", "/events?after=1", key: .some(key))
            #expect(events.rows("events").map { $0.text("sequence") } == ["2"])
            #expect(events.text("next_after") == "2")
            try await service.ok("GET", "/federations?min_position=2", key: .some(key))
        }
    }

    @Test("is sealed for everybody else, who can count nothing by it")
    func tokens() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none")])
            let key = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let path = "/federations/\(federation)/members/owner"
            var tokens: [String] = []
            for flag in [true, false] {
                let reply = try await service.ok("PATCH", path, #"{"communication_enabled":\#(flag)}"#, key: .some(key))
                let token = try #require(reply.headers["event-position"])
                try await service.ok("GET", path + "?min_position=" + token, key: .some(key))
                let later = try await service.ok("GET", "/events?after=" + token, key: .some(key))
                #expect(later.rows("events").isEmpty)
                tokens.append(token)
            }
            let between = try await service.ok("GET", "/events?after=" + tokens[0], key: .some(key))
            #expect(between.rows("events").map { $0.text("type") } == ["atlasmesh.fleet.member.updated"])
            #expect(Set(tokens.map(\.count)).count == 1 && tokens.allSatisfy { Int64($0) == nil })
            for wrong in Self.malformed + ["1", "2", tokens[0] + "A", String(tokens[0].dropLast())] {
                for path in ["/federations?min_position=\(wrong)", "/events?after=\(wrong)"] {
                    try await service.refused(400, "invalid_position", "GET", path, key: .some(key))
                }
            }
            try await service.refused(400, "invalid_position", "GET", "/events?after=" + tokens[0])
        }
    }

    @Test("is good for whoever acts for the same fleets, and for nobody else")
    func others() async throws {
        try await TestService.run { service in
            _ = try await service.found([("owner", "none"), ("other", "none")])
            let key = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let token = try await service.ok("GET", "/events", key: .some(key)).text("next_after")
            let successor = try await service.key([.fleetViewer], fleets: [apiName("owner")])
            try await service.ok("GET", "/events?after=" + token, key: .some(successor))
            for fleets: Set<Fleet.ID> in [[apiName("other")], [apiName("owner"), apiName("other")]] {
                let another = try await service.key([.fleetOperator], fleets: fleets)
                for path in ["/events?after=", "/events/stream?after=", "/fleets/other/inbox?after="] {
                    try await service.refused(400, "position_of_another", "GET", path + token, key: .some(another))
                }
            }
        }
    }

    @Test("that was given out in the database which a file was filled from is good there")
    func moved() async throws {
        try await TestService.run { service in
            _ = try await service.found([("owner", "none")])
            let owner = Principal(subject: "", roles: [.fleetOperator], fleets: [apiName("owner")])
            let place = LogPlace(position: 1, timeline: 7)
            let token = service.api.positions.text(of: place, for: owner)
            let key = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            for path in ["/events?after=", "/federations?min_position="] {
                if service.api.store.isShared {
                    // Which knows its own timelines, and began with none.
                    try await service.refused(410, "resync", "GET", path + token, key: .some(key))
                } else {
                    try await service.ok("GET", path + token, key: .some(key))
                }
            }
        }
    }

    @Test("that the log has not come to is told apart from one that is none")
    func future() async throws {
        try await TestService.run { service in
            let end = try await service.end
            for path in ["/events", "/events/stream"] {
                try await service.refused(400, "position_in_future", "GET", path + "?after=\(end + 1)")
            }
        }
    }
}
