import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What a page token is good for, and for whom.
@Suite("A page token", .timeLimit(.minutes(2)))
struct ApiPageTokenTests {
    private static let query = "/resource-sharing?page_size=1&fleet_id=owner"

    /// Two leases of `owner` in one federation, and the token of its second page for the operator of `owner`.
    private static func run(
        _ body:
            @Sendable (_ service: TestService, _ federation: String, _ key: String, _ token: String) async throws ->
            Void
    ) async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none"), ("borrower", "none")])
            try await service.register("owner", "unit")
            for hour in [1, 3] as [Int64] { _ = try await service.lease(federation, "unit", startsIn: hour * 3600) }
            let key = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let page = try await service.ok("GET", query, key: .some(key))
            try await body(service, federation, key, try #require(page["next_page_token"]?.stringValue))
        }
    }

    @Test("continues its list for another credential of the same fleets, and with another page size")
    func sameFleets() async throws {
        try await Self.run { service, _, key, token in
            let second = try await service.ok("GET", Self.query + "&page_token=" + token, key: .some(key))
            #expect(second.rows("resource_sharing").count == 1 && second["next_page_token"] == nil)
            let twin = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let path = Self.query.replacing("page_size=1", with: "page_size=9") + "&page_token=" + token
            #expect(try await service.ok("GET", path, key: .some(twin)).bytes == second.bytes)
        }
    }

    @Test("is refused with another query, for another list and to other callers")
    func foreign() async throws {
        try await Self.run { service, federation, key, token in
            let lists = [
                "/resource-sharing?page_size=1", Self.query + "&status=granted",
                Self.query.replacing("owner", with: "borrower"), "/federations?page_size=1",
                "/federations/\(federation)/members?page_size=1", "/api-keys?page_size=1", "/audit-log?page_size=1",
            ]
            for list in lists {
                let path = list + "&page_token=" + token
                try await service.refused(400, "invalid_page_token", "GET", path, key: .some(key))
            }
            let others = [
                service.adminKey, try await service.key([.fleetOperator], fleets: [apiName("borrower")]),
                try await service.key([.fleetOperator], fleets: [apiName("owner"), apiName("borrower")]),
                try await service.key([.fleetViewer], fleets: [apiName("owner")]), try await service.key([.auditor]),
            ]
            for other in others {
                let path = Self.query + "&page_token=" + token
                try await service.refused(400, "invalid_page_token", "GET", path, key: .some(other))
            }
        }
    }

    @Test("is refused when it was forged or cut short")
    func forged() async throws {
        try await Self.run { service, _, key, token in
            var forged = [
                "x", "AAAA", String(token.dropLast()), String(token.dropFirst()), token + "A", token + token,
                String(repeating: "A", count: token.count), "019b8d2b-8c00-7dda-b419-6ed460e52070",
            ]
            for index in stride(from: 0, to: token.count, by: 7) {
                var letters = Array(token)
                letters[index] = letters[index] == "B" ? "C" : "B"
                forged.append(String(letters))
            }
            for wrong in forged {
                let path = Self.query + "&page_token=" + wrong
                try await service.refused(400, "invalid_page_token", "GET", path, key: .some(key))
            }
            try await service.refused(400, "invalid_parameter", "GET", Self.query + "&page_token=", key: .some(key))
        }
    }

    @Test("opens nothing that its holder may not see any more")
    func rightsOfToday() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none"), ("peer", "none"), ("third", "none")])
            let key = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            let path = "/federations/\(federation)/members?page_size=1"
            let page = try await service.ok("GET", path, key: .some(key))
            let next = path + "&page_token=" + page.text("next_page_token")
            try await service.ok("PATCH", "/federations/\(federation)/members/peer", #"{"isolation_level":"high"}"#)
            let rest = try await service.ok("GET", next.replacing("page_size=1", with: "page_size=9"), key: .some(key))
            #expect(rest.rows("members").map { $0.text("fleet_id") } == ["third"])
            try await service.ok("DELETE", "/federations/\(federation)/members/owner")
            try await service.refused(404, "federation_not_found", "GET", next, key: .some(key))
        }
    }
}
