import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What ends many leases says at once that it will, and ends them slice by slice.
@Suite("Ending what has many leases", .timeLimit(.minutes(2)))
struct SharingEndingTests {
    /// More than one batch ends.
    private static let many = leaseSlice + 40

    @Test("dissolves a federation with its last lease, when forced")
    func federation() async throws {
        try await SharingStage.run(level: "none") { stage in
            let held = try await stage.lend(Self.many)
            let path = "/federations/\(stage.federation)"
            let refused = try await stage.send("DELETE", path, as: .coordinator)
            refused.expect(409, code: "federation_has_live_leases")
            #expect(refused["live_leases"]?.integerValue == Int64(Self.many + 1))
            let ending = try await stage.send("DELETE", path + "?force=true", as: .coordinator)
            ending.expect(202, "dissolving")
            #expect(ending.rows("obligations").count == 100)
            #expect(ending.rows("obligations").first?.text("sharing_id") == held)
            try await stage.expectDrained(held)
            try await stage.send("GET", path, as: .coordinator).expect(200, "dissolving")
            try await stage.ask("van", as: .rival, startsIn: 7200).expect(409, code: "federation_inactive")
            let left = try await stage.send("DELETE", path + "?force=true", as: .coordinator)
            left.expect(202, "dissolving")
            #expect(left.rows("obligations").map { $0.text("sharing_id") } == [held])
            #expect(left.rows("obligations").map { $0.text("action") } == ["acknowledge"])
            try await stage.step("acknowledge", held, as: .borrower).expect(200, "revoked")
            try await stage.send("GET", path, as: .coordinator).expect(200, "dissolved")
            try await stage.send("DELETE", path, as: .coordinator).expect(404, code: "federation_not_found")
        }
    }

    @Test("lets a member leave with its last lease, when it is made to")
    func member() async throws {
        try await SharingStage.run(level: "none") { stage in
            let held = try await stage.lend(Self.many)
            let bystander = try await stage.lease("slots", as: .rival, startsIn: 600, is: "granted")
            let path = "/federations/\(stage.federation)/members/borrower"
            let ending = try await stage.send("DELETE", path + "?force=true", as: .coordinator)
            ending.expect(202, "leaving")
            #expect(ending.rows("obligations").count == 100)
            try await stage.expectDrained(held, others: 1)
            #expect(try await stage.status(bystander) == "granted")
            try await stage.ask("van", startsIn: 7200).expect(409, code: "member_inactive")
            let left = try await stage.send("DELETE", path, as: .borrower)
            #expect(left.rows("obligations").map { $0.text("sharing_id") } == [held])
            try await stage.step("acknowledge", held, as: .borrower).expect(200, "revoked")
            try await stage.send("GET", path, as: .coordinator).expect(404, code: "member_not_found")
            #expect(try await stage.status(bystander) == "granted")
        }
    }

    @Test("of its own accord, a member leaves when each of its obligations is done")
    func leaving() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["van", "bus", "own"] { try await stage.register(unit, ["handover": "confirmed"]) }
            let used = try await stage.lease("van", is: "granted")
            try await stage.step("activate", used, as: .borrower).expect(200, "active")
            await stage.service.advance(by: 1)
            let booked = try await stage.lease("bus", startsIn: 7200, is: "granted")
            let path = "/federations/\(stage.federation)/members/borrower"
            let leaving = try await stage.send("DELETE", path, as: .borrower)
            leaving.expect(202, "leaving")
            let duties = leaving.rows("obligations")
            #expect(duties.map { $0.text("sharing_id") } == [used, booked])
            #expect(duties.map { $0.text("action") } == ["return", "cancel"])
            #expect(duties.map { $0.text("fleet_id") } == ["borrower", "borrower"])
            // It takes on nothing new, and what it has goes on.
            try await stage.ask("own").expect(409, code: "member_inactive")
            await stage.service.advance(by: 10)
            #expect(try await stage.status(used) == "active")
            #expect(try await stage.status(booked) == "granted")
            try await stage.step("return", used, as: .borrower).expect(200, "completed")
            try await stage.send("GET", path, as: .borrower).expect(200, "leaving")
            #expect(try await stage.send("DELETE", "/resource-sharing/\(booked)", as: .borrower).status == 204)
            try await stage.send("GET", path, as: .coordinator).expect(404, code: "member_not_found")
            try await stage.ask("own").expect(404, code: "federation_not_found")
        }
    }

    @Test("Of a lease that is over, the step that ended it is answered again, to the side whose step it is")
    func again() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            let first = try await stage.step("return", lease, as: .borrower)
            first.expect(200, "completed")
            let again = try await stage.step("return", lease, as: .borrower)
            again.expect(200, "completed")
            #expect(again.bytes == first.bytes && again.etag == first.etag)
            #expect(again.headers["event-position"] != nil)
            try await stage.step("return", lease, as: .owner).expect(403, code: "permission_denied")
            let stale = try await stage.service.send(
                "POST", "/resource-sharing/\(lease)/return", key: .some(stage.key(.borrower)),
                headers: ["If-Match": "\"stale\""])
            stale.expect(412, code: "precondition_failed")
        }
    }

    @Test("of a lender that leaves, what it lent is recalled or comes back")
    func lender() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["van", "bus"] { try await stage.register(unit) }
            let van = try await stage.lease("van", is: "active")
            let bus = try await stage.lease("bus", is: "active")
            let path = "/federations/\(stage.federation)/members/owner"
            let leaving = try await stage.send("DELETE", path, as: .owner)
            leaving.expect(202, "leaving")
            #expect(leaving.rows("obligations").map { $0.text("fleet_id") } == ["borrower", "borrower"])
            try await stage.step("return", van, as: .borrower).expect(200, "completed")
            let forced = try await stage.send("DELETE", path + "?force=true", as: .owner)
            forced.expect(202, "leaving")
            await stage.service.advance(by: 0)
            #expect(try await stage.status(bus) == "revoking")
            try await stage.step("acknowledge", bus, as: .borrower).expect(200, "revoked")
            try await stage.send("GET", path, as: .coordinator).expect(404, code: "member_not_found")
        }
    }
}

extension SharingStage {
    /// Lends the borrower a van, and as many slots besides as told, from ten minutes on.
    ///
    /// - Returns: the lease of the van, which is in use.
    fileprivate func lend(_ count: Int) async throws -> String {
        try await register("van")
        try await register("slots", ["capacity": 1000])
        let held = try await lease("van", is: "active")
        await service.advance(by: 1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask { _ = try await lease("slots", startsIn: 600, is: "granted") }
            }
            try await group.waitForAll()
        }
        #expect(try await self.count("granted") == count)
        return held
    }

    /// Expects that one round of the service ends no more than a slice, and the next the rest; what is in use is
    /// recalled.
    ///
    /// - Parameter others: booked leases that stay.
    fileprivate func expectDrained(
        _ held: String, others: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = try await count("granted")
        await service.advance(by: 0)
        let after = try await count("granted")
        #expect(after > others && before - after <= leaseSlice, "\(before) \(after)", sourceLocation: sourceLocation)
        await service.advance(by: 0)
        #expect(try await count("granted") == others, sourceLocation: sourceLocation)
        #expect(try await count("revoked") == before - others, sourceLocation: sourceLocation)
        #expect(try await status(held) == "revoking", sourceLocation: sourceLocation)
    }
}
