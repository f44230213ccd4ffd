import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// `dry_run=true` on every write.
@Suite("A dry run", .timeLimit(.minutes(2)))
struct ApiDryRunTests {
    private static let writes = Router.endpoints.filter(\.isWrite)

    @Test("Invariant 8: a dry run of any write stores nothing")
    func storesNothing() async throws {
        try await ApiStage.run(Self.writes) { stage, endpoint in
            let service = stage.service
            let before = try await service.end
            let seen = try await service.send("GET", "/events?limit=1000").bytes
            let example = try stage.example(of: endpoint)
            let reply = try await stage.send(endpoint, query: "?dry_run=true")
            #expect(reply.status == example.status, "\(ApiStage.name(endpoint)): \(reply.status) \(reply.body)")
            #expect(try await service.end == before, "\(ApiStage.name(endpoint)) stored something")
            #expect(try await service.send("GET", "/events?limit=1000").bytes == seen, "\(ApiStage.name(endpoint))")
        }
    }

    @Test("Invariant 8: a dry run is answered like the real thing that follows it")
    func likeTheRealThing() async throws {
        try await ApiStage.run(Self.writes) { stage, endpoint in
            let trial = try await stage.send(endpoint, query: "?dry_run=true")
            let real = try await stage.send(endpoint)
            let place = ApiStage.name(endpoint)
            #expect(trial.status == real.status, "\(place): \(real.body)")
            #expect(Self.comparable(trial) == Self.comparable(real), "\(place)")
            for name in ["etag", "location", "event-position"] {
                #expect((trial.headers[name] != nil) == (real.headers[name] != nil), "\(name) of \(place)")
            }
        }
    }

    /// The answer without what is made anew for each one: the ids, the secrets and the fences that time gives.
    private static func comparable(_ reply: TestService.Reply) -> JSONObject {
        let isCreated = reply.status == 201
        return reply.object.without(
            ["key", "secret", "public_key"]
                + (isCreated
                    ? [
                        "federation_id", "sharing_id", "allocation_id", "key_id", "message_id", "webhook_id",
                        "replay_id",
                    ] : []))
    }

    @Test("that is denied leaves one audit record, which says so")
    func denied() async throws {
        try await TestService.run { service in
            _ = try await ApiStage(service)
            let offender = try await service.key([.fleetOperator], fleets: [ApiStage.borrower])
            await service.advance(by: 61)
            let before = try await service.end
            let path = "/fleets/owner/resources/van?dry_run=true"
            try await service.refused(403, "permission_denied", "DELETE", path, key: .some(offender))
            await service.advance(by: 61)
            let records = try await service.audit("outcome=denied")
            #expect(records.count == 1)
            #expect(try await service.end == before + 1)
            #expect(records.first?["dry_run"] == .bool(true))
        }
    }

    @Test("makes no key that anybody could use")
    func noKey() async throws {
        try await TestService.run { service in
            let reply = try await service.ok("POST", "/api-keys?dry_run=true", #"{"name":"k","roles":["auditor"]}"#)
            #expect(reply["key"] == nil && !reply.text("key_id").isEmpty)
        }
    }
}

extension JSONObject {
    /// The object, and those in its lists, without these members.
    func without(_ names: [String]) -> JSONObject {
        JSONObject(
            members.filter { !names.contains($0.key) }.map { member in
                guard let list = member.value.arrayValue else { return member }
                let rows = list.map { row in row.objectValue.map { JSON.object($0.without(names)) } ?? row }
                return Member(key: member.key, value: .array(rows))
            })
    }
}
