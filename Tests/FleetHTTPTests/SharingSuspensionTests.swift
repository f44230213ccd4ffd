import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// Who is suspended gets and gives nothing new; what runs goes on, or is recalled, as the policy says.
@Suite("While it is suspended", .timeLimit(.minutes(2)))
struct SharingSuspensionTests {
    @Test("a member neither lends nor borrows anew, and what it has runs on", arguments: ["owner", "borrower"])
    func member(fleet: String) async throws {
        try await SharingStage.run(level: "medium") { stage in
            for unit in ["van", "bus"] { try await stage.register(unit) }
            let used = try await stage.lease("van", as: .both, is: "active")
            let booked = try await stage.lease("van", as: .both, startsIn: 3600, is: "granted")
            let asked = try await stage.lease("bus", is: "pending")
            let path = "/federations/\(stage.federation)/members/\(fleet)"
            try await stage.send("POST", path + "/suspend", as: .coordinator).expect(200, "suspended")
            let refused = try await stage.ask("van", startsIn: 7200)
            refused.expect(409, code: "member_inactive")
            #expect(refused.changes.map(\.field) == ["member.status"] && refused.changes.map(\.value) == ["active"])
            // A hold is no promise: it is granted to those alone who could still ask for it.
            try await stage.step("approve", asked, as: .owner).expect(409, code: "member_inactive")
            try await stage.put(booked, ["duration": 7200], as: .both).expect(409, code: "member_inactive")
            await stage.service.advance(by: 3600)
            #expect(try await stage.status(used) == "completed")
            #expect(try await stage.status(booked) == "active")
            // Only the side that suspended it ends that.
            let side: SharingStage.Side = fleet == "owner" ? .owner : .borrower
            try await stage.send("POST", path + "/resume", as: side).expect(403, code: "consent_required")
            try await stage.send("POST", path + "/resume", as: .coordinator).expect(200, "active")
            _ = try await stage.lease("van", startsIn: 7200, is: "pending")
        }
    }

    @Test("a federation whose policy drains lets its leases run to their end")
    func drain() async throws {
        try await SharingStage.run(level: "none", policy: #"{"on_suspend":"drain"}"#) { stage in
            try await stage.register("van")
            let used = try await stage.lease("van", is: "active")
            let booked = try await stage.lease("van", startsIn: 3600, is: "granted")
            try await stage.setStatus("suspended")
            let refused = try await stage.ask("van", startsIn: 7200)
            refused.expect(409, code: "federation_inactive")
            #expect(refused.changes.map(\.field) == ["federation.status"])
            await stage.service.advance(by: 3600)
            #expect(try await stage.status(used) == "completed")
            #expect(try await stage.status(booked) == "active")
            try await stage.setStatus("active")
            _ = try await stage.lease("van", startsIn: 7200, is: "granted")
        }
    }

    @Test("a federation whose policy revokes takes back what runs, and withdraws what has not begun")
    func revoke() async throws {
        try await SharingStage.run(level: "medium", policy: #"{"on_suspend":"revoke"}"#) { stage in
            for unit in ["van", "bus"] { try await stage.register(unit) }
            let used = try await stage.lease("van", as: .both, is: "active")
            let booked = try await stage.lease("van", as: .both, startsIn: 3600, is: "granted")
            let asked = try await stage.lease("bus", is: "pending")
            try await stage.setStatus("suspended")
            await stage.service.advance(by: 0)
            #expect(try await stage.status(used) == "revoking")
            #expect(try await stage.status(booked) == "revoked")
            #expect(try await stage.status(asked) == "cancelled")
            try await stage.step("acknowledge", used, as: .borrower).expect(200, "revoked")
            #expect(try await stage.read(used).text("status_reason") == "federation_ended_it")
            try await stage.setStatus("active")
            _ = try await stage.lease("van", as: .both, is: "active")
        }
    }

    @Test("a fleet resumes what it suspended itself, and its coordinator does not")
    func ownSuspension() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let path = "/federations/\(stage.federation)/members/owner"
            try await stage.send("POST", path + "/suspend", as: .owner).expect(200, "suspended")
            try await stage.ask("van").expect(409, code: "member_inactive")
            try await stage.send("POST", path + "/resume", as: .coordinator).expect(403, code: "consent_required")
            try await stage.send("POST", path + "/resume", as: .owner).expect(200, "active")
            _ = try await stage.lease("van", is: "active")
        }
    }
}

extension SharingStage {
    /// Suspends or resumes the federation.
    fileprivate func setStatus(_ status: String) async throws {
        let body: JSONObject = ["name": "Federation", "description": "", "status": .string(status)]
        try await send("PUT", "/federations/\(federation)", body, as: .coordinator).expect(200, status)
    }
}
