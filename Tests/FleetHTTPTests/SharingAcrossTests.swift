import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// A unit that is offered in two federations has one calendar, and neither federation learns of the other.
@Suite("A unit that is lent in another federation", .timeLimit(.minutes(2)))
struct SharingAcrossTests {
    private static func run(
        level: String, _ story: @Sendable (TestService, (here: String, there: String)) async throws -> Void
    ) async throws {
        try await TestService.run { service in
            let here = try await service.found([("owner", level), ("borrower", level)])
            let there = try await service.found([("owner", level), ("outsider", level)])
            try await service.register("owner", "van")
            try await story(service, (here, there))
        }
    }

    @Test("is taken here too, and the refusal names nothing of the other federation")
    func taken() async throws {
        try await Self.run(level: "none") { service, ids in
            let outsider = try await service.key([.fleetOperator], fleets: [apiName("outsider")])
            let borrower = try await service.key([.fleetOperator], fleets: [apiName("borrower")])
            let lease = try await service.lease(ids.there, "van", to: "outsider", key: outsider)
            let refused = try await service.send(
                "POST", "/resource-sharing", service.request(ids.here, "van", startsIn: 600), key: borrower)
            refused.expect(409, code: "window_conflict")
            #expect(refused.changes.map(\.value) == [(VirtualClock.start + 3600).description])
            let calendar = try await service.ok("GET", "/fleets/owner/resources/van/calendar", key: borrower)
            let entry = try #require(calendar.rows("entries").first)
            #expect(entry["sharing_id"] == nil && entry["status"] == nil && entry["starts_at"] != nil)
            for reply in [refused, calendar] {
                for secret in [lease, ids.there, "outsider"] { #expect(!reply.body.contains(secret), "\(reply.body)") }
            }
            try await service.send("GET", "/resource-sharing/\(lease)", key: borrower)
                .expect(404, code: "sharing_not_found")
            let next = try await service.lease(ids.here, "van", startsIn: 3600, key: borrower)
            // The owner, in both, sees both.
            let owner = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let all = try await service.ok("GET", "/resource-sharing", key: owner).rows("resource_sharing")
            #expect(Set(all.map { $0.text("sharing_id") }) == [lease, next])
            #expect(Set(all.map { $0.text("federation_id") }) == [ids.here, ids.there])
        }
    }

    @Test("is not shown by the calendar where use is not open")
    func closed() async throws {
        try await Self.run(level: "low") { service, ids in
            let borrower = try await service.key([.fleetOperator], fleets: [apiName("borrower")])
            let coordinator = try await service.key([.federationCoordinator], federations: [apiID(ids.here)])
            _ = try await service.lease(ids.there, "van", to: "outsider")
            let own = try await service.lease(ids.here, "van", startsIn: 3600, key: borrower)
            let seen = try await service.ok("GET", "/fleets/owner/resources/van/calendar", key: borrower)
            #expect(seen.rows("entries").map { $0.text("sharing_id") } == [own])
            let leases = try await service.ok("GET", "/resource-sharing", key: coordinator)
            #expect(leases.rows("resource_sharing").isEmpty)
        }
    }

    @Test("is free here as soon as it is returned there")
    func freed() async throws {
        try await Self.run(level: "none") { service, ids in
            let lease = try await service.lease(ids.there, "van", to: "outsider")
            let ask = service.request(ids.here, "van")
            try await service.send("POST", "/resource-sharing", ask).expect(409, code: "window_conflict")
            try await service.ok("POST", "/resource-sharing/\(lease)/return")
            try await service.send("POST", "/resource-sharing", ask).expect(201, "active")
        }
    }

    @Test("is still awaited here when its borrower there is late, and the answer does not say who is")
    func late() async throws {
        try await Self.run(level: "none") { service, ids in
            try await service.register("owner", "bus", "confirmed")
            let lease = try await service.lease(ids.there, "bus", to: "outsider")
            try await service.ok("POST", "/resource-sharing/\(lease)/activate")
            let borrower = try await service.key([.fleetOperator], fleets: [apiName("borrower")])
            let next = try await service.lease(ids.here, "bus", startsIn: 3600, key: borrower)
            await service.advance(by: 3600)
            let path = "/resource-sharing/\(next)"
            let told = try await service.ok("GET", path, key: borrower)
            told.expect(200, "granted")
            #expect(told.text("status_reason") == "unit_not_returned")
            let refused = try await service.send("POST", path + "/activate", key: borrower)
            refused.expect(409, code: "unit_not_returned")
            for secret in [lease, ids.there, "outsider"] {
                #expect(!refused.body.contains(secret) && !told.body.contains(secret))
            }
            try await service.ok("POST", "/resource-sharing/\(lease)/return")
            try await service.send("POST", path + "/activate", key: borrower).expect(200, "active")
        }
    }
}
