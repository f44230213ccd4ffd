import FleetDomain
import FleetHTTP
package import FleetJSON
import FleetTestSupport
import Testing

/// A quantity of a type, of whoever can give it.
@Suite("An allocation", .timeLimit(.minutes(2)))
struct AllocationTests {
    @Test("is granted of the best candidates, its leases together, and read, listed and cancelled as one")
    func life() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            try await stage.offer("rival", ["c"])
            let made = try await stage.allocate(["quantity": 3])
            made.expect(201, "granted")
            let id = made.text("allocation_id")
            #expect(made.headers["location"]?.hasSuffix("/allocations/\(id)") == true)
            #expect(made.rows("leases").map { $0.text("resource_id") }.sorted() == ["a", "b", "c"])
            #expect(made.rows("leases").allSatisfy { $0.text("status") == "active" && $0.text("allocation_id") == id })
            #expect(made.explanation.text("code") == "granted" && made.explanation.text("step") == "best_candidate")
            #expect(made.explanation["considered"] == 3)
            let read = try await stage.send("GET", "/allocations/\(id)", as: .borrower)
            #expect(read.bytes == made.bytes && read.etag == made.etag)
            let list = try await stage.send("GET", "/allocations?status=granted", as: .borrower)
            #expect(list.rows("allocations") == [read.object])
            try await stage.send("GET", "/allocations/\(id)", as: .owner).expect(404, code: "allocation_not_found")
            #expect(try await stage.send("GET", "/allocations", as: .owner).rows("allocations").isEmpty)
            let stale = try await stage.service.send(
                "DELETE", "/allocations/\(id)", key: .some(stage.key(.borrower)), headers: ["If-Match": "\"x\""])
            stale.expect(412, code: "precondition_failed")
            let tag = try #require(read.etag)
            let ended = try await stage.service.send(
                "DELETE", "/allocations/\(id)", key: .some(stage.key(.borrower)), headers: ["If-Match": tag])
            #expect(ended.status == 204, "\(ended.body)")
            let over = try await stage.send("GET", "/allocations/\(id)", as: .borrower)
            over.expect(200, "ended")
            #expect(over.rows("leases").allSatisfy { $0.text("status") == "completed" })
            try await stage.send("DELETE", "/allocations/\(id)", as: .borrower).expect(
                404, code: "allocation_not_found")
        }
    }

    @Test("shows a coordinator those of its leases whose lenders are open, too, and no id of the others")
    func ofOpenLenders() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            try await stage.offer("rival", ["b"])
            let made = try await stage.allocate(["quantity": 2])
            made.expect(201, "granted")
            let id = made.text("allocation_id")
            func lenders() async throws -> [[String]] {
                let read = try await stage.send("GET", "/allocations/\(id)", as: .coordinator)
                let list = try await stage.send("GET", "/allocations", as: .coordinator).rows("allocations")
                return [read.rows("leases"), list.first?["leases"]?.arrayValue?.compactMap(\.objectValue) ?? []]
                    .map { $0.map { $0.text("source_fleet_id") } }
            }
            #expect(try await lenders() == [["owner", "rival"], ["owner", "rival"]])
            try await stage.service.ok(
                "PATCH", "/federations/\(stage.federation)/members/rival", #"{"isolation_level":"low"}"#)
            #expect(try await lenders() == [["owner"], ["owner"]])
            // As the lease itself is hidden.
            let hidden = made.rows("leases").first { $0.text("source_fleet_id") == "rival" }?.text("sharing_id") ?? ""
            try await stage.send("GET", "/resource-sharing/\(hidden)", as: .coordinator)
                .expect(404, code: "sharing_not_found")
            for (side, isShown) in [(SharingStage.Side.coordinator, false), (.borrower, true)] {
                let events = try await stage.send("GET", "/events?types=allocation.decided", as: side)
                #expect(events.rows("events").count == 1 && events.body.contains(hidden) == isShown, "\(events.body)")
            }
        }
    }

    @Test("is cancelled once under a key, also where the answer was lost and the version is another by then")
    func cancelledAgain() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            let id = try await stage.allocate(["quantity": 1]).text("allocation_id")
            let tag = try #require(try await stage.send("GET", "/allocations/\(id)", as: .borrower).etag)
            for isReplay in [false, true] {
                let ended = try await stage.service.send(
                    "DELETE", "/allocations/\(id)", key: .some(stage.key(.borrower)),
                    headers: ["If-Match": tag, "Idempotency-Key": "cancel-0123456789"])
                #expect(ended.status == 204, "\(ended.body)")
                #expect(ended.headers["idempotency-replayed"] == (isReplay ? "true" : nil))
            }
        }
    }

    @Test("asks first who has lent least for what it offers, then by id, and last who must be asked")
    func order() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            try await stage.offer("rival", ["c", "d"])
            func lender(_ delay: Int64) async throws -> String {
                let starts = (stage.service.clock.now + delay).description
                let made = try await stage.allocate(["quantity": 1, "earliest": .string(starts)])
                return made.rows("leases").first?.text("source_fleet_id") ?? made.body
            }
            // Turn by turn, as each has lent more than the other by then.
            var lenders: [String] = []
            for turn in 0..<4 { lenders.append(try await lender(Int64(turn) * 7200)) }
            #expect(lenders == ["owner", "rival", "owner", "rival"])
            // Twice the weight lends twice as much.
            _ = try await stage.setQuota("owner", ["nominal": 9, "weight": 3])
            lenders = []
            for turn in 4..<8 { lenders.append(try await lender(Int64(turn) * 7200)) }
            #expect(lenders == ["owner", "owner", "owner", "owner"])
        }
    }

    @Test("takes what is the fleet's own before it borrows, which is neither lent nor borrowed")
    func ownUse() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("borrower", ["mine"])
            try await stage.offer("owner", ["theirs"])
            _ = try await stage.setQuota("borrower", ["nominal": 1, "borrowing_limit": 0])
            let own = try await stage.allocate(["quantity": 1])
            #expect(own.rows("leases").map { $0.text("source_fleet_id") } == ["borrower"])
            let quota = try await stage.send("GET", stage.quota("borrower"), as: .borrower)
            #expect(quota["borrowed"] == 0 && quota["lent"] == 0 && quota["in_use"] == 1)
            let refused = try await stage.allocate(["quantity": 1])
            refused.expect(409, code: "borrowing_limit")
            #expect(refused.changes.map(\.field) == ["quota[borrower/vehicle].borrowing_limit"])
            #expect(refused.changes.map(\.value) == ["1"])
            _ = try await stage.setQuota("borrower", ["nominal": 1, "borrowing_limit": 1])
            let lent = try await stage.allocate(["quantity": 1])
            #expect(lent.rows("leases").map { $0.text("resource_id") } == ["theirs"])
        }
    }

    @Test("climbs the ladder: another unit, another window, a part, a refusal")
    func ladder() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            _ = try await stage.lease("a", as: .rival, lasting: 3600, is: "active")
            let other = try await stage.allocate(["quantity": 1])
            #expect(other.explanation.text("step") == "other_unit")
            #expect(other.explanation["rejected"]?.objectValue == ["window_conflict": 1])
            let end = stage.service.clock.now + 3600
            let later = try await stage.allocate(["quantity": 2, "latest": .string((end + 1).description)])
            later.expect(201, "granted")
            #expect(later.explanation.text("step") == "other_window")
            #expect(later.rows("leases").allSatisfy { $0.text("starts_at") == end.description })
            try await stage.offer("owner", ["c"])
            let part = try await stage.allocate(["quantity": 2, "partial": .bool(true)])
            part.expect(201, "partial")
            #expect(part.explanation.text("step") == "part")
            #expect(part.rows("leases").map { $0.text("resource_id") } == ["c"])
            let refused = try await stage.allocate(["quantity": 1])
            refused.expect(409, code: "window_conflict")
            #expect(refused.explanation.text("step") == "refusal")
            #expect(refused.explanation["considered"] == 3)
            let id = refused.text("allocation_id")
            try await stage.send("GET", "/allocations/\(id)", as: .borrower).expect(200, "refused")
        }
    }

    @Test("that is refused says what would be granted, and so changed it is")
    func counterfactual() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            _ = try await stage.lease("a", as: .rival, lasting: 1800, is: "active")
            let refused = try await stage.allocate(["quantity": 2])
            refused.expect(409, code: "window_conflict")
            let end = (stage.service.clock.now + 1800).description
            #expect(refused.changes.map(\.field) == ["latest"] && refused.changes.map(\.value) == [end])
            #expect(refused.nearestWindows.first?.text("starts_at") == end)
            let tooMany = try await stage.allocate(["quantity": 3])
            #expect(tooMany.changes.map(\.field) == ["quantity"] && tooMany.changes.map(\.value) == ["1"])
            try await stage.allocate(["quantity": 1]).expect(201, "granted")
            try await stage.allocate(["quantity": 2, "latest": .string(end)]).expect(409, code: "window_conflict")
            let nobody = try await stage.allocate(["quantity": 1, "resource_type": "ship"])
            nobody.expect(409, code: "resource_unavailable")
            #expect(nobody.explanation["considered"] == 0 && nobody.changes.isEmpty)
        }
    }

    @Test("matches attributes by equality and by bounds")
    func attributes() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("small", ["attributes": ["seats": 4, "fuel": "diesel"]])
            try await stage.register("large", ["attributes": ["seats": 9, "fuel": "electric"]])
            let wishes: [(JSONObject, String?)] = [
                (["fuel": "diesel"], "small"), (["seats": ["min": 5]], "large"), (["seats": ["max": 4]], "small"),
                (["seats": ["min": 5, "max": 8]], nil), (["fuel": "electric", "seats": ["min": 9]], "large"),
                (["lift": .bool(true)], nil), (["seats": .double(9.0)], "large"),
            ]
            for (attributes, wanted) in wishes {
                let body: JSONObject = ["quantity": 1, "attributes": .object(attributes)]
                let reply = try await stage.allocate(body, dryRun: true)
                #expect(reply.rows("leases").first?.text("resource_id") == wanted, "\(attributes): \(reply.body)")
                if wanted == nil { reply.expect(409, code: "resource_unavailable") }
            }
        }
    }

    @Test("of several types is given together or not at all")
    func bundle() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["van"])
            let items: JSONObject = [
                "items": [
                    ["resource_type": "vehicle", "quantity": 1], ["resource_type": "charger", "quantity": 2],
                ]
            ]
            let refused = try await stage.allocate(items)
            refused.expect(409, code: "resource_unavailable")
            #expect(try await stage.count("active") == 0)
            try await stage.register("chargers", ["resource_type": "charger", "capacity": 2])
            let made = try await stage.allocate(items)
            made.expect(201, "granted")
            #expect(made.rows("leases").map { $0.text("resource_id") }.sorted() == ["chargers", "van"])
        }
    }

    @Test("of owners who are asked is pending, keeps back which units it is, and falls as a whole")
    func approval() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.offer("owner", ["a"])
            try await stage.offer("rival", ["b"])
            let made = try await stage.allocate(["quantity": 2])
            made.expect(201, "pending")
            #expect(made.rows("leases").allSatisfy { $0["resource_id"] == .null }, "\(made.body)")
            let path = "/allocations/\(made.text("allocation_id"))"
            let leases = Dictionary(
                uniqueKeysWithValues: made.rows("leases").map { ($0.text("source_fleet_id"), $0.text("sharing_id")) })
            let mine = try #require(leases["owner"])
            let theirs = try #require(leases["rival"])
            #expect(try await stage.read(mine).text("resource_id") == "a")
            try await stage.step("approve", mine, as: .owner).expect(200, "active")
            try await stage.send("GET", path, as: .borrower).expect(200, "pending")
            #expect(try await stage.read(mine, as: .borrower).text("resource_id") == "a")
            try await stage.step("reject", theirs, as: .rival).expect(200, "rejected")
            let after = try await stage.send("GET", path, as: .borrower)
            #expect(after.rows("leases").first { $0.text("sharing_id") == theirs }?["resource_id"] == .null)
            // What had begun goes on; nothing else of it is left.
            after.expect(200, "partial")
        }
        try await SharingStage.run(level: "medium") { stage in
            try await stage.offer("owner", ["a"])
            try await stage.offer("rival", ["b"])
            let starts = (stage.service.clock.now + 600).description
            let made = try await stage.allocate(["quantity": 2, "earliest": .string(starts)])
            let leases = made.rows("leases").map { ($0.text("source_fleet_id"), $0.text("sharing_id")) }
            let mine = try #require(leases.first { $0.0 == "owner" }?.1)
            let theirs = try #require(leases.first { $0.0 == "rival" }?.1)
            try await stage.step("approve", mine, as: .owner).expect(200, "granted")
            try await stage.step("reject", theirs, as: .rival).expect(200, "rejected")
            #expect(try await stage.status(mine) == "cancelled")
            let path = "/allocations/\(made.text("allocation_id"))"
            try await stage.send("GET", path, as: .borrower).expect(200, "cancelled")
        }
    }

    @Test("does not tell of a lender that shows nothing, unless that one says by a rule that it would give")
    func isolated() async throws {
        try await SharingStage.run(level: "high") { stage in
            try await stage.offer("owner", ["a"])
            let refused = try await stage.allocate(["quantity": 1])
            refused.expect(409, code: "resource_unavailable")
            #expect(refused.explanation["considered"] == 0)
            let rules: JSONObject = [
                "rules": [["counterparty": "borrower", "resource_type": "vehicle", "approve": "auto"]]
            ]
            let path = "/federations/\(stage.federation)/members/owner/sharing-rules"
            #expect(try await stage.send("PUT", path, rules, as: .owner).status == 200)
            try await stage.allocate(["quantity": 1]).expect(201, "granted")
        }
    }

    @Test("takes of a lender no more than its rule allows, and learns nothing of what else that one has")
    func boundedByRule() async throws {
        for level in ["medium", "high"] {
            try await SharingStage.run(level: level) { stage in
                try await stage.register("vans", ["capacity": 10])
                let rules: JSONObject = [
                    "rules": [
                        ["counterparty": "borrower", "resource_type": "vehicle", "quantity_max": 2, "approve": "auto"]
                    ]
                ]
                let path = "/federations/\(stage.federation)/members/owner/sharing-rules"
                #expect(try await stage.send("PUT", path, rules, as: .owner).status == 200)
                let tooMany = try await stage.allocate(["quantity": 5])
                #expect(tooMany.status == 409, "\(tooMany.body)")
                try await stage.allocate(["quantity": 2]).expect(201, "granted")
                _ = try await stage.lease("vans", as: .both, ["quantity": 8], is: "active")
                let refused = try await stage.allocate(["quantity": 1])
                guard level == "high" else { return }
                refused.expect(409, code: "resource_unavailable")
                for reply in [tooMany, refused] {
                    #expect(
                        reply.explanation["considered"] == 0 && reply.changes.isEmpty && reply.nearestWindows.isEmpty)
                    #expect(reply.explanation["rejected"]?.objectValue == [:], "\(reply.body)")
                }
            }
        }
    }

    @Test("of more resources than one decision books is refused, with how many would do")
    func tooMany() async throws {
        try await SharingStage.run(level: "none") { stage in
            for index in 0..<AllocationLimits.leasesMax + 2 { try await stage.register("unit-\(index)") }
            let most = Int64(AllocationLimits.leasesMax)
            let refused = try await stage.allocate(["quantity": .integer(most + 1)])
            #expect(refused.status == 409 && refused.changes.map(\.value) == ["\(most)"], "\(refused.body)")
            let made = try await stage.allocate(["quantity": .integer(most)])
            made.expect(201, "granted")
            #expect(made.rows("leases").count == AllocationLimits.leasesMax)
        }
    }

    @Test("that makes no sense is refused with each fault under its own pointer, and nothing is stored")
    func faults() async throws {
        try await SharingStage.run(level: "none") { stage in
            let now = stage.service.clock.now
            let wrong: [(JSONObject, [String])] = [
                ([:], ["/quantity"]), (["quantity": 0], ["/quantity"]), (["quantity": -1], ["/quantity"]),
                (["quantity": .integer(.max)], ["/quantity"]), (["quantity": 1, "duration": 0], ["/duration"]),
                (["quantity": 1, "earliest": .string((now + -61).description)], ["/earliest"]),
                (
                    [
                        "quantity": 1, "earliest": .string((now + 60).description),
                        "latest": .string((now + 59).description), "priority": "emergency",
                    ], ["/latest", "/reason"]
                ),
                (["items": []], ["/resource_type", "/items"]), (["quantity": 1, "attributes": 7], ["/attributes"]),
            ]
            for (body, pointers) in wrong {
                let reply = try await stage.allocate(body)
                reply.expect(422, code: "validation_failed")
                #expect(reply.rows("errors").map { $0.text("pointer") } == pointers, "\(body): \(reply.body)")
            }
            #expect(try await stage.send("GET", "/allocations", as: .borrower).rows("allocations").isEmpty)
            let ruled = try await stage.allocate(["quantity": 1, "duration": 2_592_001])
            ruled.expect(409, code: "policy_forbids")
            #expect(ruled.explanation["constraint"]?.objectValue?["limit"] == 2_592_000)
        }
    }

    @Test("Invariant 10: a refusal repeated under its key is the same refusal")
    func repeated() async throws {
        try await SharingStage.run(level: "none") { stage in
            let headers = ["Idempotency-Key": "the-key-of-a-refusal"]
            let first = try await stage.allocate(["quantity": 1], headers: headers)
            first.expect(409, code: "resource_unavailable")
            try await stage.offer("owner", ["a"])
            let again = try await stage.allocate(["quantity": 1], headers: headers)
            again.expect(409, code: "resource_unavailable")
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.text("allocation_id") == first.text("allocation_id"))
            #expect(again.headers["event-position"] == first.headers["event-position"] || again.status == 409)
            let grant = ["Idempotency-Key": "the-key-of-a-grant-"]
            let made = try await stage.allocate(["quantity": 1], headers: grant)
            let replayed = try await stage.allocate(["quantity": 1], headers: grant)
            #expect(made.status == 201 && replayed.bytes == made.bytes, "\(replayed.body)")
        }
    }

    @Test("Of a thousand at once for one unit one is granted, and the others are told truly why not")
    func race() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            let codes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        let reply = try await stage.allocate(["quantity": 1])
                        return reply.code ?? reply.text("status")
                    }
                }
                return try await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == ["granted": 1, "window_conflict": 999])
        }
    }
}

extension SharingStage {
    /// Registers vehicles of a fleet.
    func offer(_ fleet: String, _ units: [String]) async throws {
        for unit in units { try await service.register(fleet, unit) }
    }

    /// Asks for vehicles for an hour, for the fleet of the side that asks.
    func allocate(
        _ changes: JSONObject, as side: Side = .borrower, dryRun: Bool = false, headers: [String: String] = [:]
    ) async throws -> TestService.Reply {
        var body: JSONObject = [
            "federation_id": .string(federation), "target_fleet_id": .string("\(side)"), "duration": 3600,
        ]
        if changes["items"] == nil { body["resource_type"] = "vehicle" }
        if changes["items"]?.arrayValue?.isEmpty == true { body["resource_type"] = "vehicle" }
        for change in changes.members { body[change.key] = change.value }
        return try await service.send(
            "POST", "/allocations" + (dryRun ? "?dry_run=true" : ""), JSON.object(body).text, key: key(side),
            headers: headers)
    }
}

extension JSON: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
}
