import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What isolation means, one request at a time: hidden is answered byte for byte as absent.
@Suite("Hidden and absent", .timeLimit(.minutes(2)))
struct IsolationExampleTests {
    /// A federation with two `low` members, a `high` and a `sealed` one, and a fleet that is in none of it.
    private struct World {
        let service: TestService
        let federation: String
        let north: String
        let coordinator: String
        let stranger: String
        let lender: String

        init(_ service: TestService) async throws {
            self.service = service
            let made = try await service.send("POST", "/federations", #"{"name":"ours","description":""}"#)
            federation = try #require(made["federation_id"]?.stringValue)
            let id = try #require(Federation.ID(federation))
            for (fleet, level) in [("north", "low"), ("south", "low"), ("hill1", "high"), ("crypt", "sealed")] {
                let reply = try await service.send(
                    "POST", "/federations/\(federation)/members",
                    #"{"fleet_id":"\#(fleet)","isolation_level":"\#(level)","resource_sharing":true}"#)
                #expect(reply.status == 201)
                try await Self.register("van", of: fleet, service)
            }
            _ = try await service.send("POST", "/fleets", #"{"fleet_id":"loner","name":"l","organization":"l"}"#)
            try await Self.register("van", of: "loner", service)
            north = try await service.key([.fleetOperator], fleets: [name("north")])
            stranger = try await service.key([.fleetOperator], fleets: [name("loner")])
            lender = try await service.key([.fleetOperator], fleets: [name("hill1")])
            coordinator = try await service.key([.federationCoordinator], federations: [id])
        }

        static func register(_ resource: String, of fleet: String, _ service: TestService) async throws {
            let draft = #"{"resource_id":"\#(resource)","resource_type":"vehicle"}"#
            #expect(try await service.send("POST", "/fleets/\(fleet)/resources", draft).status == 201)
        }

        func request(
            _ source: String, _ target: String = "north", resource: String = "van", more: String = ""
        ) -> String {
            """
            {"source_fleet_id":"\(source)","target_fleet_id":"\(target)","resource_type":"vehicle",\
            "resource_id":"\(resource)","duration":600,"priority":"normal"\(more)}
            """
        }

        /// Sends the same about two fleets whose names are equally long; the replies may differ in the name alone.
        func expectAlike(
            _ hidden: String, _ absent: String, as key: String, status: Int, _ method: String, _ path: String,
            _ body: String? = nil, source: SourceLocation = #_sourceLocation
        ) async throws {
            let replies = [
                try await ask(method, path, body, about: hidden, as: key),
                try await ask(method, path, body, about: absent, as: key),
            ]
            #expect(replies[0].status == status, "\(replies[0].text)", sourceLocation: source)
            #expect(replies[0] == replies[1], "\(method) \(path)", sourceLocation: source)
        }

        private struct Shown: Equatable {
            let status: Int
            let text: String
            let headers: [String: String]
        }

        private func ask(
            _ method: String, _ path: String, _ body: String?, about fleet: String, as key: String
        ) async throws -> Shown {
            // A dry run makes ids too: both make the same.
            service.clock.reseed(1 << 50)
            let reply = try await service.send(
                method, path.replacing("FLEET", with: fleet), body?.replacing("FLEET", with: fleet), key: key,
                headers: ["X-Request-ID": "probe"])
            let text = String(decoding: reply.bytes, as: UTF8.self).replacing(fleet, with: "FLEET")
            // A tag is of the bytes, which name the fleet; a position is sealed with a random number.
            let headers = reply.headers.filter { !["date", "etag", "event-position"].contains($0.key) }
                .mapValues { $0.replacing(fleet, with: "FLEET") }
            return Shown(status: reply.status, text: text, headers: headers)
        }
    }

    @Test("A hidden fleet, its membership and its resources are answered like absent ones")
    func reads() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for hidden in ["hill1", "crypt", "loner"] {
                for path in [
                    "/fleets/FLEET", "/fleets/FLEET/resources", "/fleets/FLEET/resources/van",
                    "/fleets/FLEET/resources/van/calendar", "/federations/\(world.federation)/members/FLEET",
                    "/federations/\(world.federation)/members/FLEET/sharing-rules",
                ] {
                    try await world.expectAlike(hidden, "nobod", as: world.north, status: 404, "GET", path)
                }
                for list in [
                    "/federations?fleet_id=FLEET", "/resource-sharing?fleet_id=FLEET", "/audit-log?fleet_id=FLEET",
                ] {
                    try await world.expectAlike(hidden, "nobod", as: world.north, status: 200, "GET", list)
                }
            }
        }
    }

    @Test("Writes to a hidden fleet are refused like writes to an absent one")
    func writes() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            let member = "/federations/\(world.federation)/members/FLEET"
            let fence = #"{"fencing_token":1,"sharing_id":"\#(world.federation)"}"#
            for hidden in ["hill1", "crypt", "loner"] {
                for (method, path, body) in [
                    ("PATCH", "/fleets/FLEET", #"{"name":"x"}"#), ("DELETE", "/fleets/FLEET", nil),
                    ("POST", "/fleets/FLEET/resources", #"{"resource_id":"van","resource_type":"vehicle"}"#),
                    ("PATCH", "/fleets/FLEET/resources/van", "{}"), ("DELETE", "/fleets/FLEET/resources/van", nil),
                    ("POST", "/fleets/FLEET/resources/van/fence", fence),
                    ("POST", "/federations", #"{"name":"x","founding_fleet_id":"FLEET"}"#),
                    ("PATCH", member, "{}"), ("DELETE", member, nil), ("POST", member + "/accept", nil),
                    ("POST", member + "/suspend", nil), ("PUT", member + "/sharing-rules", #"{"rules":[]}"#),
                ] as [(String, String, String?)] {
                    try await world.expectAlike(hidden, "nobod", as: world.north, status: 404, method, path, body)
                }
            }
        }
    }

    @Test("A request to or for a sealed fleet, or one that is met nowhere, is answered like one for an absent fleet")
    func requests() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for hidden in ["crypt", "loner"] {
                for more in ["", #","federation_id":"\#(world.federation)""#, #","quantity":3"#] {
                    for resource in ["van", "bus"] {
                        try await world.expectAlike(
                            hidden, "nobod", as: world.north, status: 404, "POST", "/resource-sharing?dry_run=true",
                            world.request("FLEET", resource: resource, more: more))
                    }
                    try await world.expectAlike(
                        hidden, "nobod", as: world.north, status: 404, "POST", "/resource-sharing?dry_run=true",
                        world.request("north", "FLEET", more: more))
                }
            }
            // The sealed fleet itself is refused both ways as well.
            let sealed = try await service.key([.fleetOperator], fleets: [name("crypt")])
            try await world.expectAlike(
                "south", "nobod", as: sealed, status: 404, "POST", "/resource-sharing?dry_run=true",
                world.request("FLEET", "crypt"))
        }
    }

    @Test("An invitation tells nothing about whether the fleet exists")
    func invitations() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            let members = "/federations/\(world.federation)/members"
            for path in [members + "?dry_run=true", members] {
                try await world.expectAlike(
                    "loner", "nobod", as: world.coordinator, status: 201, "POST", path, #"{"fleet_id":"FLEET"}"#)
            }
            try await world.expectAlike(
                "loner", "nobod", as: world.coordinator, status: 200, "GET", members + "/FLEET")
            try await world.expectAlike("loner", "nobod", as: world.coordinator, status: 404, "GET", "/fleets/FLEET")
            try await world.expectAlike(
                "loner", "nobod", as: world.coordinator, status: 403, "POST", members + "/FLEET/accept")
        }
    }

    @Test("A `high` lender that cannot lend says `unavailable`, whatever the reason, and nothing else")
    func unavailable() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for resource in ["resting", "lent", "elsewhere", "gone", "asked"] {
                try await World.register(resource, of: "hill1", service)
            }
            #expect(
                try await service.send("PATCH", "/fleets/hill1/resources/resting", #"{"status":"maintenance"}"#).status
                    == 200)
            #expect(try await service.send("DELETE", "/fleets/hill1/resources/gone").status == 204)
            #expect(
                try await service.send("POST", "/resource-sharing", world.request("hill1", "south", resource: "lent"))
                    .status == 201)
            // Asked for by another, and not approved yet: held all the same.
            let south = try await service.key([.fleetOperator], fleets: [name("south")])
            let pending = try await service.send(
                "POST", "/resource-sharing", world.request("hill1", "south", resource: "asked"), key: south)
            #expect(pending["status"] == .string("pending"))
            try await lendElsewhere(world)

            var bodies: Set<[UInt8]> = []
            for resource in ["resting", "lent", "elsewhere", "gone", "asked", "never-registered"] {
                let more = #","federation_id":"\#(world.federation)""#
                let reply = try await service.send(
                    "POST", "/resource-sharing", world.request("hill1", resource: resource, more: more),
                    key: world.north, headers: ["X-Request-ID": "probe"])
                #expect(reply.status == 409 && reply.code == "unavailable", "\(resource): \(reply.json)")
                #expect(reply["explanation"]?.objectValue?["nearest_windows"] == .array([]))
                #expect(reply["explanation"]?.objectValue?["counterfactual"] == nil)
                bodies.insert(reply.bytes)
            }
            #expect(bodies.count == 1, "a reason can be told from another")
            // One that is free is held until its owner approves.
            let free = try await service.send(
                "POST", "/resource-sharing", world.request("hill1"), key: world.north)
            #expect(free.status == 201 && free["status"] == .string("pending"))
            // The owner is told the reason.
            let own = try await service.send(
                "POST", "/resource-sharing", world.request("hill1", resource: "resting"), key: world.lender)
            #expect(own.code == "resource_unavailable")
        }
    }

    /// The unit `elsewhere` is in use in another federation.
    private func lendElsewhere(_ world: World) async throws {
        let service = world.service
        let made = try await service.send("POST", "/federations", #"{"name":"theirs","description":""}"#)
        let other = try #require(made["federation_id"]?.stringValue)
        for fleet in ["hill1", "loner"] {
            _ = try await service.send(
                "POST", "/federations/\(other)/members",
                #"{"fleet_id":"\#(fleet)","isolation_level":"low","resource_sharing":true}"#)
        }
        let more = #","federation_id":"\#(other)""#
        let reply = try await service.send(
            "POST", "/resource-sharing", world.request("hill1", "loner", resource: "elsewhere", more: more))
        #expect(reply.status == 201)
    }

    @Test("The measurements, which count what everybody does, are for those alone who see everything")
    func measurements() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for key in [world.north, world.coordinator] {
                let reply = try await service.send("GET", "//metrics", key: key)
                #expect(reply.status == 403 && reply.code == "permission_denied")
            }
            let auditor = try await service.key([.auditor])
            for key in [service.adminKey, auditor] {
                #expect(try await service.send("GET", "//metrics", key: key).status == 200)
            }
        }
    }
}
