import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// A right is not possession: what is in use is taken back in two steps, and the resource has the last word.
@Suite("Taking a resource back", .timeLimit(.minutes(2)))
struct SharingRevocationTests {
    @Test("is done when the borrower acknowledges it")
    func acknowledged() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            try await stage.step("revoke", lease, as: .borrower).expect(403, code: "permission_denied")
            try await stage.step("acknowledge", lease, as: .borrower).expect(409, code: "invalid_transition")
            let revoking = try await stage.step("revoke", lease, as: .owner, ["reason": "needed here"])
            revoking.expect(200, "revoking")
            #expect(revoking.text("deadline") == (VirtualClock.start + 300).description)
            let told = try await stage.read(lease, as: .borrower)
            #expect(told.text("status_reason") == "needed here" && told["fencing_token"] == nil)
            // Its window is held until it is really free.
            try await stage.ask("van", as: .rival).expect(409, code: "unit_not_returned")
            try await stage.step("acknowledge", lease, as: .owner).expect(403, code: "permission_denied")
            let done = try await stage.step("acknowledge", lease, as: .borrower)
            done.expect(200, "revoked")
            #expect(done["deadline"] == nil && done.text("status_reason") == "needed here")
            _ = try await stage.lease("van", as: .rival, is: "active")
            // The steps that ended it are answered with its end.
            try await stage.step("revoke", lease, as: .owner).expect(200, "revoked")
            try await stage.step("acknowledge", lease, as: .borrower).expect(200, "revoked")
            try await stage.step("return", lease, as: .borrower).expect(409, code: "already_resolved")
        }
    }

    @Test("by deleting the lease says who has to do what by when")
    func obligations() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            for _ in 0..<2 {
                let reply = try await stage.send("DELETE", "/resource-sharing/\(lease)", as: .owner)
                reply.expect(202, "revoking")
                let obligation = try #require(reply.rows("obligations").first)
                #expect(obligation.text("sharing_id") == lease && obligation.text("fleet_id") == "borrower")
                #expect(obligation.text("action") == "acknowledge")
                #expect(obligation.text("due_at") == (VirtualClock.start + 300).description)
            }
        }
    }

    @Test("without an answer of the borrower is done when the resource reports its new fence after the deadline")
    func unanswered() async throws {
        let policy = #"{"acknowledge_deadline_seconds":120}"#
        try await SharingStage.run(level: "none", policy: policy) { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            try await stage.step("revoke", lease, as: .owner).expect(200, "revoking")
            let token = try await stage.token(lease)
            #expect(try await stage.fence("van", token, lease).status == 204)
            #expect(try await stage.status(lease) == "revoking")
            // The deadline alone ends nothing, nor does the end of the window: the vehicle may still be driven.
            await stage.service.advance(by: 4000)
            #expect(try await stage.status(lease) == "revoking")
            try await stage.ask("van", as: .rival).expect(409, code: "unit_not_returned")
            #expect(try await stage.fence("van", token, lease).status == 204)
            #expect(try await stage.status(lease) == "revoked")
            _ = try await stage.lease("van", as: .rival, is: "active")
        }
    }

    @Test("Invariant 4: a fence accepts the token that holds, and none that came before it")
    func fencing() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            var issued: [(token: Int64, lease: String)] = []
            for side in [SharingStage.Side.borrower, .rival, .borrower] {
                let lease = try await stage.lease("van", as: side, is: "active")
                issued.append((try await stage.token(lease), lease))
                try await stage.step("revoke", lease, as: .owner).expect(200, "revoking")
                issued.append((try await stage.token(lease), lease))
                for (token, lease) in issued.dropLast() {
                    try await stage.fence("van", token, lease).expect(409, code: "fencing_token_stale")
                }
                let (token, _) = issued[issued.count - 1]
                #expect(try await stage.fence("van", token, lease).status == 204)
                // Nor one that was never issued, nor the right one for another lease.
                try await stage.fence("van", token + 1, lease).expect(409, code: "fencing_token_stale")
                try await stage.fence("van", token, issued[0].lease == lease ? stage.federation : issued[0].lease)
                    .expect(409, code: "fencing_token_stale")
                try await stage.step("acknowledge", lease, as: side).expect(200, "revoked")
            }
            let tokens = issued.map(\.token)
            #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 < $1 }, "\(tokens)")
            let unit = try await stage.send("GET", "/fleets/owner/resources/van", as: .owner)
            #expect(unit["fencing_token"]?.integerValue == tokens.last)
        }
    }

    @Test("of a pool fences each lease by itself")
    func pool() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("vans", ["capacity": 2])
            let one = try await stage.lease("vans", is: "active")
            let other = try await stage.lease("vans", as: .rival, is: "active")
            let old = try await stage.token(one)
            let kept = try await stage.token(other)
            try await stage.step("revoke", one, as: .owner).expect(200, "revoking")
            try await stage.fence("vans", old, one).expect(409, code: "fencing_token_stale")
            #expect(try await stage.fence("vans", try await stage.token(one), one).status == 204)
            #expect(try await stage.fence("vans", kept, other).status == 204)
        }
    }

    @Test("before it began is done at once")
    func notBegun() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", startsIn: 600, is: "granted")
            try await stage.step("revoke", lease, as: .owner).expect(200, "revoked")
            #expect(try await stage.read(lease, as: .borrower).text("status_reason") == "revoked_by_lender")
            _ = try await stage.lease("van", as: .rival, startsIn: 600, is: "granted")
        }
    }
}
