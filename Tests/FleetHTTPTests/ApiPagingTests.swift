import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// Paging, the same for every list.
@Suite("Every list", .timeLimit(.minutes(2)))
struct ApiPagingTests {
    private struct List {
        let path: String
        let name: String
        /// What an administrator finds in it.
        let count: Int
        /// What the operator of `owner` finds in it.
        let ownCount: Int
    }

    /// Seven of everything, and two more federations of which the operator of `owner` knows nothing.
    private struct World {
        static let size = 7
        let service: TestService
        let federation: String
        let operatorKey: String
        let lists: [List]

        init(_ service: TestService) async throws {
            self.service = service
            var federations: [String] = []
            for _ in 0..<Self.size { federations.append(try await service.found([("owner", "none")])) }
            let home = federations[0]
            for _ in 0..<2 { _ = try await service.found([("stranger", "none")]) }
            for index in 1..<Self.size { try await service.join(home, "fleet-\(index)", "none") }
            for index in 1...Self.size { try await service.register("owner", "unit-\(index)") }
            for index in 1...Self.size {
                _ = try await service.lease(home, "unit-1", to: "fleet-1", startsIn: Int64(index) * 7200)
                let metric = #""metric_type":"m","metric_value":\#(index),"metric_unit":"u""#
                try await service.ok("POST", "/metrics", #"{"federation_id":"\#(home)",\#(metric)}"#)
            }
            operatorKey = try await service.key([.fleetOperator], fleets: [apiName("owner")])
            for _ in 1...Self.size {
                let draft = #"{"name":"k","roles":["fleet_viewer"],"fleet_ids":["owner"]}"#
                try await service.ok("POST", "/api-keys", draft, key: .some(operatorKey))
            }
            federation = home
            let n = Self.size
            lists = [
                List(path: "/federations", name: "federations", count: n + 2, ownCount: n),
                List(path: "/federations/\(home)/members", name: "members", count: n, ownCount: n),
                List(path: "/fleets", name: "fleets", count: n + 1, ownCount: n),
                List(path: "/fleets/owner/resources", name: "resources", count: n, ownCount: n),
                List(path: "/fleets/owner/resources/unit-1/calendar", name: "entries", count: n, ownCount: n),
                List(path: "/resource-sharing", name: "resource_sharing", count: n, ownCount: n),
                // What is recorded for a federation is for who coordinates it.
                List(path: "/metrics", name: "metrics", count: n, ownCount: 0),
                // And the keys of the administrator and of the operator.
                List(path: "/api-keys", name: "api_keys", count: n + 2, ownCount: n),
            ]
        }
    }

    @Test("gives full pages that together are the whole list, in one order")
    func fullPages() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for list in world.lists {
                for (key, count) in [(service.adminKey, list.count), (world.operatorKey, list.ownCount)] {
                    let whole = try await service.ok("GET", list.path + "?page_size=1000", key: .some(key))
                    #expect(whole.rows(list.name).count == count, "\(list.path): \(whole.body)")
                    #expect(whole["next_page_token"] == nil, "\(list.path)")
                    for size in [1, 2, 3, count, count + 1] where size > 0 {
                        let pages = try await Self.pages(of: list.path, list.name, size: size, key: key, service)
                        #expect(pages.flatMap(\.self) == whole.rows(list.name), "\(list.path) by \(size)")
                        #expect(pages.count == max(1, (count + size - 1) / size), "\(list.path) by \(size)")
                        #expect(pages.dropLast().allSatisfy { $0.count == size }, "\(list.path) by \(size)")
                    }
                }
            }
        }
    }

    @Test("of records has full pages too, for all and for one reader")
    func fullPagesOfTheLog() async throws {
        try await TestService.run { service in
            let world = try await World(service)
            for key in [service.adminKey, world.operatorKey] {
                let whole = try await service.ok("GET", "/audit-log?page_size=1000", key: .some(key))
                let events = try await service.ok("GET", "/events?limit=1000", key: .some(key)).rows("events")
                #expect(whole.rows("audit_records").count > 20 && events.count > 20)
                for size in [1, 4] {
                    let pages = try await Self.pages(of: "/audit-log", "audit_records", size: size, key: key, service)
                    #expect(pages.flatMap(\.self) == whole.rows("audit_records"))
                    #expect(pages.dropLast().allSatisfy { $0.count == size })
                    // Sealed positions differ each time that they are told; what they stand for does not.
                    let walked = try await Self.events(limit: size, key: key, service)
                    #expect(walked.map { $0.text("id") } == events.map { $0.text("id") }, "by \(size)")
                }
            }
        }
    }

    private static func pages(
        of path: String, _ name: String, size: Int, key: String, _ service: TestService
    ) async throws -> [[JSONObject]] {
        var pages: [[JSONObject]] = []
        var token: String?
        repeat {
            let query = "?page_size=\(size)" + (token.map { "&page_token=\($0)" } ?? "")
            let page = try await service.ok("GET", path + query, key: .some(key))
            pages.append(page.rows(name))
            token = page["next_page_token"]?.stringValue
            try #require(pages.count < 1000, "the list has no end")
        } while token != nil
        return pages
    }

    private static func events(limit: Int, key: String, _ service: TestService) async throws -> [JSONObject] {
        var events: [JSONObject] = []
        var after = ""
        while true {
            let page = try await service.ok("GET", "/events?limit=\(limit)" + after, key: .some(key))
            if page.rows("events").isEmpty { return events }
            events += page.rows("events")
            after = "&after=" + page.text("next_after")
        }
    }

    @Test("takes a page size from 1 to 1000, and has pages of 50 without one")
    func pageSize() async throws {
        try await TestService.run { service in
            for index in 1...51 {
                try await service.ok("POST", "/federations", #"{"name":"Number \#(index)"}"#)
            }
            #expect(try await service.ok("GET", "/federations").rows("federations").count == 50)
            let lists = ["/federations", "/fleets", "/resource-sharing", "/metrics", "/api-keys", "/audit-log"]
            for list in lists {
                for size in ["0", "-1", "1001", "ten", "1.5", "9223372036854775808", ""] {
                    try await service.refused(400, "invalid_parameter", "GET", "\(list)?page_size=\(size)")
                }
                for size in ["1", "1000"] { try await service.ok("GET", "\(list)?page_size=\(size)") }
            }
        }
    }
}
