import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// The owner's standing approvals.
@Suite("A sharing rule", .timeLimit(.minutes(2)))
struct SharingRuleTests {
    @Test("approves by itself what fits it, and leaves the rest to the owner", arguments: ["medium", "high"])
    func limits(level: String) async throws {
        try await SharingStage.run(level: level) { stage in
            try await stage.register("vans", ["capacity": 100])
            try await stage.register("dock", ["resource_type": "dock"])
            try await stage.setRules([
                "counterparty": "borrower", "resource_type": "vehicle", "quantity_max": 2, "duration_max": 3600,
                "approve": "auto",
            ])
            _ = try await stage.lease("vans", lasting: 3600, ["quantity": 2], is: "active")
            _ = try await stage.lease("vans", startsIn: 60, lasting: 1, ["quantity": 1], is: "granted")
            _ = try await stage.lease("vans", lasting: 3600, ["quantity": 3], is: "pending")
            _ = try await stage.lease("vans", lasting: 3601, ["quantity": 2], is: "pending")
            _ = try await stage.lease("vans", as: .rival, lasting: 60, is: "pending")
            _ = try await stage.lease("dock", lasting: 60, ["resource_type": "dock"], is: "pending")
            // It is the owner's consent, not the borrower's.
            _ = try await stage.lease("vans", as: .owner, lasting: 60, is: "pending")
        }
    }

    @Test("for anybody and anything approves all, until it is replaced")
    func wildcards() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("vans", ["capacity": 100])
            try await stage.register("dock", ["resource_type": "dock"])
            try await stage.setRules(["counterparty": "*", "resource_type": "*", "approve": "auto"])
            _ = try await stage.lease("vans", ["quantity": 50], is: "active")
            _ = try await stage.lease("vans", as: .rival, is: "active")
            _ = try await stage.lease("dock", ["resource_type": "dock"], is: "active")
            try await stage.setRules(["counterparty": "*", "resource_type": "dock", "approve": "auto"])
            _ = try await stage.lease("vans", is: "pending")
            _ = try await stage.lease("dock", as: .rival, startsIn: 3600, ["resource_type": "dock"], is: "granted")
            try await stage.setRules(["counterparty": "rival", "resource_type": "*", "approve": "auto"])
            _ = try await stage.lease("dock", startsIn: 7200, ["resource_type": "dock"], is: "pending")
            _ = try await stage.lease("vans", as: .rival, is: "active")
            try await stage.setRules()
            _ = try await stage.lease("vans", as: .rival, is: "pending")
        }
    }

    @Test("approves a longer lease within its limits, and none beyond them")
    func extending() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            try await stage.setRules([
                "counterparty": "borrower", "resource_type": "vehicle", "duration_max": 7200, "approve": "auto",
            ])
            let lease = try await stage.lease("van", is: "active")
            try await stage.put(lease, ["duration": 7201], as: .borrower).expect(403, code: "consent_required")
            try await stage.put(lease, ["duration": 7200], as: .borrower).expect(200, "active")
        }
    }

    @Test("moves nothing that is refused: what is taken stays taken")
    func conflict() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            try await stage.setRules(["counterparty": "*", "resource_type": "*", "approve": "auto"])
            _ = try await stage.lease("van", is: "active")
            try await stage.ask("van", as: .rival).expect(409, code: "window_conflict")
        }
    }

    @Test("is its owner's alone to write and to read")
    func secrecy() async throws {
        try await SharingStage.run(level: "medium") { stage in
            let rule: JSONObject = ["counterparty": "borrower", "resource_type": "*", "approve": "auto"]
            let before = try await stage.send("GET", stage.ownMember, as: .borrower)
            try await stage.setRules(rule)
            let path = stage.ownMember + "/sharing-rules"
            #expect(try await stage.send("GET", path, as: .owner).rows("rules") == [rule])
            for side in [SharingStage.Side.borrower, .coordinator] {
                try await stage.send("GET", path, as: side).expect(403, code: "permission_denied")
                try await stage.send("PUT", path, ["rules": .array([])], as: side)
                    .expect(403, code: "permission_denied")
            }
            // Nobody else sees so much as that it changed.
            let after = try await stage.send("GET", stage.ownMember, as: .borrower)
            #expect(after.object == before.object && after.etag == before.etag)
        }
    }
}

extension SharingStage {
    fileprivate var ownMember: String { "/federations/\(federation)/members/owner" }

    /// Replaces the owner's rules.
    fileprivate func setRules(_ rules: JSONObject...) async throws {
        let body: JSONObject = ["rules": .array(rules.map { .object($0) })]
        let reply = try await send("PUT", ownMember + "/sharing-rules", body, as: .owner)
        try #require(reply.status == 200, "\(reply.body)")
    }
}
