import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What `PUT` changes of a lease, and how `DELETE` ends it.
@Suite("Changing a lease", .timeLimit(.minutes(2)))
struct SharingUpdateTests {
    @Test("makes it longer as far as the unit is free, and a refusal leaves it as it was")
    func longer() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["buffer_seconds": 60])
            let lease = try await stage.lease("van", is: "active")
            _ = try await stage.lease("van", as: .rival, startsIn: 7200, is: "granted")
            let before = try await stage.read(lease)
            let refused = try await stage.put(lease, ["duration": 7200], as: .borrower)
            refused.expect(409, code: "window_conflict")
            #expect(refused.changes.map(\.field) == ["duration"] && refused.changes.map(\.value) == ["7140"])
            #expect(!refused.body.contains("rival"))
            #expect(try await stage.read(lease).object == before.object)
            try await stage.put(lease, ["duration": 7141], as: .borrower).expect(409, code: "window_conflict")
            let longer = try await stage.put(lease, ["duration": 7140], as: .borrower)
            longer.expect(200, "active")
            #expect(longer.text("ends_at") == (VirtualClock.start + 7140).description)
            await stage.service.advance(by: 3601)
            #expect(try await stage.status(lease) == "active")
        }
    }

    @Test("Invariant 9: makes it as long as the refusal of a longer one says, whatever stands against that")
    func longest() async throws {
        let policy = #"{"lease_duration_max_seconds":7200}"#
        try await SharingStage.run(level: "none", policy: policy) { stage in
            try await stage.register("vans", ["capacity": 2, "buffer_seconds": 3600])
            // It returns early, and what it returned is not ready for an hour.
            let early = try await stage.lease("vans", as: .rival, lasting: 2400, is: "active")
            let terms = try await stage.send("PATCH", "/fleets/owner/resources/vans", ["buffer_seconds": 0], as: .owner)
            #expect(terms.status == 200)
            let lease = try await stage.lease("vans", is: "active")
            _ = try await stage.lease("vans", as: .rival, startsIn: 4000, lasting: 300, is: "granted")
            _ = try await stage.lease("vans", as: .rival, startsIn: 6000, lasting: 300, ["quantity": 2], is: "granted")
            await stage.service.advance(by: 1200)
            try await stage.step("return", early, as: .rival).expect(200, "completed")
            let refused = try await stage.put(lease, ["duration": 9000], as: .borrower)
            refused.expect(409, code: "policy_forbids")
            #expect(refused.changes.map(\.field) == ["duration"] && refused.changes.map(\.value) == ["4000"])
            try await stage.put(lease, ["duration": 4001], as: .borrower).expect(409, code: "capacity_exceeded")
            try await stage.put(lease, ["duration": 4000], as: .borrower).expect(200, "active")
        }
    }

    @Test("makes it longer only with the consent that a new lease would need")
    func consent() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", as: .both, is: "active")
            for side in [SharingStage.Side.borrower, .owner] {
                try await stage.put(lease, ["duration": 7200], as: side).expect(403, code: "consent_required")
            }
            try await stage.put(lease, ["duration": 7200], as: .both).expect(200, "active")
            // Shorter harms nobody but the borrower, who alone decides it.
            try await stage.put(lease, ["duration": 1800], as: .owner).expect(403, code: "consent_required")
            try await stage.put(lease, ["duration": 1800], as: .borrower).expect(200, "active")
        }
    }

    @Test("makes it shorter, and what is left is free at once")
    func shorter() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            await stage.service.advance(by: 600)
            try await stage.ask("van", as: .rival, startsIn: 60, lasting: 60).expect(409, code: "window_conflict")
            try await stage.put(lease, ["duration": 600], as: .borrower).expect(409, code: "invalid_transition")
            try await stage.put(lease, ["duration": 660], as: .borrower).expect(200, "active")
            _ = try await stage.lease("van", as: .rival, startsIn: 60, is: "granted")
            await stage.service.advance(by: 60)
            #expect(try await stage.status(lease) == "completed")
        }
    }

    @Test("of its priority is the borrower's, and an emergency needs its own permission")
    func priority() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            try await stage.put(lease, ["priority": "high"], as: .owner).expect(403, code: "consent_required")
            try await stage.put(lease, ["priority": "emergency"], as: .borrower).expect(403, code: "permission_denied")
            let raised = try await stage.put(lease, ["priority": "critical"], as: .borrower)
            #expect(raised.status == 200 && raised.text("priority") == "critical")
            try await stage.put(lease, ["priority": "low"], as: .rival).expect(404, code: "sharing_not_found")
        }
    }

    @Test("does all of what it asks or nothing")
    func atomic() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let lease = try await stage.lease("van", startsIn: 600, is: "granted")
            let before = try await stage.read(lease)
            try await stage.put(
                lease, ["duration": 60, "priority": "high", "status": "active"], as: .borrower
            ).expect(409, code: "invalid_transition")
            #expect(try await stage.read(lease).object == before.object)
        }
    }

    /// A transition that is asked of a lease in a state.
    struct Transition: Sendable, CustomTestStringConvertible {
        let from: String
        let to: String
        let side: SharingStage.Side
        /// The status that the lease then has, or the code of the refusal.
        let result: Result<String, Refusal>
        struct Refusal: Error { let status: Int, code: String }

        init(_ from: String, _ to: String, _ side: SharingStage.Side, gives status: String) {
            (self.from, self.to, self.side, result) = (from, to, side, .success(status))
        }
        init(_ from: String, _ to: String, _ side: SharingStage.Side, _ status: Int, _ code: String) {
            (self.from, self.to, self.side) = (from, to, side)
            result = .failure(Refusal(status: status, code: code))
        }
        var testDescription: String { "\(from) to \(to) by \(side)" }
    }

    private static let transitions: [Transition] = [
        Transition("pending", "granted", .owner, gives: "granted"),
        Transition("pending", "granted", .borrower, 403, "permission_denied"),
        Transition("pending", "rejected", .owner, gives: "rejected"),
        Transition("pending", "cancelled", .borrower, gives: "cancelled"),
        Transition("pending", "active", .borrower, 409, "invalid_transition"),
        Transition("pending", "expired", .owner, 409, "invalid_transition"),
        Transition("granted", "active", .borrower, gives: "active"),
        Transition("granted", "active", .owner, 403, "permission_denied"),
        Transition("granted", "cancelled", .owner, gives: "cancelled"),
        Transition("granted", "revoked", .owner, gives: "revoked"),
        Transition("granted", "rejected", .owner, 409, "already_resolved"),
        Transition("granted", "no_show", .owner, 409, "invalid_transition"),
        Transition("granted", "pending", .borrower, 409, "invalid_transition"),
        Transition("active", "completed", .borrower, gives: "completed"),
        Transition("active", "completed", .owner, 403, "permission_denied"),
        Transition("active", "revoking", .owner, gives: "revoking"),
        Transition("active", "overdue", .owner, 409, "invalid_transition"),
        Transition("overdue", "completed", .borrower, gives: "completed"),
        Transition("overdue", "revoking", .owner, gives: "revoking"),
        Transition("overdue", "active", .borrower, 409, "invalid_transition"),
        Transition("revoking", "revoked", .borrower, gives: "revoked"),
        Transition("revoking", "revoked", .owner, 403, "permission_denied"),
        Transition("revoking", "completed", .borrower, 409, "invalid_transition"),
        Transition("completed", "completed", .borrower, gives: "completed"),
        Transition("completed", "active", .borrower, 409, "already_resolved"),
        Transition("completed", "revoked", .rival, 404, "sharing_not_found"),
    ]

    @Test("Invariant 6: of its status takes the steps that are allowed, and no other", arguments: transitions)
    func step(transition: Transition) async throws {
        try await SharingStage.run(level: "medium") { stage in
            let lease = try await stage.lease(inStatus: transition.from)
            let reply = try await stage.put(lease, ["status": .string(transition.to)], as: transition.side)
            switch transition.result {
            case .success(let status): reply.expect(200, status)
            case .failure(let refusal):
                reply.expect(refusal.status, code: refusal.code)
                #expect(try await stage.status(lease) == transition.from)
            }
        }
    }

    @Test(
        "by deleting it ends it as far as the side that asks can, and its end is kept to be read",
        arguments: [
            ("pending", SharingStage.Side.borrower, 204, "cancelled"), ("pending", .owner, 204, "cancelled"),
            ("granted", .borrower, 204, "cancelled"), ("granted", .owner, 204, "cancelled"),
            ("active", .borrower, 204, "completed"), ("active", .owner, 202, "revoking"),
            ("overdue", .borrower, 204, "completed"), ("overdue", .owner, 202, "revoking"),
            ("revoking", .borrower, 204, "revoked"), ("revoking", .owner, 202, "revoking"),
            ("completed", .borrower, 404, "completed"), ("granted", .rival, 404, "granted"),
        ])
    func delete(from: String, side: SharingStage.Side, answer: Int, status: String) async throws {
        try await SharingStage.run(level: "medium") { stage in
            let lease = try await stage.lease(inStatus: from)
            let reply = try await stage.send("DELETE", "/resource-sharing/\(lease)", as: side)
            #expect(reply.status == answer && (answer != 204 || reply.bytes.isEmpty), "\(reply.body)")
            if answer == 404 { reply.expect(404, code: "sharing_not_found") }
            let kept = try await stage.read(lease, as: .borrower)
            kept.expect(200, status)
            guard answer == 204 else { return }
            #expect(!kept.text("ended_at").isEmpty)
            let again = try await stage.send("DELETE", "/resource-sharing/\(lease)", as: side)
            again.expect(404, code: "sharing_not_found")
        }
    }
}

extension SharingStage {
    /// A lease of a fresh vehicle that has come as far as this status, on a stage that asks the owner.
    fileprivate func lease(inStatus status: String) async throws -> String {
        try await register("van", ["handover": "confirmed"])
        let lease = try await lease("van", is: "pending")
        let steps: [(String, Side)] =
            switch status {
            case "granted": [("approve", .owner)]
            case "active", "overdue": [("approve", .owner), ("activate", .borrower)]
            case "revoking": [("approve", .owner), ("activate", .borrower), ("revoke", .owner)]
            case "completed": [("approve", .owner), ("activate", .borrower), ("return", .borrower)]
            default: []
            }
        for (action, side) in steps {
            let reply = try await step(action, lease, as: side)
            try #require(reply.status == 200, "\(reply.body)")
        }
        if status == "overdue" { await service.advance(by: 3601) }
        try #require(try await self.status(lease) == status)
        return lease
    }
}
