import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// What cannot be given at once waits, if it may, and is handed on in an order that can be explained.
@Suite("The queue", .timeLimit(.minutes(2)))
struct QueueTests {
    @Test("An allocation that may wait is queued with its place, and granted when something becomes free")
    func life() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            let held = try await stage.allocate(["quantity": 1], as: .rival)
            let start = stage.service.clock.now
            let queued = try await stage.allocate(["quantity": 1, "queue": .bool(true)])
            queued.expect(201, "queued")
            #expect(queued.rows("leases").isEmpty)
            #expect(queued.explanation.text("code") == "queued" && queued.explanation.text("step") == "queue")
            #expect(queued.explanation["constraint"]?.objectValue?["code"] == "window_conflict")
            #expect(queued.explanation["estimated_wait_seconds"] == 3600)
            #expect(queued.place["position"] == 1)
            #expect(queued.place["estimated_start"] == .string((start + 3600).description))
            #expect(queued.place["expires_at"] == .string((start + 86_400).description))
            let id = queued.text("allocation_id")
            let read = try await stage.send("GET", "/allocations/\(id)", as: .borrower)
            #expect(read.bytes == queued.bytes && read.etag == queued.etag)
            #expect(
                try await stage.send("GET", "/allocations?status=queued", as: .borrower).rows("allocations").count == 1)

            await stage.service.advance(by: 600)
            let waited = try await stage.send("GET", "/allocations/\(id)", as: .borrower)
            #expect(waited.place["estimated_wait_seconds"] == 3000)
            _ = try await stage.send("DELETE", "/allocations/\(held.text("allocation_id"))", as: .rival)
            let granted = try await stage.send("GET", "/allocations/\(id)", as: .borrower)
            granted.expect(200, "granted")
            #expect(granted["queue"] == nil && granted.rows("leases").map { $0.text("status") } == ["active"])
            #expect(granted.rows("leases").first?.text("starts_at") == (start + 600).description)
            #expect(granted.explanation.text("summary").hasPrefix("Granted after waiting: 1 of the type vehicle"))
            #expect(try await stage.types(of: id) == ["allocation.decided", "allocation.decided"])
        }
    }

    @Test("A request for a named resource waits as a lease, and begins when the resource is back")
    func named() async throws {
        try await SharingStage.run(level: "low") { stage in
            try await stage.register("van", ["handover": "confirmed"])
            let first = try await stage.lease("van", as: .rival, is: "granted")
            _ = try await stage.step("activate", first, as: .rival)
            let queued = try await stage.ask("van", ["queue": .bool(true)])
            queued.expect(201, "queued")
            #expect(queued.place["position"] == 1 && queued.place["estimated_wait_seconds"] == 3600)
            let id = queued.text("sharing_id")
            #expect(try await stage.read(id, as: .borrower).bytes == queued.bytes)
            for action in ["approve", "activate", "return", "revoke"] {
                let side: SharingStage.Side = ["approve", "revoke"].contains(action) ? .owner : .borrower
                try await stage.step(action, id, as: side).expect(409, code: "invalid_transition")
            }
            // Nobody overtakes it for the unit, and it holds no window meanwhile.
            #expect(
                try await stage.service.ok("GET", "/fleets/owner/resources/van/calendar").rows("entries").count == 1)
            _ = try await stage.step("return", first, as: .rival)
            #expect(try await stage.status(id) == "granted")
            _ = try await stage.step("activate", id, as: .borrower)
            #expect(try await stage.status(id) == "active")
            #expect(try await stage.types(of: id) == ["sharing.queued", "sharing.granted", "sharing.activated"])
        }
    }

    @Test("A lease that waits is held for the owner's approval when its turn comes, where the owner is asked")
    func approval() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let first = try await stage.lease("van", as: .rival, is: "pending")
            _ = try await stage.step("approve", first, as: .owner)
            let queued = try await stage.ask("van", ["queue": .bool(true)])
            // The owner shows no resources: it says yes or no, and to its busy resource it says no.
            queued.expect(201, "queued")
            await stage.service.advance(by: 3600)
            #expect(try await stage.status(queued.text("sharing_id")) == "pending")
        }
        try await SharingStage.run(level: "high") { stage in
            try await stage.register("van")
            let first = try await stage.lease("van", as: .rival, is: "pending")
            _ = try await stage.step("approve", first, as: .owner)
            try await stage.ask("van", ["queue": .bool(true)]).expect(409, code: "unavailable")
            try await stage.ask("nothing", ["queue": .bool(true)]).expect(409, code: "unavailable")
        }
    }

    @Test("Within the nominal comes first, then who has borrowed less, then priority, then who came first")
    func order() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            _ = try await stage.setQuota("rival", ["nominal": 0])
            _ = try await stage.setQuota("borrower", ["nominal": 0])
            _ = try await stage.setQuota("owner", ["nominal": 1])
            // The borrower has borrowed before, the rival has not.
            _ = try await stage.send(
                "DELETE", "/allocations/\(try await stage.used("borrower", for: 1200))", as: .borrower)
            let held = try await stage.allocate(["quantity": 1], as: .rival)
            func ask(_ side: SharingStage.Side, _ priority: String) async throws -> String {
                let queued = try await stage.allocate(
                    ["quantity": 1, "queue": .bool(true), "duration": 100, "priority": .string(priority)], as: side)
                queued.expect(201, "queued")
                return queued.text("allocation_id")
            }
            _ = try await stage.send("DELETE", "/allocations/\(held.text("allocation_id"))", as: .rival)
            let first = try await stage.allocate(["quantity": 1, "duration": 100], as: .owner)
            first.expect(201, "granted")
            var names: [String: String] = [:]
            names[try await ask(.borrower, "critical")] = "borrower critical"
            names[try await ask(.rival, "low")] = "rival low"
            names[try await ask(.rival, "normal")] = "rival normal"
            names[try await ask(.rival, "normal")] = "rival normal again"
            names[try await ask(.borrower, "low")] = "borrower low"
            for position in 1...5 {
                let at = try await names.asyncFirst { id, _ in
                    let side: SharingStage.Side = names[id]?.hasPrefix("rival") == true ? .rival : .borrower
                    let read = try await stage.send("GET", "/allocations/\(id)", as: side)
                    return read.place["position"] == .integer(Int64(position))
                }
                #expect(
                    at?.value
                        == [
                            "rival normal", "rival normal again", "rival low", "borrower critical", "borrower low",
                        ][position - 1])
            }
            var served: [String] = []
            for _ in 0..<12 {
                for id in names.keys.sorted() where !served.contains(names[id] ?? "") {
                    let side: SharingStage.Side = names[id]?.hasPrefix("rival") == true ? .rival : .borrower
                    let status = try await stage.send("GET", "/allocations/\(id)", as: side).text("status")
                    if status != "queued" { served.append(names[id] ?? "") }
                }
                await stage.service.advance(by: 50)
            }
            #expect(served.prefix(2) == ["rival normal", "rival normal again"], "\(served)")
            #expect(served.count == 5 && served.last == "borrower low", "\(served)")
        }
    }

    @Test("What a fleet has lent counts for its turn, as far as the policy's reciprocity says", arguments: [0, 100])
    func reciprocity(percent: Int) async throws {
        try await SharingStage.run(level: "none", policy: #"{"reciprocity":\#(percent)}"#) { stage in
            try await stage.offer("owner", ["a"])
            try await stage.offer("borrower", ["b"])
            for (fleet, nominal) in [("owner", 1), ("borrower", 1), ("rival", 0)] {
                _ = try await stage.setQuota(fleet, ["nominal": .integer(Int64(nominal))])
            }
            // The borrower has borrowed more than the rival, and lent it still more.
            let lent = try await stage.allocate(["quantity": 2, "duration": 900], as: .rival)
            lent.expect(201, "granted")
            await stage.service.advance(by: 900)
            let both = try await stage.allocate(["quantity": 2, "duration": 600])
            both.expect(201, "granted")
            await stage.service.advance(by: 600)
            let busy = try await stage.allocate(["quantity": 2, "duration": 100], as: .owner)
            busy.expect(201, "granted")
            let rival = try await stage.allocate(["quantity": 2, "queue": .bool(true)], as: .rival)
            let borrower = try await stage.allocate(["quantity": 2, "queue": .bool(true)])
            #expect(borrower.place["position"] == 1, "one had borrowed 1,800, the other 600")
            #expect(rival.place["position"] == 1)
            await stage.service.advance(by: 100)
            let served = try await stage.send("GET", "/allocations/\(borrower.text("allocation_id"))", as: .borrower)
            served.expect(200, "granted")
        }
        try await SharingStage.run(level: "none", policy: #"{"reciprocity":\#(percent)}"#) { stage in
            try await stage.offer("owner", ["a"])
            try await stage.offer("borrower", ["b"])
            for fleet in ["rival", "borrower", "owner"] { _ = try await stage.setQuota(fleet, ["nominal": 1]) }
            // The rival borrows b for 500, then the borrower borrows a for 900.
            let b = try await stage.ask("b", as: .rival, lasting: 500, ["source_fleet_id": "borrower"])
            b.expect(201, "active")
            let a = try await stage.ask("a", lasting: 900)
            a.expect(201, "active")
            await stage.service.advance(by: 900)
            for side in [SharingStage.Side.owner, .borrower] {
                _ = try await stage.allocate(["quantity": 1, "duration": 100, "attributes": [:]], as: side)
            }
            // Both want more than is theirs.
            let rival = try await stage.allocate(["quantity": 2, "queue": .bool(true)], as: .rival)
            let borrower = try await stage.allocate(["quantity": 2, "queue": .bool(true)])
            rival.expect(201, "queued")
            borrower.expect(201, "queued")
            await stage.service.advance(by: 100)
            // 900 borrowed less 500 lent is less than 500 borrowed.
            let first = percent == 0 ? (rival, SharingStage.Side.rival) : (borrower, SharingStage.Side.borrower)
            let served = try await stage.send("GET", "/allocations/\(first.0.text("allocation_id"))", as: first.1)
            served.expect(200, "granted")
        }
    }

    @Test("Who borrows and comes later does not take what is kept for who waits within its nominal")
    func kept() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b", "c"])
            _ = try await stage.setQuota("borrower", ["nominal": 2])
            let long = try await stage.allocate(["quantity": 2, "duration": 7200], as: .rival)
            long.expect(201, "granted")
            let waiting = try await stage.allocate(["quantity": 2, "queue": .bool(true), "duration": 600])
            waiting.expect(201, "queued")
            // One is free, and it is kept: for allocations, for named requests and for extensions.
            let later = try await stage.allocate(["quantity": 1], as: .rival)
            later.expect(409, code: "window_conflict")
            #expect(later.explanation["rejected"]?.objectValue?["queued_ahead"] == 1)
            let free = try #require(
                ["a", "b", "c"].first { !long.rows("leases").map { $0.text("resource_id") }.contains($0) })
            try await stage.ask(free, as: .rival).expect(409, code: "queued_ahead")
            let lease = long.rows("leases")[0].text("sharing_id")
            try await stage.put(lease, ["duration": 9000], as: .rival).expect(409, code: "queued_ahead")
            // Who is within its own nominal is not held back: the owner's are its own.
            try await stage.allocate(["quantity": 1, "duration": 60], as: .owner).expect(201, "granted")
            await stage.service.advance(by: 60)
            _ = try await stage.step("return", lease, as: .rival)
            let served = try await stage.send("GET", "/allocations/\(waiting.text("allocation_id"))", as: .borrower)
            served.expect(200, "granted")
        }
    }

    @Test("Waiting ends with the policy's time, with the last start that will do, and when it is cancelled")
    func endings() async throws {
        try await SharingStage.run(level: "none", policy: #"{"queue_ttl_seconds":1000}"#) { stage in
            try await stage.offer("owner", ["a"])
            _ = try await stage.allocate(["quantity": 1, "duration": 20_000], as: .rival)
            let now = stage.service.clock.now
            func ask(_ changes: JSONObject = [:]) async throws -> String {
                var body: JSONObject = ["quantity": 1, "queue": .bool(true)]
                for change in changes.members { body[change.key] = change.value }
                let queued = try await stage.allocate(body)
                queued.expect(201, "queued")
                return queued.text("allocation_id")
            }
            let open = try await ask()
            let bounded = try await ask(["latest": .string((now + 500).description)])
            let cancelled = try await ask()
            let lease = try await stage.ask("a", ["queue": .bool(true)])
            lease.expect(201, "queued")
            let withdrawn = try await stage.ask("a", ["queue": .bool(true)]).text("sharing_id")
            func status(_ id: String) async throws -> String {
                try await stage.send("GET", "/allocations/\(id)", as: .borrower).text("status")
            }
            let ended = try await stage.send("DELETE", "/allocations/\(cancelled)", as: .borrower)
            #expect(ended.status == 204)
            #expect(try await stage.send("DELETE", "/resource-sharing/\(withdrawn)", as: .borrower).status == 204)
            #expect(try await status(cancelled) == "cancelled")
            #expect(try await stage.status(withdrawn) == "cancelled")
            await stage.service.advance(by: 499)
            #expect(try await status(bounded) == "queued")
            await stage.service.advance(by: 1)
            #expect(try await status(bounded) == "expired")
            #expect(try await status(open) == "queued")
            await stage.service.advance(by: 500)
            #expect(try await status(open) == "expired")
            #expect(try await stage.status(lease.text("sharing_id")) == "expired")
            #expect(try await stage.types(of: open) == ["allocation.decided", "allocation.expired"])
            #expect(try await stage.types(of: lease.text("sharing_id")) == ["sharing.queued", "sharing.expired"])
        }
    }

    @Test("What waiting cannot help is refused, not queued")
    func refused() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            try await stage.allocate(["quantity": 2, "queue": .bool(true)]).expect(409, code: "capacity_exceeded")
            try await stage.allocate(["quantity": 1, "queue": .bool(true), "resource_type": "dock"])
                .expect(409, code: "resource_unavailable")
            try await stage.allocate(["quantity": 1, "queue": .bool(true), "duration": 3_000_000])
                .expect(409, code: "policy_forbids")
            _ = try await stage.setQuota("borrower", ["nominal": 0, "borrowing_limit": 0])
            try await stage.allocate(["quantity": 1, "queue": .bool(true)]).expect(409, code: "borrowing_limit")
            try await stage.ask("a", ["queue": .bool(true)]).expect(409, code: "borrowing_limit")
            try await stage.allocate(["quantity": 1, "queue": "yes"]).expect(422, code: "validation_failed")
        }
    }

    @Test("A dry run says the same and leaves nothing; a fleet that leaves waits no longer")
    func dryRun() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a"])
            _ = try await stage.allocate(["quantity": 1], as: .rival)
            let dry = try await stage.allocate(["quantity": 1, "queue": .bool(true)], dryRun: true)
            dry.expect(201, "queued")
            #expect(try await stage.send("GET", "/allocations", as: .borrower).rows("allocations").isEmpty)
            let real = try await stage.allocate(["quantity": 1, "queue": .bool(true)])
            #expect(real["queue"] == dry["queue"] && real["explanation"] == dry["explanation"])
            let left = try await stage.send(
                "DELETE", "/federations/\(stage.federation)/members/borrower", as: .borrower)
            #expect(left.status == 204, "\(left.body)")
            let over = try await stage.send("GET", "/allocations/\(real.text("allocation_id"))", as: .borrower)
            over.expect(200, "cancelled")
        }
    }

    @Test("Raising a limit and offering more lets those who wait go on")
    func limits() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            _ = try await stage.setQuota("borrower", ["nominal": 0, "borrowing_limit": 1])
            try await stage.allocate(["quantity": 1]).expect(201, "granted")
            let first = try await stage.allocate(["quantity": 1, "queue": .bool(true)])
            first.expect(201, "queued")
            #expect(first.explanation["constraint"]?.objectValue?["code"] == "borrowing_limit")
            _ = try await stage.setQuota("borrower", ["nominal": 0, "borrowing_limit": 3])
            func status(_ reply: TestService.Reply) async throws -> String {
                try await stage.send("GET", "/allocations/\(reply.text("allocation_id"))", as: .borrower).text("status")
            }
            #expect(try await status(first) == "granted")
            let second = try await stage.allocate(["quantity": 1, "queue": .bool(true)])
            second.expect(201, "queued")
            try await stage.offer("owner", ["c"])
            #expect(try await status(second) == "granted")
        }
    }

    @Test("The tag of what waits changes with the object, not with the time, and what waits holds no owner up")
    func owners() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let first = try await stage.lease("van", as: .rival, is: "active")
            let queued = try await stage.ask("van", ["queue": .bool(true)])
            let id = queued.text("sharing_id")
            await stage.service.advance(by: 30)
            let later = try await stage.read(id, as: .borrower)
            #expect(later.etag == queued.etag && later.bytes != queued.bytes)
            let changed = try await stage.service.send(
                "PUT", "/resource-sharing/\(id)", #"{"priority":"high"}"#, key: .some(stage.key(.borrower)),
                headers: ["If-Match": try #require(queued.etag)])
            changed.expect(200, "queued")
            _ = try await stage.step("return", first, as: .rival)
            _ = try await stage.step("return", id, as: .borrower)
            let again = try await stage.lease("van", as: .rival, is: "active")
            let waiting = try await stage.ask("van", ["queue": .bool(true)]).text("sharing_id")
            // The lender ends what is promised, and need not end what waits.
            _ = try await stage.step("revoke", again, as: .owner)
            _ = try await stage.step("acknowledge", again, as: .rival)
            #expect(try await stage.status(waiting) == "active")
            let last = try await stage.ask("van", as: .rival, ["queue": .bool(true)]).text("sharing_id")
            _ = try await stage.step("return", waiting, as: .borrower)
            _ = try await stage.step("return", last, as: .rival)
            let busy = try await stage.lease("van", as: .rival, startsIn: 600, is: "granted")
            let third = try await stage.ask("van", startsIn: 600, ["queue": .bool(true)]).text("sharing_id")
            _ = try await stage.send("DELETE", "/resource-sharing/\(busy)", as: .rival)
            #expect(try await stage.status(third) == "granted")
            let fourth = try await stage.ask("van", as: .rival, startsIn: 600, ["queue": .bool(true)])
            let left = try await stage.send("DELETE", "/federations/\(stage.federation)/members/rival", as: .rival)
            await stage.service.advance(by: 1)
            #expect(left.status < 300, "\(left.body)")
            #expect(try await stage.status(fourth.text("sharing_id")) == "cancelled")
            let gone = try await stage.send("GET", "/federations/\(stage.federation)/members/rival", as: .coordinator)
            #expect(gone.status == 404, "\(gone.body)")
        }
    }

    @Test("A longer lease that waits is asked for anew: what the owner agreed to was shorter")
    func consent() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            let first = try await stage.lease("van", as: .both, is: "active")
            let body = stage.request("van", lasting: 60, ["queue": .bool(true)])
            let short = try await stage.send("POST", "/resource-sharing", body, as: .both)
            short.expect(201, "queued")
            let long = try await stage.send("POST", "/resource-sharing", body, as: .both)
            try await stage.put(long.text("sharing_id"), ["duration": 7200], as: .borrower).expect(200, "queued")
            _ = try await stage.step("return", first, as: .borrower)
            #expect(try await stage.status(short.text("sharing_id")) == "active")
            await stage.service.advance(by: 60)
            #expect(try await stage.status(long.text("sharing_id")) == "pending")
        }
    }
}

extension Dictionary {
    fileprivate func asyncFirst(
        where matches: (Key, Value) async throws -> Bool
    ) async rethrows -> (key: Key, value: Value)? {
        for (key, value) in self where try await matches(key, value) { return (key, value) }
        return nil
    }
}

extension TestService.Reply {
    fileprivate var place: JSONObject { self["queue"]?.objectValue ?? [:] }
}

extension SharingStage {
    /// An allocation of the fleet that has been in use for so long.
    fileprivate func used(_ fleet: String, for seconds: Seconds) async throws -> String {
        let made = try await allocate(["quantity": 1])
        made.expect(201, "granted")
        await service.advance(by: seconds)
        return made.text("allocation_id")
    }
}
