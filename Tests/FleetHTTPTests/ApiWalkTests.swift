import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// A walk through the API in which each answer is held against the document: what the examples of the single routes
/// do not show, such as lists that are full, what is cut for others, what goes on, and refusals with their reasons.
@Suite("On a walk through the API every answer is as documented", .timeLimit(.minutes(2)))
struct ApiWalkTests {
    /// Sends, checks the status, and holds the answer against the document.
    private struct Walker {
        let service: TestService
        let document = ApiDocument(json: OpenAPI.document)

        @discardableResult
        func go(
            _ status: Int, _ method: String, _ pattern: String, _ path: String, _ body: String? = nil,
            key: String?? = .none, sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> TestService.Reply {
            let reply = try await service.send(method, path, body, key: key)
            let place: Comment = "\(method) \(path): \(reply.status) \(reply.body)"
            #expect(reply.status == status, place, sourceLocation: sourceLocation)
            let pattern = pattern.hasPrefix("//") ? String(pattern.dropFirst()) : API.base + pattern
            let faults = document.faults(method, pattern, reply)
            #expect(faults.isEmpty, "\(faults) of \(place)", sourceLocation: sourceLocation)
            return reply
        }
    }

    @Test("with federations, fleets, members and resources")
    func objects() async throws {
        try await TestService.run { service in
            let walker = Walker(service: service)
            try await walker.go(
                201, "POST", "/fleets", "/fleets", #"{"fleet_id":"f","name":"F","organization":"O"}"#)
            let policy = #"{"allowed_resource_types":["vehicle"],"on_suspend":"revoke"}"#
            let draft = #"{"name":"A","description":"d","policy":\#(policy),"founding_fleet_id":"f"}"#
            let id = try await walker.go(201, "POST", "/federations", "/federations", draft).text("federation_id")
            let federation = "/federations/{federation_id}"
            try await walker.go(409, "POST", "/fleets", "/fleets", #"{"fleet_id":"f","name":"F","organization":"O"}"#)
            let members = "/federations/\(id)/members"
            try await walker.go(201, "POST", federation + "/members", members, #"{"fleet_id":"g"}"#)
            try await walker.go(409, "POST", federation + "/members", members, #"{"fleet_id":"g"}"#)
            try await walker.go(200, "POST", federation + "/members/{fleet_id}/suspend", members + "/g/suspend")
            try await walker.go(409, "POST", federation + "/members/{fleet_id}/suspend", members + "/g/suspend")
            let member = try await walker.go(200, "GET", federation + "/members/{fleet_id}", members + "/g")
            #expect(member.text("suspended_by") == "federation")
            try await walker.go(200, "GET", federation + "/members", members + "?page_size=1")
            let unit = #"{"resource_id":"u","resource_type":"vehicle","attributes":{"seats":4,"tags":["a",null]}}"#
            try await walker.go(201, "POST", "/fleets/{fleet_id}/resources", "/fleets/f/resources", unit)
            let resources = try await walker.go(200, "GET", "/fleets/{fleet_id}/resources", "/fleets/f/resources")
            #expect(resources.rows("resources").count == 1)
            let viewer = try await service.key([.fleetViewer], fleets: [apiName("g")])
            let cut = try await walker.go(200, "GET", federation, "/federations/\(id)", key: .some(viewer))
            #expect(cut["membership_epoch"] == nil)
            try await walker.go(200, "GET", "/federations", "/federations?status=active&q=a", key: .some(viewer))
            try await walker.go(404, "GET", "/fleets/{fleet_id}", "/fleets/f", key: .some(viewer))
            try await walker.go(204, "DELETE", federation + "/members/{fleet_id}", members + "/g")
            try await walker.go(409, "DELETE", "/fleets/{fleet_id}", "/fleets/f")
            try await walker.go(422, "POST", "/federations", "/federations", #"{"name":"","x":1}"#)
            try await walker.go(200, "GET", "//health", "//health")
            try await walker.go(200, "GET", "//health", "//health", key: .some(nil))
        }
    }

    @Test("with a fleet that shows how many units it has, and not which")
    func counts() async throws {
        try await TestService.run { service in
            let walker = Walker(service: service)
            let id = try await service.found([("owner", "medium"), ("reader", "low")])
            try await service.register("owner", "unit")
            let reader = try await service.key([.fleetViewer], fleets: [apiName("reader")])
            let list = "/fleets/{fleet_id}/resources"
            let cut = try await walker.go(200, "GET", list, "/fleets/owner/resources", key: .some(reader))
            #expect(cut.rows("counts").first?["quantity"] == .integer(1) && cut.rows("resources").isEmpty)
            try await walker.go(403, "GET", list + "/{resource_id}", "/fleets/owner/resources/unit", key: .some(reader))
            let members = "/federations/{federation_id}/members"
            try await walker.go(200, "GET", members, "/federations/\(id)/members", key: .some(reader))
        }
    }

    @Test("with leases, their refusals and their ends")
    func leases() async throws {
        try await TestService.run { service in
            let walker = Walker(service: service)
            let id = try await service.found([("owner", "none"), ("borrower", "none")])
            let sharing = "/resource-sharing"
            let one = sharing + "/{sharing_id}"
            for unit in ["a", "b"] { try await service.register("owner", unit, "confirmed") }
            let ask = service.request(id, "a").replacing("}", with: #","purpose":"p","reason":"r"}"#)
            let lease = try await walker.go(201, "POST", sharing, sharing, ask).text("sharing_id")
            let refusal = try await walker.go(409, "POST", sharing, sharing, ask)
            #expect(refusal["explanation"]?.objectValue?["code"] == .string("window_conflict"))
            try await walker.go(422, "POST", sharing, sharing, service.request(id, "a", to: "owner"))
            try await walker.go(200, "POST", one + "/activate", "/resource-sharing/\(lease)/activate")
            try await walker.go(
                200, "GET", "/fleets/{fleet_id}/resources/{resource_id}/calendar", "/fleets/owner/resources/a/calendar")
            let refused = try await walker.go(409, "POST", one + "/reject", "/resource-sharing/\(lease)/reject")
            #expect(refused["status"] == .integer(409) && refused.text("sharing_status") == "active")
            try await walker.go(409, "DELETE", "/federations/{federation_id}", "/federations/\(id)")
            let owner = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let ended = try await walker.go(202, "DELETE", one, "/resource-sharing/\(lease)", key: .some(owner))
            #expect(ended.rows("obligations").first?.text("action") == "acknowledge")
            let member = "/federations/{federation_id}/members/{fleet_id}"
            let leaving = try await walker.go(202, "DELETE", member, "/federations/\(id)/members/borrower")
            #expect(leaving.rows("obligations").count == 1 && leaving.text("status") == "leaving")
            let path = "/federations/\(id)?force=true"
            let dissolving = try await walker.go(202, "DELETE", "/federations/{federation_id}", path)
            #expect(dissolving.rows("obligations").count == 1 && dissolving.text("status") == "dissolving")
            try await walker.go(200, "POST", one + "/acknowledge", "/resource-sharing/\(lease)/acknowledge")
            try await walker.go(404, "DELETE", one, "/resource-sharing/\(lease)")
            try await walker.go(200, "GET", one, "/resource-sharing/\(lease)")
            try await walker.go(200, "GET", sharing, sharing + "?fleet_id=owner&status=revoked")
        }
    }

    @Test("with a request that could be meant for several federations")
    func ambiguous() async throws {
        try await TestService.run { service in
            let ids = [
                try await service.found([("owner", "none"), ("borrower", "none")]),
                try await service.found([("owner", "none"), ("borrower", "none")]),
            ]
            try await service.register("owner", "a")
            let ask = service.request(ids[0], "a").replacing(#""federation_id":"\#(ids[0])","#, with: "")
            let reply = try await Walker(service: service).go(
                422, "POST", "/resource-sharing", "/resource-sharing", ask)
            #expect(reply["federation_ids"]?.arrayValue?.count == 2)
        }
    }

    @Test("with what is told about it all: metrics, events, audit, keys")
    func records() async throws {
        try await TestService.run { service in
            let walker = Walker(service: service)
            let id = try await service.found([("owner", "sealed"), ("borrower", "none")])
            let metric = #"{"federation_id":"\#(id)","metric_type":"m","metric_value":1e3,"metric_unit":"u"}"#
            try await walker.go(201, "POST", "/metrics", "/metrics", metric)
            try await walker.go(200, "GET", "/metrics", "/metrics?federation_id=\(id)&metric_type=m")
            let key =
                #"{"name":"k","roles":["fleet_operator"],"fleet_ids":["owner"],"expires_at":"2027-01-01T00:00:00Z"}"#
            let made = try await walker.go(201, "POST", "/api-keys", "/api-keys", key)
            try await walker.go(200, "GET", "/whoami", "/whoami", key: .some(made.text("key")))
            try await walker.go(204, "DELETE", "/api-keys/{key_id}", "/api-keys/" + made.text("key_id"))
            try await walker.go(401, "GET", "/whoami", "/whoami", key: .some(made.text("key")))
            try await walker.go(200, "GET", "/api-keys", "/api-keys")
            // A privileged read and a denied crossing, each with its record.
            try await walker.go(200, "GET", "/fleets/{fleet_id}", "/fleets/owner")
            let borrower = try await service.key([.fleetOperator], fleets: [apiName("borrower")])
            try await walker.go(404, "GET", "/fleets/{fleet_id}", "/fleets/owner", key: .some(borrower))
            await service.advance(by: 61)
            let owner = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            try await service.ok("PATCH", "/fleets/owner", #"{"name":"O"}"#, key: .some(owner))
            let audit = try await walker.go(200, "GET", "/audit-log", "/audit-log?fleet_id=owner&page_size=1000")
            let outcomes = Set(audit.rows("audit_records").map { $0.text("outcome") })
            #expect(outcomes == ["done", "denied", "privileged"])
            try await walker.go(200, "GET", "/events", "/events?limit=1000")
            try await walker.go(200, "GET", "/events", "/events?types=member.joined", key: .some(borrower))
            try await walker.go(200, "GET", "/audit-log", "/audit-log", key: .some(borrower))
            for permission in ["fleet:operate", "federation:manage"] {
                let ask = #"{"permission":"\#(permission)","federation_id":"\#(id)"}"#
                try await walker.go(200, "POST", "/permissions/check", "/permissions/check", ask, key: .some(borrower))
            }
        }
    }
}
