import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// A lease needs the consent of both fleets, each given by who acts for it.
@Suite("The consent to a lease", .timeLimit(.minutes(2)))
struct SharingConsentTests {
    @Test("of the lender is waited for, and the window is held meanwhile")
    func lendersConsent() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let asked = try await stage.ask("van", startsIn: 600)
            asked.expect(201, "pending")
            #expect(asked.text("requested_by") == "target")
            #expect(asked.text("deadline") == (VirtualClock.start + 3600).description)
            let lease = asked.text("sharing_id")
            try await stage.ask("van", as: .rival, startsIn: 600).expect(409, code: "window_conflict")
            try await stage.step("approve", lease, as: .borrower).expect(403, code: "permission_denied")
            try await stage.step("approve", lease, as: .rival).expect(404, code: "sharing_not_found")
            let approved = try await stage.step("approve", lease, as: .owner)
            approved.expect(200, "granted")
            #expect(approved["deadline"] == nil)
            // A hold is resolved once: who tries again is told the first outcome.
            let again = try await stage.step("approve", lease, as: .owner)
            #expect(again.status == 200 && again.object == approved.object)
            try await stage.step("reject", lease, as: .owner).expect(409, code: "already_resolved")
        }
    }

    @Test("that is refused frees the window at once, and the borrower reads why")
    func refused() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "pending")
            try await stage.step("reject", lease, as: .owner, ["reason": "in the workshop"]).expect(200, "rejected")
            let seen = try await stage.read(lease, as: .borrower)
            #expect(seen.text("status_reason") == "in the workshop")
            _ = try await stage.lease("van", as: .rival, is: "pending")
            try await stage.step("approve", lease, as: .owner).expect(409, code: "already_resolved")
        }
    }

    @Test("of the borrower is waited for when the lender offers")
    func borrowersConsent() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let offered = try await stage.ask("van", as: .owner)
            offered.expect(201, "pending")
            #expect(offered.text("requested_by") == "source")
            let lease = offered.text("sharing_id")
            try await stage.step("approve", lease, as: .owner).expect(403, code: "permission_denied")
            // It began while it was held, so it is active with its approval.
            try await stage.step("approve", lease, as: .borrower).expect(200, "active")
        }
    }

    @Test("of both fleets is given by one who acts for both")
    func bothAtOnce() async throws {
        try await SharingStage.run(level: "high") { stage in
            try await stage.register("van")
            _ = try await stage.lease("van", as: .both, is: "active")
            _ = try await stage.lease("van", as: .both, startsIn: 3600, is: "granted")
        }
    }

    @Test("is never given by who coordinates the federation")
    func coordinator() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            try await stage.ask("van", as: .coordinator).expect(403, code: "permission_denied")
            let lease = try await stage.lease("van", is: "pending")
            #expect(try await stage.step("approve", lease, as: .coordinator).status == 403)
            // Nor by a borrower that coordinates, in whichever way: its consent is its fleet's alone.
            let service = stage.service
            try await service.ok(
                "PATCH", "/federations/\(stage.federation)/members/borrower", #"{"role":"coordinator"}"#)
            let role = try await service.key(
                [.federationCoordinator, .fleetOperator], fleets: SharingStage.Side.borrower.fleets,
                federations: [apiID(stage.federation)])
            for key in [stage.key(.borrower), role] {
                let reply = try await service.send("POST", "/resource-sharing/\(lease)/approve", key: key)
                reply.expect(403, code: "permission_denied")
                let body = JSON.object(stage.request("van", startsIn: 7200, lasting: 60)).text
                let asked = try await service.send("POST", "/resource-sharing?dry_run=true", body, key: key)
                asked.expect(201, "pending")
            }
            #expect(try await stage.status(lease) == "pending")
        }
    }

    @Test("that does not come in time expires the request, and the window is free again")
    func expired() async throws {
        try await SharingStage.run(level: "medium", policy: #"{"approval_timeout_seconds":600}"#) { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "pending")
            await stage.service.advance(by: 599)
            #expect(try await stage.status(lease) == "pending")
            await stage.service.advance(by: 1)
            let seen = try await stage.read(lease, as: .borrower)
            seen.expect(200, "expired")
            #expect(seen.text("status_reason") == "not_approved_in_time")
            try await stage.step("approve", lease, as: .owner).expect(409, code: "already_resolved")
            _ = try await stage.lease("van", as: .rival, is: "pending")
        }
    }

    @Test("comes too late once the window is over, however long the policy waits")
    func windowOver() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", lasting: 300, is: "pending")
            // Nobody has looked at the clock when the approval comes.
            stage.service.clock.advance(by: 300)
            try await stage.step("approve", lease, as: .owner).expect(409, code: "already_resolved")
            #expect(try await stage.status(lease) == "expired")
        }
    }

    @Test("of a lender that offers what nobody registered registers it, unless the offer is refused")
    func registeredOnTheWay() async throws {
        try await SharingStage.run(level: "low") { stage in
            try await stage.ask("van").expect(404, code: "resource_not_found")
            try await stage.ask("van", as: .owner, ["quantity": 2]).expect(409, code: "capacity_exceeded")
            let path = "/fleets/owner/resources/van"
            try await stage.send("GET", path, as: .owner).expect(404, code: "resource_not_found")
            _ = try await stage.lease("van", as: .owner, is: "active")
            let unit = try await stage.send("GET", path, as: .owner)
            #expect(unit.text("resource_type") == "vehicle" && unit["capacity"] == 1)
        }
    }
}
