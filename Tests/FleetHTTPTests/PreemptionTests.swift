import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// A stronger request takes away what a weaker one borrowed beyond its nominal, where the policy lets it.
@Suite("Preemption", .timeLimit(.minutes(2)))
struct PreemptionTests {
    private static let policy = #"{"preemption":true,"minimum_tenure_seconds":600}"#

    @Test("What has not begun is taken away at once, its holder is told and waits again under the same allocation")
    func notBegun() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let starts = stage.at(3600)
            let weak = try await stage.allocate(["quantity": 1, "earliest": starts, "priority": "low"], as: .rival)
            weak.expect(201, "granted")
            let strong = try await stage.allocate(["quantity": 1, "earliest": starts, "priority": "high"])
            strong.expect(201, "granted")
            #expect(strong.explanation.text("step") == "preemption")
            let victim = try await stage.send("GET", "/allocations/\(weak.text("allocation_id"))", as: .rival)
            victim.expect(200, "queued")
            #expect(victim.rows("leases").map { $0.text("status") } == ["preempted"])
            #expect(victim.rows("leases").map { $0.text("status_reason") } == ["preempted_by_priority"])
            #expect(victim["queue"]?.objectValue?["position"] == 1)
            // It gets what it lost when the stronger one gives up.
            _ = try await stage.send("DELETE", "/allocations/\(strong.text("allocation_id"))", as: .borrower)
            let again = try await stage.send("GET", "/allocations/\(weak.text("allocation_id"))", as: .rival)
            again.expect(200, "granted")
            #expect(again.rows("leases").map { $0.text("status") }.sorted() == ["granted", "preempted"])
        }
    }

    @Test("What is in use is handed back first: the claimant's lease begins when the holder acknowledges")
    func inUse() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let weak = try await stage.allocate(["quantity": 1, "priority": "low"], as: .rival)
            let lease = weak.rows("leases")[0].text("sharing_id")
            let token = try await stage.token(lease)
            // Within its minimum tenure it stays.
            try await stage.allocate(["quantity": 1, "priority": "critical"]).expect(409, code: "window_conflict")
            await stage.service.advance(by: 600)
            let dry = try await stage.allocate(["quantity": 1, "priority": "critical"], dryRun: true)
            dry.expect(201, "granted")
            #expect(try await stage.status(lease) == "active")
            let strong = try await stage.allocate(["quantity": 1, "priority": "critical"])
            strong.expect(201, "granted")
            let claim = strong.rows("leases")[0]
            #expect(claim.text("status") == "granted" && claim.text("status_reason") == "unit_not_returned")
            let taken = try await stage.read(lease)
            #expect(taken.text("status") == "preempting" && taken["deadline"] != nil)
            #expect(try await stage.token(lease) > token)
            #expect(try await stage.read(lease, as: .rival)["fencing_token"] == nil)
            // Nobody else gets the unit meanwhile, and the claimant cannot begin.
            try await stage.ask("a", as: .rival, ["priority": "critical"]).expect(409, code: "unit_not_returned")
            try await stage.step("activate", claim.text("sharing_id"), as: .borrower)
                .expect(409, code: "unit_not_returned")
            try await stage.step("acknowledge", lease, as: .rival).expect(200, "preempted")
            #expect(try await stage.status(claim.text("sharing_id")) == "active")
            let victim = try await stage.send("GET", "/allocations/\(weak.text("allocation_id"))", as: .rival)
            victim.expect(200, "queued")
        }
    }

    @Test("After the deadline, the report of the new fence ends what the holder does not hand back")
    func fenced() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let lease = try await stage.lease("a", as: .rival, ["priority": "low"], is: "active")
            await stage.service.advance(by: 600)
            // The same by name: the lease that was asked for by name waits as a new one.
            let claim = try await stage.lease("a", lasting: 600, ["priority": "high"], is: "granted")
            let token = try await stage.token(lease)
            #expect(try await stage.fence("a", token, lease).status == 204)
            #expect(try await stage.status(lease) == "preempting")
            await stage.service.advance(by: 300)
            #expect(try await stage.fence("a", token, lease).status == 204)
            #expect(try await stage.status(lease) == "preempted")
            #expect(try await stage.status(claim) == "active")
            let waiting = try await stage.service.ok("GET", "/resource-sharing?status=queued").rows("resource_sharing")
            #expect(waiting.count == 1 && waiting.first?.text("target_fleet_id") == "rival")
            #expect(waiting.first?["duration"] == 2700)
        }
    }

    @Test("Never without the policy, by equals, of what is within the nominal or must not be interrupted")
    func never() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offerAndLimit()
            _ = try await stage.allocate(["quantity": 1, "earliest": stage.at(60), "priority": "low"], as: .rival)
            try await stage.allocate(["quantity": 1, "earliest": stage.at(60), "priority": "critical"])
                .expect(409, code: "window_conflict")
        }
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let held = try await stage.allocate(
                ["quantity": 1, "earliest": stage.at(60), "priority": "high"], as: .rival)
            try await stage.allocate(["quantity": 1, "earliest": stage.at(60), "priority": "high"])
                .expect(409, code: "window_conflict")
            let critical: JSONObject = ["quantity": 1, "earliest": stage.at(60), "priority": "critical"]
            _ = try await stage.setQuota("rival", ["nominal": 1])
            try await stage.allocate(critical).expect(409, code: "window_conflict")
            _ = try await stage.setQuota("rival", ["nominal": 0])
            let patch = try await stage.send(
                "PATCH", "/fleets/owner/resources/a", ["interruptible": .bool(false)], as: .owner)
            #expect(patch.status == 200, "\(patch.body)")
            try await stage.allocate(critical).expect(409, code: "window_conflict")
            #expect(try await stage.status(held.rows("leases")[0].text("sharing_id")) == "granted")
        }
    }

    @Test("An emergency takes what is within the nominal, with its permission and its reason alone")
    func emergency() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offer("owner", ["a"])
            _ = try await stage.setQuota("rival", ["nominal": 1])
            _ = try await stage.allocate(["quantity": 1, "earliest": stage.at(60), "priority": "critical"], as: .rival)
            var body: JSONObject = ["quantity": 1, "earliest": stage.at(60), "priority": "emergency"]
            try await stage.allocate(body).expect(422, code: "validation_failed")
            body["reason"] = "fire"
            try await stage.allocate(body).expect(403, code: "permission_denied")
            let key = try await stage.service.key(
                [.fleetOperator], fleets: [apiName("borrower")], scopes: [.sharingEmergency])
            body["federation_id"] = .string(stage.federation)
            body["target_fleet_id"] = "borrower"
            body["resource_type"] = "vehicle"
            body["duration"] = 600
            let taken = try await stage.service.send("POST", "/allocations", JSON.object(body).text, key: .some(key))
            taken.expect(201, "granted")
            #expect(taken.explanation.text("step") == "preemption")
        }
    }

    @Test("An owner below its nominal takes back its own at any priority; one above it does not")
    func reclaim() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let lent = try await stage.allocate(
                ["quantity": 1, "earliest": stage.at(60), "priority": "critical"], as: .rival)
            _ = try await stage.setQuota("owner", ["nominal": 0])
            let own: JSONObject = ["quantity": 1, "earliest": stage.at(60), "priority": "low"]
            try await stage.allocate(own, as: .owner).expect(409, code: "window_conflict")
            _ = try await stage.setQuota("owner", ["nominal": 1])
            let back = try await stage.allocate(own, as: .owner)
            back.expect(201, "granted")
            #expect(back.explanation.text("step") == "preemption")
            let lease = try await stage.read(lent.rows("leases")[0].text("sharing_id"))
            #expect(lease.text("status") == "preempted" && lease.text("status_reason") == "reclaimed_by_lender")
        }
    }

    @Test("Takes no more than it needs, the weakest first, and the same request twice at most")
    func minimal() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offer("owner", ["a", "b", "c"])
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let starts = stage.at(60)
            var victims: [TestService.Reply] = []
            for priority in ["normal", "low", "normal"] {
                victims.append(
                    try await stage.allocate(
                        ["quantity": 1, "earliest": starts, "priority": .string(priority)], as: .rival))
            }
            func status(_ reply: TestService.Reply) async throws -> String {
                try await stage.send("GET", "/allocations/\(reply.text("allocation_id"))", as: .rival).text("status")
            }
            func strong() async throws -> TestService.Reply {
                try await stage.allocate(["quantity": 1, "earliest": starts, "priority": "high"])
            }
            let first = try await strong()
            first.expect(201, "granted")
            #expect(try await status(victims[0]) == "granted")
            #expect(try await status(victims[1]) == "queued")
            #expect(try await status(victims[2]) == "granted")
            // It gets its place back, loses it a second time, and the third time it stays.
            for _ in 0..<1 {
                _ = try await stage.send("DELETE", "/allocations/\(first.text("allocation_id"))", as: .borrower)
                #expect(try await status(victims[1]) == "granted")
                let second = try await strong()
                #expect(try await status(victims[1]) == "queued")
                _ = try await stage.send("DELETE", "/allocations/\(second.text("allocation_id"))", as: .borrower)
            }
            #expect(try await status(victims[1]) == "granted")
            _ = try await strong()
            #expect(try await status(victims[1]) == "granted", "it was preempted a third time")
        }
    }

    @Test("An emergency by name takes what is within the nominal: who loses it does not keep it from it")
    func emergencyByName() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offer("owner", ["a"])
            _ = try await stage.setQuota("rival", ["nominal": 1])
            let held = try await stage.lease("a", as: .rival, startsIn: 60, ["priority": "critical"], is: "granted")
            let key = try await stage.service.key(
                [.fleetOperator], fleets: [apiName("borrower")], scopes: [.sharingEmergency])
            let body = stage.request("a", startsIn: 60, lasting: 600, ["priority": "emergency", "reason": "fire"])
            let taken = try await stage.service.send(
                "POST", "/resource-sharing", JSON.object(body).text, key: .some(key))
            taken.expect(201, "granted")
            #expect(try await stage.status(held) == "preempted")
        }
    }

    @Test("Who lost something gets another unit at once, before anybody who asks later")
    func anotherUnit() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offer("owner", ["a", "b"])
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let weak = try await stage.allocate(
                ["quantity": 1, "earliest": stage.at(7200), "priority": "low"], as: .rival)
            #expect(weak.rows("leases")[0].text("resource_id") == "a")
            _ = try await stage.lease("a", startsIn: 7200, ["priority": "high"], is: "granted")
            let now = try await stage.send("GET", "/allocations/\(weak.text("allocation_id"))", as: .rival)
            now.expect(200, "granted")
            #expect(now.rows("leases").first { $0.text("status") == "granted" }?.text("resource_id") == "b")
        }
    }

    @Test("One claim may take several leases of a request, which says that it waits; given back, it does not")
    func several() async throws {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offer("owner", ["a", "b", "c"])
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let weak = try await stage.allocate(
                ["quantity": 3, "earliest": stage.at(60), "priority": "low"], as: .rival)
            let strong = try await stage.allocate(["quantity": 3, "earliest": stage.at(60), "priority": "high"])
            strong.expect(201, "granted")
            let waits = try await stage.send("GET", "/allocations/\(weak.text("allocation_id"))", as: .rival)
            waits.expect(200, "queued")
            #expect(waits.explanation.text("summary").contains("a stronger request took"))
            _ = try await stage.send("DELETE", "/allocations/\(strong.text("allocation_id"))", as: .borrower)
        }
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            try await stage.offerAndLimit()
            let lease = try await stage.lease("a", as: .rival, ["priority": "low"], is: "active")
            await stage.service.advance(by: 600)
            _ = try await stage.lease("a", lasting: 600, ["priority": "high"], is: "granted")
            try await stage.step("return", lease, as: .rival).expect(200, "preempted")
            #expect(try await stage.status(lease) == "preempted")
            try await stage.step("acknowledge", lease, as: .rival).expect(200, "preempted")
            #expect(try await stage.count("queued") == 0)
        }
    }
}

extension SharingStage {
    /// One vehicle of the owner's; the rival and the borrower have none of their own.
    fileprivate func offerAndLimit() async throws {
        try await offer("owner", ["a"])
        for fleet in ["rival", "borrower"] { _ = try await setQuota(fleet, ["nominal": 0]) }
    }
}
