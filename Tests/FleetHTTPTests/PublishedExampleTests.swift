import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// Worked examples of other systems, with their numbers. Those of dividing capacity stand with the plans.
@Suite("Published examples", .timeLimit(.minutes(2)))
struct PublishedExampleTests {
    @Test(
        "Quota lending (Kueue, cluster queue documentation): of 9 and 12, the first may use 21, or 10 within a limit of 1",
        arguments: [(nil, nil, 21), (1, nil, 10), (nil, 1, 10)] as [(Int64?, Int64?, Int64)])
    func kueueLending(borrowingLimit: Int64?, lendingLimit: Int64?, used: Int64) async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.pool(of: .borrower, 9)
            try await stage.pool(of: .owner, 12)
            var first: JSONObject = ["nominal": 9]
            first["borrowing_limit"] = borrowingLimit.map(JSON.integer)
            var second: JSONObject = ["nominal": 12]
            second["lending_limit"] = lendingLimit.map(JSON.integer)
            _ = try await stage.setQuota("borrower", first)
            _ = try await stage.setQuota("owner", second)
            let all = try await stage.allocate(["quantity": 100, "partial": .bool(true)])
            all.expect(201, "partial")
            #expect(all.rows("leases").reduce(0) { $0 + ($1["quantity"]?.integerValue ?? 0) } == used)
            guard lendingLimit != nil else { return }
            try await stage.allocate(["quantity": 11], as: .owner).expect(201, "granted")
            try await stage.allocate(["quantity": 1], as: .owner).expect(409, code: "capacity_exceeded")
        }
    }

    @Test(
        "Share of borrowing (Kueue, fair sharing): 1 of 10 cpu and 2 of 10 gpu are 0.2, by gpu; with a weight of 0 infinite",
        arguments: [(1, 1, true), (2, 1, nil), (3, 1, false), (3, 0, true)] as [(Int64, Int64, Bool?)])
    func kueueShare(borrowedByRival: Int64, weight: Int64, isRivalAhead: Bool?) async throws {
        for isRivalFirst in [true, false] {
            try await SharingStage.run(level: "none") { stage in
                for (fleet, cpu, gpu) in [("owner", 8, 5), ("borrower", 2, 5), ("rival", 0, 0)]
                    as [(String, Int64, Int64)]
                {
                    for (type, nominal) in [("cpu", cpu), ("gpu", gpu)] {
                        try await stage.entitle(fleet, type, nominal, weight: fleet == "borrower" ? weight : 1)
                    }
                }
                try await stage.use("cpu", 3, by: .borrower)
                try await stage.use("gpu", 7, by: .borrower)
                try await stage.use("cpu", borrowedByRival, by: .rival)
                try await stage.use("cpu", 7 - borrowedByRival, by: .owner)
                var waiting = ""
                for side in isRivalFirst ? [.rival, .borrower] : [.borrower, .rival] as [SharingStage.Side] {
                    let body: JSONObject = ["resource_type": "cpu", "quantity": 1, "queue": .bool(true)]
                    let queued = try await stage.allocate(body, as: side)
                    queued.expect(201, "queued")
                    if side == .rival { waiting = queued.text("allocation_id") }
                }
                let queued = try await stage.send("GET", "/allocations/\(waiting)", as: .rival)
                let place = queued["queue"]?.objectValue?["position"]
                // Of equal shares, who came first is ahead.
                #expect(place == .integer(isRivalAhead ?? isRivalFirst ? 1 : 2), "\(queued.body)")
            }
        }
    }

    @Test(
        "Two-phase holds (TigerBeetle): of 100 with 70 used a hold of 50 is refused, and what is given up is there again"
    )
    func tigerBeetleHolds() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.pool(of: .owner, 100)
            let posted = try await stage.lease("pool", as: .both, ["quantity": 70], is: "active")
            try await stage.ask("pool", ["quantity": 50]).expect(409, code: "capacity_exceeded")
            let hold = try await stage.lease("pool", ["quantity": 30], is: "pending")
            try await stage.ask("pool", ["quantity": 1]).expect(409, code: "capacity_exceeded")
            try await stage.step("reject", hold, as: .owner).expect(200, "rejected")
            let again = try await stage.lease("pool", ["quantity": 30], is: "pending")
            try await stage.step("approve", again, as: .owner).expect(200, "active")
            // A second resolve gets the first outcome.
            try await stage.step("approve", again, as: .owner).expect(200, "active")
            try await stage.step("reject", again, as: .owner).expect(409, code: "already_resolved")
            try await stage.step("return", posted, as: .borrower).expect(200, "completed")
            _ = try await stage.lease("pool", ["quantity": 70], is: "pending")
        }
    }

    @Test(
        "Conflict between equals (ASTM F3548, as InterUSS tests it): the second is refused, and nothing of it is shown")
    func equals() async throws {
        try await SharingStage.run(level: "low", policy: #"{"preemption":true}"#) { stage in
            try await stage.pool(of: .owner, 1)
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let second = try await stage.lease("pool", as: .rival, startsIn: 600, ["priority": "normal"], is: "granted")
            try await stage.ask("pool", startsIn: 600, ["priority": "normal"]).expect(409, code: "window_conflict")
            #expect(try await stage.send("GET", "/resource-sharing", as: .rival).rows("resource_sharing").count == 1)
            #expect(try await stage.status(second) == "granted")
        }
    }

    @Test("Conflict with a higher priority (ASTM F3548): it plans over the first, whose owner is told and cannot begin")
    func higher() async throws {
        try await SharingStage.run(level: "low", policy: #"{"preemption":true}"#) { stage in
            try await stage.pool(of: .owner, 1, ["handover": "confirmed"])
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let first = try await stage.lease("pool", startsIn: 600, ["priority": "normal"], is: "granted")
            _ = try await stage.lease("pool", as: .rival, startsIn: 600, ["priority": "high"], is: "granted")
            let told = try await stage.send("GET", "/events?limit=1000", as: .borrower).rows("events")
            #expect(told.contains { $0.text("type").hasSuffix("sharing.preempted") && $0.text("subject") == first })
            await stage.service.advance(by: 600)
            try await stage.step("activate", first, as: .borrower).expect(409, code: "already_resolved")
            try await stage.put(first, ["duration": 7200], as: .borrower).expect(409, code: "already_resolved")
        }
    }
}

extension SharingStage {
    /// Sets what is the fleet's own of a type, and offers so much of it.
    fileprivate func entitle(_ fleet: String, _ type: String, _ nominal: Int64, weight: Int64) async throws {
        let quota: JSONObject = ["nominal": .integer(nominal), "weight": .integer(weight)]
        let set = try await send("PUT", "\(quotas)/\(fleet)/\(type)", quota, as: .coordinator)
        #expect(set.status == 201)
        guard nominal > 0 else { return }
        let draft: JSONObject = [
            "resource_id": .string("all-\(type)"), "resource_type": .string(type), "capacity": .integer(nominal),
        ]
        _ = try await service.ok("POST", "/fleets/\(fleet)/resources", JSON.object(draft).text)
    }

    fileprivate func use(_ type: String, _ quantity: Int64, by side: Side) async throws {
        try await allocate(["resource_type": .string(type), "quantity": .integer(quantity)], as: side)
            .expect(201, "granted")
    }

    /// Offers a pool of the type `vehicle`; of capacity 1, a unit.
    fileprivate func pool(of side: Side, _ capacity: Int64, _ terms: JSONObject = [:]) async throws {
        var draft: JSONObject = ["resource_id": "pool", "resource_type": "vehicle", "capacity": .integer(capacity)]
        for term in terms.members { draft[term.key] = term.value }
        let reply = try await send("POST", "/fleets/\(side)/resources", draft, as: side)
        try #require(reply.status == 201, "\(reply.body)")
    }
}
