import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// What a caller may not see is answered exactly as what does not exist.
@Suite("What is hidden", .timeLimit(.minutes(2)))
struct ApiHiddenTests {
    private static let callers: [ApiRoleTable.Caller] = [
        .coordinator, .fleetOperator, .coordinatingOperator, .viewer, .service,
    ]

    @Test(
        "Invariant 11: every route answers what is hidden as it answers what is absent",
        arguments: Effort.one(of: callers))
    func likeAbsent(caller: ApiRoleTable.Caller) async throws {
        try await TestService.run { service in
            let world = try await ApiPermissionWorld(service, caller, isOpen: false)
            var compared = 0
            for endpoint in Effort.part(of: Router.endpoints) {
                let key = try await world.key(for: endpoint)
                for relation in ApiPermissionTests.relations(of: endpoint)
                where relation == .peer || relation == .stranger {
                    let hidden = try await world.send(endpoint, relation, key: key)
                    let verdict = ApiRoleTable.verdict(caller, endpoint, relation, isOpen: false)
                    guard verdict == .hidden || verdict == .refused else { continue }
                    let absent = try await world.send(endpoint, relation, key: key, isAbsent: true)
                    let place: Comment =
                        "\(caller) \(ApiStage.name(endpoint)) \(relation): \(hidden.body) \(absent.body)"
                    #expect(hidden.status == absent.status, place)
                    #expect(Self.comparable(hidden) == Self.comparable(absent), place)
                    #expect(Self.headers(hidden) == Self.headers(absent), place)
                    compared += 1
                }
            }
            #expect(compared > (Effort.isThorough ? 10 : 1))
        }
    }

    /// The problem without what differs between any two requests.
    private static func comparable(_ reply: TestService.Reply) -> JSONObject {
        JSONObject(reply.object.members.filter { !["instance", "request_id"].contains($0.key) })
    }

    private static func headers(_ reply: TestService.Reply) -> [String: String] {
        let own = ["x-request-id", "x-correlation-id", "date", "content-length"]
        return reply.headers.filter { !own.contains($0.key) }
    }

    @Test("Invariant 11: an invitation tells a coordinator nothing about whether the fleet exists")
    func invitation() async throws {
        try await TestService.run { service in
            let home = try await service.found([("peer", "high")])
            _ = try await service.found([("stranger", "high")])
            let coordinator = try await service.key([.federationCoordinator], federations: [apiID(home)])
            var answers: [JSONObject] = []
            for fleet in ["stranger", "nobody"] {
                let path = "/federations/\(home)/members"
                let reply = try await service.send("POST", path, #"{"fleet_id":"\#(fleet)"}"#, key: .some(coordinator))
                #expect(reply.status == 201 && reply.text("status") == "invited", "\(reply.body)")
                answers.append(JSONObject(reply.object.members.filter { $0.key != "fleet_id" }))
            }
            #expect(answers[0] == answers[1])
        }
    }
}
