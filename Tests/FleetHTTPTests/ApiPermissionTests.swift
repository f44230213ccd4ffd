import FleetDomain
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

@testable import FleetHTTP

/// Every route, called by every role, on what belongs to itself and to others. Writes are dry runs, whose permission
/// checks are those of the real thing, so that one world serves all of them.
@Suite("Every route and role", .timeLimit(.minutes(2)))
struct ApiPermissionTests {
    private static let callers = [true, false].flatMap { isOpen in
        ApiRoleTable.Caller.allCases.map { ($0, isOpen) }
    }

    @Test("is answered as the table of roles says", arguments: Effort.one(of: callers))
    func table(caller: ApiRoleTable.Caller, isOpen: Bool) async throws {
        try await TestService.run { service in
            let world = try await ApiPermissionWorld(service, caller, isOpen: isOpen)
            for endpoint in Router.endpoints {
                let key = try await world.key(for: endpoint)
                for relation in Self.relations(of: endpoint) {
                    let reply = try await world.send(endpoint, relation, key: key)
                    let verdict = ApiRoleTable.verdict(caller, endpoint, relation, isOpen: isOpen)
                    let place: Comment =
                        "\(caller) \(ApiStage.name(endpoint)) \(relation): \(reply.status) \(reply.body)"
                    #expect(verdict.allows(reply.status), "wanted \(verdict) of \(place)")
                    if (200..<300).contains(reply.status), !["platformAdmin", "auditor"].contains(caller.rawValue) {
                        #expect(!reply.body.contains("stranger"), "\(place)")
                    }
                }
            }
        }
    }

    static func relations(of endpoint: Endpoint) -> [ApiRelation] {
        if endpoint.path.contains("{sharing_id}") { return ApiRelation.allCases }
        let namesObject = endpoint.path.contains("{") || endpoint.method == .post
        return namesObject ? [.own, .peer, .stranger] : [.own]
    }

    @Test("asks for the permission that the contract gives it")
    func permissions() {
        for endpoint in Router.endpoints {
            let name = ApiStage.name(endpoint)
            let wanted: Endpoint.Access? = ApiRouteTable.permissions[name].map { permission in
                permission.map { .permission($0) }
                    ?? (endpoint.path.hasPrefix(API.base)
                        ? .authenticated : endpoint.path == "/health" ? .anybodyKnown : .anybody)
            }
            #expect(endpoint.access == wanted, "\(name)")
        }
        #expect(Set(Router.endpoints.map(ApiStage.name)) == Set(ApiRouteTable.permissions.keys))
    }
}
