import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// Limits that a federation sets to what its members lend and borrow.
@Suite("A quota", .timeLimit(.minutes(2)))
struct QuotaTests {
    @Test("is set, read, listed, replaced and removed by who coordinates the federation")
    func life() async throws {
        try await SharingStage.run(level: "none") { stage in
            let made = try await stage.setQuota("owner", ["nominal": 5, "lending_limit": 2, "weight": 3])
            #expect(made.status == 201 && made.headers["location"]?.hasSuffix("/quotas/owner/vehicle") == true)
            #expect(made["nominal"] == 5 && made["lending_limit"] == 2 && made["borrowing_limit"] == nil)
            #expect(made["weight"] == 3 && made["in_use"] == 0 && made["over_committed"] == .bool(false))
            let read = try await stage.send("GET", stage.quota("owner"), as: .owner)
            #expect(read.status == 200 && read.bytes == made.bytes && read.etag == made.etag)
            let again = try await stage.setQuota("owner", ["nominal": 4])
            #expect(again.status == 200 && again["lending_limit"] == nil && again["weight"] == 1)
            _ = try await stage.setQuota("rival", ["nominal": 0])
            let list = try await stage.send("GET", stage.quotas, as: .coordinator)
            #expect(list.rows("quotas").map { $0.text("fleet_id") } == ["owner", "rival"])
            #expect(try await stage.send("DELETE", stage.quota("owner"), as: .coordinator).status == 204)
            try await stage.send("GET", stage.quota("owner"), as: .owner).expect(404, code: "quota_not_found")
            try await stage.send("DELETE", stage.quota("owner"), as: .coordinator).expect(404, code: "quota_not_found")
        }
    }

    @Test("is between the fleet and who coordinates: other members neither see nor set it")
    func readers() async throws {
        try await SharingStage.run(level: "none") { stage in
            _ = try await stage.setQuota("owner", ["nominal": 5])
            try await stage.send("GET", stage.quota("owner"), as: .rival).expect(404, code: "quota_not_found")
            let body: JSONObject = ["nominal": 9]
            try await stage.send("PUT", stage.quota("owner"), body, as: .rival).expect(404, code: "quota_not_found")
            try await stage.send("PUT", stage.quota("owner"), body, as: .owner).expect(403, code: "permission_denied")
            #expect(try await stage.send("GET", stage.quotas, as: .rival).rows("quotas").isEmpty)
            #expect(try await stage.send("GET", stage.quotas, as: .owner).rows("quotas").count == 1)
        }
    }

    @Test("that makes no sense is refused, each fault under its own pointer")
    func faults() async throws {
        try await SharingStage.run(level: "none") { stage in
            let wrong: [(JSONObject, String)] = [
                ([:], "/nominal"), (["nominal": -1], "/nominal"), (["nominal": .double(1.5)], "/nominal"),
                (["nominal": .integer(.max)], "/nominal"), (["nominal": 3, "lending_limit": 4], "/lending_limit"),
                (["nominal": 3, "borrowing_limit": -1], "/borrowing_limit"), (["nominal": 3, "weight": -1], "/weight"),
            ]
            for (body, pointer) in wrong {
                let reply = try await stage.send("PUT", stage.quota("owner"), body, as: .coordinator)
                reply.expect(422, code: "validation_failed")
                #expect(reply.rows("errors").map { $0.text("pointer") } == [pointer], "\(body)")
            }
            let path = stage.quotas + "/absent/vehicle"
            try await stage.send("PUT", path, ["nominal": 1], as: .coordinator).expect(404, code: "member_not_found")
            try await stage.send("GET", stage.quotas + "/owner/no%20type", as: .owner).expect(400, code: "invalid_id")
        }
    }

    @Test("bounds what is lent at any instant of a window, and says what would lift it")
    func lending() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["a", "b", "c"] { try await stage.register(unit) }
            _ = try await stage.setQuota("owner", ["nominal": 3, "lending_limit": 1])
            // Free at its start, but not over its whole window.
            _ = try await stage.lease("a", as: .rival, startsIn: 3600, is: "granted")
            _ = try await stage.lease("b", lasting: 3600, is: "active")
            let refused = try await stage.ask("c", startsIn: 7000, lasting: 600)
            refused.expect(409, code: "lending_limit")
            #expect(refused.explanation["constraint"]?.objectValue?["limit"] == 1)
            #expect(refused.changes.map(\.field) == ["quota.lending_limit"])
            #expect(refused.changes.map(\.value) == ["2"])
            #expect(refused.nearestWindows.first?.text("starts_at") == (VirtualClock.start + 7200).description)
            _ = try await stage.setQuota("owner", ["nominal": 3, "lending_limit": 2])
            _ = try await stage.lease("c", startsIn: 7000, lasting: 600, is: "granted")
        }
    }

    @Test("bounds what is borrowed, of whomever")
    func borrowing() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["a", "b"] { try await stage.register(unit) }
            _ = try await stage.setQuota("borrower", ["nominal": 0, "borrowing_limit": 1])
            _ = try await stage.lease("a", is: "active")
            let refused = try await stage.ask("b")
            refused.expect(409, code: "borrowing_limit")
            #expect(refused.changes.map(\.field) == ["quota.borrowing_limit"])
            _ = try await stage.lease("b", as: .rival, is: "active")
            let quota = try await stage.send("GET", stage.quota("borrower"), as: .borrower)
            #expect(quota["borrowed"] == 1 && quota["in_use"] == 1 && quota["lent"] == 0)
        }
    }

    @Test("that is lowered below what is promised takes nothing back, and lets nothing new begin")
    func overCommitment() async throws {
        try await SharingStage.run(level: "none") { stage in
            for unit in ["a", "b", "c"] { try await stage.register(unit) }
            let leases = [try await stage.lease("a", is: "active"), try await stage.lease("b", is: "active")]
            let lowered = try await stage.setQuota("owner", ["nominal": 1])
            #expect(lowered["over_committed"] == .bool(true) && lowered["lent"] == 2)
            for lease in leases { #expect(try await stage.status(lease) == "active") }
            let refused = try await stage.ask("c", as: .rival)
            refused.expect(409, code: "lending_limit")
            #expect(refused.changes.map(\.field) == ["quota.nominal"] && refused.changes.map(\.value) == ["3"])
            // Longer is new as well, and nothing is to be lent any more.
            _ = try await stage.setQuota("owner", ["nominal": 0])
            try await stage.put(leases[0], ["duration": 7200], as: .borrower).expect(409, code: "lending_limit")
            try await stage.step("return", leases[0], as: .borrower).expect(200, "completed")
            let raised = try await stage.setQuota("owner", ["nominal": 1])
            #expect(raised["over_committed"] == .bool(false) && raised["lent"] == 1)
        }
    }
}

extension SharingStage {
    var quotas: String { "/federations/\(federation)/quotas" }

    /// The quota of a fleet for vehicles.
    func quota(_ fleet: String) -> String { quotas + "/\(fleet)/vehicle" }

    func setQuota(_ fleet: String, _ body: JSONObject) async throws -> TestService.Reply {
        let reply = try await send("PUT", quota(fleet), body, as: .coordinator)
        try #require(reply.status == 200 || reply.status == 201, "\(reply.body)")
        return reply
    }
}
