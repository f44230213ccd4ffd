import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// What an allocation meets between its request and its end.
@Suite("In the course of an allocation", .timeLimit(.minutes(2)))
struct AllocationCourseTests {
    @Test("Invariant 5: what is not back is not granted, by name or by quantity")
    func late() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("vans", ["handover": "confirmed", "capacity": 4])
            let late = try await stage.lease("vans", as: .rival, lasting: 60, ["quantity": 3], is: "granted")
            try await stage.step("activate", late, as: .rival).expect(200, "active")
            await stage.service.advance(by: 61)
            try await stage.ask("vans", ["quantity": 4]).expect(409, code: "unit_not_returned")
            let refused = try await stage.allocate(["quantity": 4])
            #expect(refused.status == 409 && refused.changes.map(\.value) == ["1"], "\(refused.body)")
            try await stage.allocate(["quantity": 1]).expect(201, "granted")
        }
    }

    @Test("leases end together though one waits for what another has")
    func waiting() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("vans", ["capacity": 2])
            let made = try await stage.allocate([
                "items": [
                    ["resource_type": "vehicle", "quantity": 1], ["resource_type": "vehicle", "quantity": 1],
                ]
            ])
            made.expect(201, "granted")
            let path = "/allocations/\(made.text("allocation_id"))"
            #expect(try await stage.send("DELETE", path, as: .borrower).status == 204)
            try await stage.send("GET", path, as: .borrower).expect(200, "ended")
        }
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("vans", ["handover": "confirmed", "capacity": 4, "attributes": ["seats": 4]])
            let late = try await stage.lease("vans", as: .rival, lasting: 1800, ["quantity": 2], is: "granted")
            try await stage.step("activate", late, as: .rival).expect(200, "active")
            let starts = (stage.service.clock.now + 1801).description
            let made = try await stage.allocate([
                "earliest": .string(starts),
                "items": [
                    ["resource_type": "vehicle", "quantity": 1, "attributes": ["seats": 4]],
                    ["resource_type": "vehicle", "quantity": 2],
                ],
            ])
            made.expect(201, "granted")
            await stage.service.advance(by: 1810)
            func lease(of quantity: JSON) throws -> String {
                try #require(made.rows("leases").first { $0["quantity"] == quantity }).text("sharing_id")
            }
            let (first, second) = (try lease(of: 1), try lease(of: 2))
            try await stage.step("activate", first, as: .borrower).expect(200, "active")
            let before = try #require(try await stage.read(second)["version"]?.integerValue)
            let path = "/allocations/\(made.text("allocation_id"))"
            #expect(try await stage.send("DELETE", path, as: .borrower).status == 204)
            #expect(try await stage.status(first) == "completed")
            // First it could begin, then it was cancelled: two changes, each with a version.
            let after = try await stage.read(second)
            after.expect(200, "cancelled")
            #expect(after["version"]?.integerValue == before + 2, "\(after.body)")
        }
    }

    @Test("is a part of what was asked for once one of its leases is taken back")
    func takenBack() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            let made = try await stage.allocate(["quantity": 2])
            let lease = try #require(made.rows("leases").first).text("sharing_id")
            try await stage.step("revoke", lease, as: .owner).expect(200, "revoking")
            try await stage.step("acknowledge", lease, as: .borrower).expect(200, "revoked")
            try await stage.send("GET", "/allocations/\(made.text("allocation_id"))", as: .borrower)
                .expect(200, "partial")
        }
    }

    @Test("of a fleet that was sealed meanwhile is approved no more", arguments: [SharingStage.Side.owner, .borrower])
    func sealed(side: SharingStage.Side) async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.offer("owner", ["a"])
            let made = try await stage.allocate(["quantity": 1])
            made.expect(201, "pending")
            let path = "/federations/\(stage.federation)/members/\(side)"
            let reply = try await stage.send("PATCH", path, ["isolation_level": "sealed"], as: side)
            #expect(reply.status == 200)
            let lease = try #require(made.rows("leases").first).text("sharing_id")
            try await stage.step("approve", lease, as: .owner).expect(404, code: "fleet_not_found")
            #expect(try await stage.status(lease) == "pending")
        }
    }

    @Test("does not tell by a filter which unit it is to be")
    func filter() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.offer("owner", ["a"])
            try await stage.allocate(["quantity": 1]).expect(201, "pending")
            func found(_ side: SharingStage.Side) async throws -> Int {
                try await stage.send("GET", "/resource-sharing?resource_id=a", as: side).rows("resource_sharing").count
            }
            #expect(try await found(.borrower) == 0)
            #expect(try await found(.owner) == 1)
        }
    }

    @Test("does not tell a fleet that does not share what others have")
    func notSharing() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            let path = "/federations/\(stage.federation)/members/borrower"
            #expect(
                try await stage.send("PATCH", path, ["resource_sharing": .bool(false)], as: .borrower).status == 200)
            let refusals = [
                try await stage.allocate(["quantity": 1]),
                try await stage.allocate(["quantity": 1, "resource_type": "ship"]),
            ]
            for refused in refusals {
                refused.expect(409, code: "sharing_disabled")
                #expect(refused.explanation["considered"] == 0 && refused.changes.isEmpty, "\(refused.body)")
            }
        }
    }

    @Test("of what is lent from the pool alone is extended like any other")
    func pooled() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van", ["pooled": .bool(true)])
            try await stage.ask("van").expect(409, code: "resource_unavailable")
            let made = try await stage.allocate(["quantity": 1])
            let lease = try #require(made.rows("leases").first).text("sharing_id")
            let longer = try await stage.put(lease, ["duration": 7200], as: .borrower)
            #expect(longer.status == 200 && longer["duration"] == 7200, "\(longer.body)")
        }
    }

    @Test("of several types names each type that the policy has to allow, and each quota that has to grow")
    func bundle() async throws {
        try await SharingStage.run(level: "none") { stage in
            for type in ["ramp", "slot"] {
                try await stage.register("\(type)s", ["resource_type": .string(type), "capacity": 9])
            }
            let items: JSON = [
                ["resource_type": "ramp", "quantity": 5], ["resource_type": "slot", "quantity": 7],
            ]
            for (type, limit) in [("ramp", 1), ("slot", 3)] as [(String, Int64)] {
                let path = "/federations/\(stage.federation)/quotas/owner/\(type)"
                let body: JSONObject = ["nominal": 9, "lending_limit": .integer(limit)]
                #expect(try await stage.send("PUT", path, body, as: .coordinator).status == 201)
            }
            let limited = try await stage.allocate(["items": items])
            #expect(
                limited.changes.map(\.field) == ["quota[owner/ramp].lending_limit", "quota[owner/slot].lending_limit"])
            #expect(limited.changes.map(\.value) == ["5", "7"], "\(limited.body)")
        }
        try await SharingStage.run(level: "none", policy: #"{"allowed_resource_types":["vehicle"]}"#) { stage in
            let ruled = try await stage.allocate([
                "items": [["resource_type": "ramp", "quantity": 1], ["resource_type": "slot", "quantity": 1]]
            ])
            ruled.expect(409, code: "policy_forbids")
            #expect(ruled.text("detail").contains("ramp") && ruled.text("detail").contains("slot"), "\(ruled.body)")
        }
    }
}
