import FleetDomain
import FleetHTTP
import FleetJSON
import FleetStore
import FleetTestSupport
import Testing

/// Pooled units are promised as a class: which of them a lease gets is decided shortly before it begins.
@Suite("Late binding", .timeLimit(.minutes(2)))
struct BindingTests {
    private static let policy = #"{"bind_lead_seconds":600}"#

    private func run(
        _ units: [String], _ terms: JSONObject = [:], _ story: @Sendable (SharingStage) async throws -> Void
    )
        async throws
    {
        try await SharingStage.run(level: "none", policy: Self.policy) { stage in
            for unit in units { try await stage.pool(unit, terms) }
            try await story(stage)
        }
    }

    @Test("A lease of a pooled type names no unit until the lead time before its start")
    func bindsAtLeadTime() async throws {
        try await run(["u1", "u2"]) { stage in
            let lease = try await stage.book(startsIn: 3600)
            let unbound = try await stage.read(lease, as: .borrower)
            #expect(unbound["resource_id"] == .null && unbound.text("status") == "granted", "\(unbound.body)")
            #expect(unbound.text("binds_at") == (VirtualClock.start + 3000).description)
            await stage.service.advance(by: 2999)
            #expect(try await stage.read(lease)["resource_id"] == .null)
            await stage.service.advance(by: 1)
            let bound = try await stage.read(lease, as: .borrower)
            #expect(bound.text("resource_id") == "u1" && bound.text("status") == "granted" && bound["binds_at"] == nil)
            #expect(bound["fencing_token"] == nil)
            await stage.service.advance(by: 600)
            #expect(try await stage.status(lease) == "active")
            #expect(try await stage.types(of: lease) == ["sharing.granted", "sharing.bound", "sharing.activated"])
        }
    }

    @Test("What begins at once is bound and handed over at once")
    func atOnce() async throws {
        try await run(["u1"]) { stage in
            let lease = try await stage.book(startsIn: 0)
            let begun = try await stage.read(lease, as: .borrower)
            #expect(begun.text("resource_id") == "u1" && begun.text("status") == "active", "\(begun.body)")
            #expect(begun["fencing_token"] != nil)
        }
    }

    @Test("Bookings that would not fit if each got its unit when it was made are all given one")
    func interleaved() async throws {
        try await run(["u1", "u2"]) { stage in
            let first = try await stage.book(startsIn: 1000, lasting: 1000)
            let second = try await stage.book(startsIn: 1500, lasting: 1000)
            // The first unit that is free for it, and so neither is free from 2000 to 3000.
            let fourth = try await stage.book(startsIn: 2500, lasting: 1000)
            let third = try await stage.book(startsIn: 2000, lasting: 1000)
            let refused = try await stage.allocate(["quantity": 1, "earliest": stage.at(1500), "duration": 600])
            refused.expect(409, code: "window_conflict")
            #expect(refused.changes.map(\.field) == ["latest"])
            #expect(refused.changes.map(\.value) == [(VirtualClock.start + 3000).description])
            for (seconds, pair) in [(1500, [first, second]), (500, [second, third]), (500, [third, fourth])]
                as [(Seconds, [String])]
            {
                await stage.service.advance(by: seconds)
                #expect(try await stage.units(pair) == ["u1", "u2"])
                #expect(try await stage.count("active") == 2)
            }
        }
    }

    @Test("A quantity is as many leases, each with a unit and a token of its own")
    func several() async throws {
        try await run(["u1", "u2", "u3"]) { stage in
            let made = try await stage.allocate(["quantity": 3])
            made.expect(201, "granted")
            #expect(made.rows("leases").map { $0.text("resource_id") } == ["u1", "u2", "u3"])
            #expect(made.rows("leases").allSatisfy { $0["quantity"] == 1 && $0["fencing_token"] != nil })
            try await stage.allocate(["quantity": 1]).expect(409, code: "window_conflict")
        }
    }

    @Test("4 and 4.0 are the same attribute")
    func numbers() async throws {
        try await run(["u1"], ["attributes": ["seats": 4]]) { stage in
            try await stage.pool("u2", ["attributes": ["seats": .double(4.0)]])
            for start in [100, 150, 250, 200] as [Seconds] {
                _ = try await stage.book(startsIn: start, lasting: start == 200 ? 150 : 100)
            }
        }
    }

    @Test("Units of other attributes, buffer or handover are other classes")
    func classes() async throws {
        try await run(["u1"], ["attributes": ["seats": 4]]) { stage in
            try await stage.pool("u2", ["attributes": ["seats": 9]])
            let lease = try await stage.book(startsIn: 3600, ["attributes": ["seats": ["min": 6]]])
            try await stage.allocate(["quantity": 1, "earliest": stage.at(3600), "attributes": ["seats": ["min": 6]]])
                .expect(409, code: "window_conflict")
            await stage.service.advance(by: 3600)
            #expect(try await stage.units([lease]) == ["u2"])
        }
    }

    @Test("When the unit is not back, another takes its place; without one the lease waits for the first that is")
    func notBack() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed"]) { stage in
            let late = try await stage.book(startsIn: 0, lasting: 1000)
            try await stage.step("activate", late, as: .borrower).expect(200, "active")
            let next = try await stage.book(startsIn: 1000, lasting: 1000)
            await stage.service.advance(by: 400)
            // Its class has another unit, which is there.
            #expect(try await stage.units([next]) == ["u2"])
            let other = try await stage.book(startsIn: 600, lasting: 2000)
            #expect(try await stage.units([other]) == ["u1"])
            await stage.service.advance(by: 600)
            #expect(try await stage.status(late) == "overdue")
            let waits = try await stage.read(other, as: .borrower)
            #expect(waits.text("status_reason") == "unit_not_returned", "\(waits.body)")
            try await stage.step("activate", next, as: .borrower).expect(200, "active")
            // The other unit comes back first.
            try await stage.step("return", next, as: .borrower).expect(200, "completed")
            let moved = try await stage.read(other, as: .borrower)
            #expect(moved.text("resource_id") == "u2" && moved["status_reason"] == nil, "\(moved.body)")
            try await stage.step("activate", other, as: .borrower).expect(200, "active")
        }
    }

    @Test("Extending what is in use moves what was bound to its unit, and is refused where the class is used up")
    func extended() async throws {
        try await run(["u1", "u2"]) { stage in
            let long = try await stage.book(startsIn: 0, lasting: 1000)
            let next = try await stage.book(startsIn: 1000, lasting: 1000)
            await stage.service.advance(by: 500)
            let before = try await stage.units([next])
            // Whichever it was bound to: the one that goes on keeps its own.
            #expect(try await stage.put(long, ["duration": 2000], as: .borrower).status == 200)
            await stage.service.advance(by: 500)
            #expect(try await stage.units([long, next]) == ["u1", "u2"], "\(before)")
            try await stage.put(long, ["duration": 3000], as: .borrower).expect(200, "active")
            _ = try await stage.book(startsIn: 1500, lasting: 1000)
            _ = try await stage.book(startsIn: 2200, lasting: 1000)
            let refused = try await stage.put(long, ["duration": 4000], as: .borrower)
            refused.expect(409, code: "window_conflict")
            #expect(refused.changes.map(\.field) == ["duration"] && refused.changes.map(\.value) == ["3200"])
        }
    }

    @Test("A unit leaves its class only as far as the class can spare it, and what was bound to it is moved")
    func leaving() async throws {
        try await run(["u1", "u2"]) { stage in
            let lease = try await stage.book(startsIn: 500)
            #expect(try await stage.units([lease]) == ["u1"])
            #expect(try await stage.patch("u1", ["status": "maintenance"]) == 200)
            #expect(try await stage.units([lease]) == ["u2"])
            #expect(try await stage.patch("u1", ["status": "available"]) == 200)
            #expect(try await stage.patch("u2", ["pooled": .bool(false)]) == 200)
            #expect(try await stage.units([lease]) == ["u1"])
            // Nothing would be left for what is promised.
            for change in [["pooled": .bool(false)], ["buffer_seconds": 60], ["attributes": ["n": 1]]] as [JSONObject] {
                #expect(try await stage.patch("u1", change) == 409, "\(change)")
            }
            let retired = try await stage.send("DELETE", "/fleets/owner/resources/u1", as: .owner)
            retired.expect(409, code: "resource_in_use")
            _ = try await stage.lease("u2", is: "active")
            #expect(try await stage.patch("u2", ["pooled": .bool(true)]) == 409)
            await stage.service.advance(by: 500)
            #expect(try await stage.status(lease) == "active")
            #expect(try await stage.patch("u1", ["pooled": .bool(false)]) == 409)
        }
    }

    @Test("Only units are pooled")
    func pools() async throws {
        try await run([]) { stage in
            let draft: JSONObject = [
                "resource_id": "vans", "resource_type": "vehicle", "capacity": 3, "pooled": .bool(true),
            ]
            let refused = try await stage.send("POST", "/fleets/owner/resources", draft, as: .owner)
            refused.expectProblem(422, "validation_failed", "a pool that is pooled")
            #expect(refused.body.contains("/pooled") && refused.body.contains("not_a_unit"), "\(refused.body)")
            try await stage.register("vans", ["capacity": 3])
            #expect(try await stage.patch("vans", ["pooled": .bool(true)]) == 422)
        }
    }

    @Test("What is not back and what was granted and not fetched yet are taken together: nothing else is given at once")
    func lateAndGranted() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed"]) { stage in
            let late = try await stage.overdue(after: 600)
            let granted = try await stage.book(startsIn: 0)
            #expect(try await stage.units([late, granted]) == ["u1", "u2"])
            let refused = try await stage.allocate(["quantity": 1])
            refused.expect(409, code: "unit_not_returned")
        }
    }

    @Test("Who booked first keeps its unit: a later booking is what waits for a unit that is not back")
    func keepsItsUnit() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed"]) { stage in
            _ = try await stage.overdue(after: 600)
            let first = try await stage.book(startsIn: 400)
            #expect(try await stage.units([first]) == ["u2"])
            let second = try await stage.book(startsIn: 300)
            #expect(try await stage.units([second]) == ["u1"])
            #expect(try await stage.units([first]) == ["u2"])
            #expect(try await stage.read(second).text("status_reason") == "unit_not_returned")
        }
    }

    @Test("An extension leaves nobody with a unit that is not back")
    func extendedBesideLate() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed"]) { stage in
            let late = try await stage.book(startsIn: 0, lasting: 600)
            let runs = try await stage.book(startsIn: 0, lasting: 1200)
            for lease in [late, runs] { try await stage.step("activate", lease, as: .borrower).expect(200, "active") }
            _ = try await stage.book(startsIn: 1200, lasting: 600)
            await stage.service.advance(by: 700)
            #expect(try await stage.status(late) == "overdue")
            let refused = try await stage.put(runs, ["duration": 1800], as: .borrower)
            refused.expect(409, code: "window_conflict")
            try await stage.step("return", late, as: .borrower).expect(200, "completed")
            try await stage.put(runs, ["duration": 1800], as: .borrower).expect(200, "active")
        }
    }

    @Test("Who waits for a unit gets another of its class once that has cooled, before who comes later")
    func cooled() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed", "buffer_seconds": 300]) { stage in
            let both = [
                try await stage.book(startsIn: 0, lasting: 600), try await stage.book(startsIn: 0, lasting: 600),
            ]
            for lease in both { try await stage.step("activate", lease, as: .borrower).expect(200, "active") }
            let next = try await stage.book(startsIn: 1000)
            await stage.service.advance(by: 1000)
            #expect(try await stage.read(next).text("status_reason") == "unit_not_returned")
            let other = both[try await stage.units([both[0]]) == (try await stage.units([next])) ? 1 : 0]
            try await stage.step("return", other, as: .borrower).expect(200, "completed")
            #expect(try await stage.read(next).text("status_reason") == "unit_not_returned")
            await stage.service.advance(by: 300)
            let moved = try await stage.read(next)
            #expect(moved["status_reason"] == nil && moved.text("status") == "granted", "\(moved.body)")
            try await stage.allocate(["quantity": 1]).expect(409, code: "unit_not_returned")
            // Its time to fetch it begins only now.
            await stage.service.advance(by: 800)
            try await stage.step("activate", next, as: .borrower).expect(200, "active")
        }
    }

    @Test("What is taken away for a claimant is its own, though another unit is not back either")
    func claimed() async throws {
        let policy = #"{"preemption":true,"minimum_tenure_seconds":1}"#
        try await SharingStage.run(level: "none", policy: policy) { stage in
            for unit in ["u1", "u2"] { try await stage.pool(unit, ["handover": "confirmed", "buffer_seconds": 60]) }
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            _ = try await stage.overdue(after: 600)
            await stage.service.advance(by: 60)
            let weak = try await stage.allocate(["quantity": 1, "priority": "low"], as: .rival).rows("leases")[0]
            let victim = weak.text("sharing_id")
            #expect(weak.text("resource_id") == "u2")
            try await stage.step("activate", victim, as: .rival).expect(200, "active")
            await stage.service.advance(by: 10)
            let claim = try await stage.allocate(["quantity": 1, "priority": "high"]).rows("leases")[0]
            #expect(claim.text("resource_id") == "u2" && claim.text("status_reason") == "unit_not_returned")
            try await stage.step("acknowledge", victim, as: .rival).expect(200, "preempted")
            try await stage.step("activate", claim.text("sharing_id"), as: .borrower).expect(200, "active")
        }
    }

    @Test("Who waits for a unit gets another once that has cooled, also where that could not be stored at first")
    func cooledInVain() async throws {
        let database = FaultyDatabase(try await TestDatabase.open())
        try await SharingStage.run(level: "none", policy: Self.policy, database: database) { stage in
            for unit in ["u1", "u2"] { try await stage.pool(unit, ["handover": "confirmed", "buffer_seconds": 300]) }
            let out = try await stage.book(startsIn: 0, lasting: 600)
            let back = try await stage.book(startsIn: 0, lasting: 600)
            for lease in [out, back] { try await stage.step("activate", lease, as: .borrower).expect(200, "active") }
            let next = try await stage.book(startsIn: 1000)
            await stage.service.advance(by: 1000)
            let returned = try await stage.units([back]) == stage.units([next]) ? out : back
            try await stage.step("return", returned, as: .borrower).expect(200, "completed")
            #expect(try await stage.read(next).text("status_reason") == "unit_not_returned")
            database.setFault { _ in .full }
            await stage.service.advance(by: 300)
            database.setFault(nil)
            await stage.service.advance(by: 1)
            let moved = try await stage.read(next)
            #expect(moved["status_reason"] == nil && moved.text("status") == "granted", "\(moved.body)")
        }
    }

    @Test("A unit in maintenance takes nothing from the others, and what was bound to it finds room among them")
    func maintenance() async throws {
        try await run(["u1", "u2", "u3"]) { stage in
            let runs = try await stage.book(startsIn: 0, lasting: 7200)
            #expect(try await stage.patch("u1", ["status": "maintenance"]) == 200)
            let longer = try await stage.put(runs, ["duration": 7300], as: .borrower)
            longer.expect(409, code: "resource_unavailable")
            #expect(longer.changes.map(\.field) == ["resource.status"], "\(longer.body)")
            try await stage.allocate(["quantity": 2, "duration": 60]).expect(201, "granted")
            await stage.service.advance(by: 60)
            // Two after the other on one of them, and one beside them.
            let first = try await stage.book(startsIn: 100, lasting: 100)
            let beside = try await stage.book(startsIn: 100, lasting: 200)
            let second = try await stage.book(startsIn: 200, lasting: 100)
            #expect(try await stage.units([first, beside, second]).allSatisfy { $0 == "u2" || $0 == "u3" })
            let later = try await stage.book(startsIn: 10_000)
            #expect(try await stage.put(later, ["duration": 3700], as: .borrower).status == 200)
        }
    }

    @Test("An explanation counts the units of a class one by one")
    func explained() async throws {
        try await run(["u1", "u2", "u3"]) { stage in
            _ = try await stage.book(startsIn: 0)
            _ = try await stage.book(startsIn: 0)
            let refused = try await stage.allocate(["quantity": 2])
            refused.expect(409, code: "window_conflict")
            #expect(refused.explanation["considered"] == 3, "\(refused.body)")
            #expect(refused.explanation["rejected"] == ["window_conflict": 2])
        }
    }

    @Test("Two federations share the units of a class, and no more than there are")
    func acrossFederations() async throws {
        try await run(["u1", "u2"]) { stage in
            let other = try await stage.service.found([("owner", "none"), ("borrower", "none")])
            let there: JSONObject = ["federation_id": .string(other), "quantity": 1, "earliest": stage.at(3600)]
            try await stage.allocate(there).expect(201, "granted")
            _ = try await stage.book(startsIn: 3600)
            try await stage.allocate(there).expect(409, code: "window_conflict")
        }
    }

    @Test("A stronger request takes a pooled unit away, and gets the one that is handed back")
    func preempted() async throws {
        let policy = #"{"preemption":true,"minimum_tenure_seconds":1}"#
        try await SharingStage.run(level: "none", policy: policy) { stage in
            try await stage.pool("u1")
            for fleet in ["rival", "borrower"] { _ = try await stage.setQuota(fleet, ["nominal": 0]) }
            let weak = try await stage.allocate(["quantity": 1, "priority": "low"], as: .rival).rows("leases")[0]
            await stage.service.advance(by: 10)
            let strong = try await stage.allocate(["quantity": 1, "priority": "high"])
            strong.expect(201, "granted")
            let claim = strong.rows("leases")[0]
            #expect(claim.text("resource_id") == "u1" && claim.text("status_reason") == "unit_not_returned")
            try await stage.step("acknowledge", weak.text("sharing_id"), as: .rival).expect(200, "preempted")
            #expect(try await stage.status(claim.text("sharing_id")) == "active")
        }
    }

    @Test("Who waits for a type gets a unit of the class when one is handed back early")
    func queued() async throws {
        try await run(["u1"]) { stage in
            let first = try await stage.book(startsIn: 0)
            let waiting = try await stage.allocate(["quantity": 1, "duration": 60, "queue": .bool(true)], as: .rival)
            waiting.expect(201, "queued")
            let estimate = waiting["queue"]?.objectValue?["estimated_start"]
            #expect(estimate == .string((VirtualClock.start + 3600).description), "\(waiting.body)")
            try await stage.step("return", first, as: .borrower).expect(200, "completed")
            let served = try await stage.send("GET", "/allocations/\(waiting.text("allocation_id"))", as: .rival)
            #expect(served.rows("leases").map { $0.text("resource_id") } == ["u1"], "\(served.body)")
        }
    }

    @Test("Where the units of a lender are not shown, asking for one by name tells nothing of them")
    func hidden() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.pool("u1")
            try await stage.pool("u2")
            let made = try await stage.allocate(["quantity": 1], as: .rival).rows("leases")[0].text("sharing_id")
            try await stage.step("approve", made, as: .owner).expect(200, "active")
            let answers = [
                try await stage.ask("u1"), try await stage.ask("u2"), try await stage.ask("none"),
            ].map { $0.body.replacing(#/"(instance|request_id|trace_id)":"[^"]*"/#, with: "") }
            #expect(Set(answers).count == 1, "\(answers)")
        }
    }

    @Test("A lease that could begin keeps its unit when one that began earlier is approved")
    func approvedLater() async throws {
        try await run(["u1", "u2"], ["handover": "confirmed"]) { stage in
            let rival = "/federations/\(stage.federation)/members/rival"
            #expect(try await stage.send("PATCH", rival, ["isolation_level": "medium"], as: .rival).status == 200)
            _ = try await stage.overdue(after: 600)
            let pending = try await stage.allocate(["quantity": 1, "earliest": stage.at(10)], as: .rival)
            pending.expect(201, "pending")
            let granted = try await stage.book(startsIn: 5)
            await stage.service.advance(by: 20)
            #expect(try await stage.units([granted]) == ["u2"])
            let lease = pending.rows("leases")[0].text("sharing_id")
            try await stage.step("approve", lease, as: .owner).expect(200, "granted")
            #expect(try await stage.units([granted]) == ["u2"])
            try await stage.step("activate", granted, as: .borrower).expect(200, "active")
        }
    }

    @Test("Where an owner approves each lease, a unit is bound when it has")
    func approved() async throws {
        try await SharingStage.run(level: "medium", policy: Self.policy) { stage in
            try await stage.pool("u1")
            let made = try await stage.allocate(["quantity": 1])
            made.expect(201, "pending")
            let lease = made.rows("leases")[0].text("sharing_id")
            #expect(try await stage.read(lease)["resource_id"] == .null)
            try await stage.step("approve", lease, as: .owner).expect(200, "active")
            #expect(try await stage.read(lease, as: .borrower).text("resource_id") == "u1")
        }
    }
}

extension SharingStage {
    /// Registers a pooled unit of the owner.
    fileprivate func pool(_ unit: String, _ terms: JSONObject = [:]) async throws {
        var terms = terms
        terms["pooled"] = .bool(true)
        try await register(unit, terms)
    }

    /// A lease of one pooled vehicle.
    fileprivate func book(
        startsIn delay: Seconds, lasting duration: Seconds = 3600, _ more: JSONObject = [:]
    ) async throws -> String {
        var body: JSONObject = ["quantity": 1, "earliest": at(delay), "duration": .integer(duration)]
        for field in more.members { body[field.key] = field.value }
        let made = try await allocate(body)
        made.expect(201, "granted")
        return try #require(made.rows("leases").first).text("sharing_id")
    }

    /// A lease that was fetched, and not returned when it should have been.
    fileprivate func overdue(after duration: Seconds) async throws -> String {
        let lease = try await book(startsIn: 0, lasting: duration)
        try await step("activate", lease, as: .borrower).expect(200, "active")
        await service.advance(by: duration)
        return lease
    }

    /// The units that the leases are bound to, in order of their ids.
    fileprivate func units(_ leases: [String]) async throws -> [String] {
        var units: [String] = []
        for lease in leases { units.append(try await read(lease)["resource_id"]?.stringValue ?? "none") }
        return units.sorted()
    }

    fileprivate func patch(_ unit: String, _ change: JSONObject) async throws -> Int {
        try await send("PATCH", "/fleets/owner/resources/\(unit)", change, as: .owner).status
    }
}
