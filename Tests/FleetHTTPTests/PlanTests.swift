import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// What-if plans over HTTP; the arithmetic has tests of its own.
@Suite("A plan", .timeLimit(.minutes(2)))
struct PlanTests {
    @Test("divides as in Keshav 1997, p. 215: of 10, the demands 2, 2.6, 4 and 5 get 2, 2.6, 2.7 and 2.7")
    func maxMin() async throws {
        try await SharingStage.run(level: "none") { stage in
            let demands: [JSON] = [.integer(2), .double(2.6), .integer(4), .integer(5)]
            let claims = demands.enumerated().map { index, demand in
                JSON.object(["fleet_id": .string("f\(index)"), "demand": .object(["bandwidth": demand])])
            }
            let plan = try await stage.plan(
                ["method": "max_min", "capacity": ["bandwidth": 10], "claims": .array(claims)])
            let granted = plan.rows("claims").map { $0["granted"]?.objectValue?["bandwidth"] }
            #expect(granted == [.integer(2), .double(2.6), .double(2.7), .double(2.7)])
        }
    }

    @Test("divides as in Ghodsi et al., NSDI 2011: three tasks and two, two thirds for each, in the order B A A B A")
    func drf() async throws {
        try await SharingStage.run(level: "none") { stage in
            let plan = try await stage.plan([
                "method": "drf", "capacity": ["cpu": 9, "gb": 18],
                "claims": [
                    ["fleet_id": "B", "demand": ["cpu": 3, "gb": 1]],
                    ["fleet_id": "A", "demand": ["cpu": 1, "gb": 4]],
                ],
            ])
            #expect(plan.rows("claims").map { $0["tasks"] } == [2, 3])
            #expect(plan.rows("claims").allSatisfy { abs(($0["share"]?.doubleValue ?? 0) - 2.0 / 3) < 1e-9 })
            #expect(plan["order"] == ["B", "A", "A", "B", "A"])
        }
    }

    @Test("without a capacity divides what the federation has free, as far as the caller may count it")
    func free() async throws {
        try await free("none", [2, 1])
        // Where use is not seen, all of it counts as free.
        try await free("medium", [3, 2])
    }

    private func free(_ level: String, _ granted: [JSON]) async throws {
        try await SharingStage.run(level: level) { stage in
            try await stage.register("vans", ["capacity": 5])
            _ = try await stage.lease("vans", as: .both, ["quantity": 2], is: "active")
            let body: JSONObject = [
                "method": "max_min", "federation_id": .string(stage.federation), "indivisible": .bool(true),
                "claims": [
                    ["fleet_id": "rival", "demand": ["vehicle": 9]],
                    ["fleet_id": "borrower", "demand": ["vehicle": 9]],
                ],
            ]
            let plan = try await stage.plan(body)
            #expect(plan.rows("claims").map { $0["granted"]?.objectValue?["vehicle"] } == granted)
        }
    }

    @Test("is what the engine would do with the claims, one after the other, and stores nothing")
    func sequential() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["a", "b", "c"] { try await stage.register(unit) }
            let before = try await stage.service.end
            let plan = try await stage.plan([
                "method": "sequential", "federation_id": .string(stage.federation),
                "claims": [
                    ["fleet_id": "borrower", "demand": ["vehicle": 2]],
                    ["fleet_id": "borrower", "demand": ["vehicle": 2]],
                    ["fleet_id": "borrower", "demand": ["vehicle": 1]],
                ],
            ])
            let granted = plan.rows("claims").map { $0["granted"]?.objectValue?["vehicle"] }
            #expect(granted == [2, 0, 1])
            let codes = plan.rows("claims").map { $0["explanation"]?.objectValue?.text("code") }
            #expect(codes == ["granted", "window_conflict", "granted"])
            #expect(plan["order"] == ["borrower", "borrower"])
            let after = try await (end: stage.service.end, active: stage.count("active"))
            #expect(after.end == before && after.active == 0)
        }
    }

    @Test("that makes no sense is refused under its own pointer, and of others nothing is foreseen")
    func faults() async throws {
        try await SharingStage.run(level: "none") { stage in
            let claim: JSON = ["fleet_id": "borrower", "demand": ["cpu": 1]]
            let kinds: [JSON] = (0...100).map { ["fleet_id": "x", "demand": .object(["t\($0)": 1])] }
            let many = JSON.array(Array(repeating: claim, count: 101))
            let wrong: [(JSONObject, String)] = [
                (["method": "lottery", "claims": [claim]], "/method"),
                (["method": "max_min", "capacity": ["cpu": -1], "claims": [claim]], "/capacity/cpu"),
                (["method": "max_min", "capacity": ["cpu": .double(1e18)], "claims": [claim]], "/capacity/cpu"),
                (["method": "max_min", "claims": [claim]], "/capacity"),
                (
                    ["method": "drf", "claims": [["fleet_id": "x", "weight": 0, "demand": ["cpu": 1]]]],
                    "/claims/0/weight"
                ),
                (["method": "drf", "capacity": ["c p": 1], "claims": [claim]], "/capacity/c p"),
                (["method": "sequential", "claims": [claim]], "/federation_id"),
                (["method": "drf", "capacity": [:], "claims": .array(kinds)], "/claims"),
                (
                    ["method": "sequential", "federation_id": .string(stage.federation), "claims": many], "/claims"
                ),
            ]
            for (body, pointer) in wrong {
                let reply = try await stage.send("POST", "/allocation-plans", body, as: .borrower)
                reply.expect(422, code: "validation_failed")
                #expect(reply.rows("errors").map { $0.text("pointer") } == [pointer], "\(body): \(reply.body)")
            }
            let others: JSONObject = [
                "method": "sequential", "federation_id": .string(stage.federation),
                "claims": [["fleet_id": "rival", "demand": ["cpu": 1]]],
            ]
            let reply = try await stage.send("POST", "/allocation-plans", others, as: .borrower)
            reply.expect(403, code: "permission_denied")
        }
    }
}

extension SharingStage {
    func plan(_ body: JSONObject) async throws -> TestService.Reply {
        let reply = try await send("POST", "/allocation-plans", body, as: .borrower)
        try #require(reply.status == 200, "\(reply.body)")
        return reply
    }
}
