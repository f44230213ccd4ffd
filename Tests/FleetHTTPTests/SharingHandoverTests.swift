import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What time alone does to a lease, and what only a call does.
@Suite("Handing a resource over", .timeLimit(.minutes(2)))
struct SharingHandoverTests {
    @Test("of what is late leaves its buffer free, and can still be taken back")
    func lateWithBuffer() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["handover": "confirmed", "buffer_seconds": 600])
            try await stage.register("vans", ["handover": "confirmed", "buffer_seconds": 600, "capacity": 2])
            for (unit, all) in [("van", 1), ("vans", 2)] as [(String, Int64)] {
                let quantity: JSONObject = ["quantity": .integer(all)]
                let late = try await stage.lease(unit, lasting: 60, quantity, is: "granted")
                try await stage.step("activate", late, as: .borrower).expect(200, "active")
                await stage.service.advance(by: 61)
                #expect(try await stage.status(late) == "overdue")
                let code = all == 1 ? "window_conflict" : "capacity_exceeded"
                try await stage.ask(unit, as: .rival, startsIn: 120, lasting: 60, quantity).expect(409, code: code)
                _ = try await stage.lease(unit, as: .rival, startsIn: 600, lasting: 60, quantity, is: "granted")
                try await stage.step("revoke", late, as: .owner).expect(200, "revoking")
                try await stage.step("acknowledge", late, as: .borrower).expect(200, "revoked")
            }
        }
    }

    @Test("takes no call where it is automatic")
    func automatic() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("dock")
            let lease = try await stage.lease("dock", startsIn: 600, is: "granted")
            #expect(try await stage.read(lease)["fencing_token"] == nil)
            await stage.service.advance(by: 600)
            let begun = try await stage.read(lease, as: .borrower)
            begun.expect(200, "active")
            #expect(begun["fencing_token"]?.integerValue != nil && begun["ended_at"] == nil)
            // Nobody looks for two hours; it ended on time all the same.
            await stage.service.advance(by: 7200)
            let ended = try await stage.read(lease, as: .borrower)
            ended.expect(200, "completed")
            #expect(ended.text("ended_at") == ended.text("ends_at"))
            #expect(ended["fencing_token"] == nil)
        }
    }

    @Test("is confirmed by the borrower, at its start and at its return")
    func confirmed() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let lease = try await stage.lease("van", startsIn: 600, is: "granted")
            try await stage.step("activate", lease, as: .borrower).expect(409, code: "invalid_transition")
            try await stage.step("return", lease, as: .borrower).expect(409, code: "already_resolved")
            await stage.service.advance(by: 700)
            #expect(try await stage.status(lease) == "granted")
            try await stage.step("activate", lease, as: .owner).expect(403, code: "permission_denied")
            try await stage.step("activate", lease, as: .borrower).expect(200, "active")
            await stage.service.advance(by: 1000)
            try await stage.step("return", lease, as: .owner).expect(403, code: "permission_denied")
            let back = try await stage.step("return", lease, as: .borrower)
            back.expect(200, "completed")
            #expect(back.text("ended_at") == (VirtualClock.start + 1700).description)
            // The rest of its window is anybody's at once.
            _ = try await stage.lease("van", as: .rival, lasting: 2500, is: "granted")
        }
    }

    @Test("that the borrower does not come for is a no-show, and the window is free again")
    func noShow() async throws {
        try await SharingStage.run(level: "none", policy: #"{"no_show_after_seconds":300}"#) { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let lease = try await stage.lease("van", startsIn: 60, is: "granted")
            await stage.service.advance(by: 359)
            #expect(try await stage.status(lease) == "granted")
            await stage.service.advance(by: 1)
            #expect(try await stage.status(lease) == "no_show")
            try await stage.step("activate", lease, as: .borrower).expect(409, code: "already_resolved")
            _ = try await stage.lease("van", as: .rival, is: "granted")
        }
    }

    @Test("back too late makes it overdue: who is next waits, and loses no time by it")
    func overdue() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let lease = try await stage.lease("van", is: "granted")
            try await stage.step("activate", lease, as: .borrower).expect(200, "active")
            let next = try await stage.lease("van", as: .rival, startsIn: 3600, lasting: 7200, is: "granted")
            await stage.service.advance(by: 3600)
            #expect(try await stage.status(lease) == "overdue")
            let told = try await stage.read(next, as: .rival)
            #expect(told.text("status") == "granted" && told.text("status_reason") == "unit_not_returned")
            try await stage.step("activate", next, as: .rival).expect(409, code: "unit_not_returned")
            // Long after the time in which it would be a no-show.
            await stage.service.advance(by: 1800)
            #expect(try await stage.status(next) == "granted")
            try await stage.step("return", lease, as: .borrower).expect(200, "completed")
            #expect(try await stage.read(next, as: .rival)["status_reason"] == nil)
            await stage.service.advance(by: 899)
            try await stage.step("activate", next, as: .rival).expect(200, "active")
        }
    }

    @Test("of a unit that is not back is promised to nobody from now on, and may be booked for later")
    func notReturned() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let lease = try await stage.lease("van", is: "granted")
            try await stage.step("activate", lease, as: .borrower).expect(200, "active")
            await stage.service.advance(by: 3700)
            let refused = try await stage.ask("van", as: .rival)
            refused.expect(409, code: "unit_not_returned")
            // Nobody knows when it will be back, so no window is promised.
            #expect(refused.nearestWindows.isEmpty && refused.changes.isEmpty)
            _ = try await stage.lease("van", as: .rival, startsIn: 3600, is: "granted")
            try await stage.step("return", lease, as: .borrower).expect(200, "completed")
            _ = try await stage.lease("van", as: .rival, lasting: 600, is: "granted")
        }
    }
}
