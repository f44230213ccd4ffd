import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// How well a federation coordinates, checked by hand.
@Suite("A summary of metrics", .timeLimit(.minutes(2)))
struct MetricsSummaryTests {
    @Test("says what one lease of two units for an hour comes to in a day")
    func byHand() async throws {
        try await SharingStage.run(level: "low") { stage in
            try await stage.register("chargers", ["capacity": 4])
            let start = stage.service.clock.now
            _ = try await stage.lease("chargers", lasting: 3600, ["quantity": 2], is: "active")
            await stage.service.advance(by: 86_400)
            let summary = try await stage.summary("from=\(start)", as: .coordinator)
            #expect(summary.number("lent_hours") == 2 && summary.number("borrowed_hours") == 2)
            let use = try #require(summary.rows("utilization_by_type").first)
            #expect(use.text("resource_type") == "vehicle")
            #expect(use.number("offered_hours") == 96 && use.number("active_hours") == 2)
            #expect(use.number("idle_hours") == 0 && use.number("overdue_hours") == 0)
            #expect(use.number("ratio") == 2.0 / 96 && summary.number("resource_utilization") == 2.0 / 96)
            #expect(summary.number("coordination_efficiency") == 1 && summary["requests_satisfied"] == 1)
            #expect(summary.number("isolation_compliance") == 1 && summary["isolation_checks"] == 1)
            #expect(summary["decision_latency_seconds"] == ["p50": .double(0), "p95": .double(0), "p99": .double(0)])
            // One of three served: 1/3.
            #expect(abs((summary.number("fairness_jain") ?? 0) - 1.0 / 3) < 1e-12)
            #expect(summary["communication_health"] == .null && summary["messages_accepted"] == 0)
            #expect(summary.text("as_of") == stage.service.clock.now.description)
        }
    }

    @Test("tells idle, active and overdue time apart, and counts what was offered only while it was")
    func time() async throws {
        try await SharingStage.run(level: "low") { stage in
            let service = stage.service
            try await stage.register("van", ["handover": "confirmed"])
            let start = service.clock.now
            let lease = try await stage.lease("van", lasting: 7200, is: "granted")
            await service.advance(by: 600)
            try await stage.step("activate", lease, as: .borrower).expect(200, "active")
            await service.advance(by: 9000)
            try await stage.step("return", lease, as: .borrower).expect(200, "completed")
            try await service.ok("PATCH", "/fleets/owner/resources/van", #"{"status":"maintenance"}"#)
            await service.advance(by: 4800)
            try await service.ok("PATCH", "/fleets/owner/resources/van", #"{"status":"available"}"#)
            await service.advance(by: 3600)
            let summary = try await stage.summary("from=\(start)", as: .coordinator)
            let use = try #require(summary.rows("utilization_by_type").first)
            #expect(use.number("idle_hours") == 600.0 / 3600 && use.number("active_hours") == 6600.0 / 3600)
            #expect(use.number("overdue_hours") == 2400.0 / 3600)
            #expect(use.number("offered_hours") == 13_200.0 / 3600)
            #expect(summary.number("resource_utilization") == 0.5)
            #expect(summary.number("lent_hours") == 9600.0 / 3600)
        }
    }

    @Test("counts a request when its outcome fell: used, refused by its owner, withdrawn, or given up")
    func efficiency() async throws {
        try await SharingStage.run(level: "medium", policy: #"{"approval_timeout_seconds":600}"#) { stage in
            for unit in ["a", "b", "c", "d"] { try await stage.register(unit) }
            let start = stage.service.clock.now
            let used = try await stage.lease("a", lasting: 86_400, is: "pending")
            let rejected = try await stage.lease("b", lasting: 86_400, is: "pending")
            let withdrawn = try await stage.lease("c", lasting: 86_400, is: "pending")
            _ = try await stage.lease("d", lasting: 86_400, is: "pending")
            // A right refusal is no failure.
            #expect(try await stage.ask("a", as: .rival).status == 409)
            await stage.service.advance(by: 100)
            try await stage.step("approve", used, as: .owner).expect(200, "active")
            try await stage.step("reject", rejected, as: .owner).expect(200, "rejected")
            #expect(try await stage.send("DELETE", "/resource-sharing/\(withdrawn)", as: .borrower).status == 204)
            await stage.service.advance(by: 500)
            await stage.service.advance(by: 500)
            let summary = try await stage.summary("from=\(start)", as: .coordinator)
            #expect(summary["requests_satisfied"] == 1 && summary["requests_failed"] == 2)
            #expect(abs((summary.number("coordination_efficiency") ?? 0) - 1.0 / 3) < 1e-12)
            let latency = summary["decision_latency_seconds"]
            #expect(latency == ["p50": .double(100), "p95": .double(600), "p99": .double(600)])
            let before = try await stage.summary("from=\(start)&to=\(start + 100)", as: .coordinator)
            #expect(before["coordination_efficiency"] == .null && before["requests_failed"] == 0)
        }
    }

    @Test("has an allocation as one request, however many leases it has")
    func allocations() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.offer("owner", ["a", "b"])
            let start = stage.service.clock.now
            try await stage.allocate(["quantity": 2]).expect(201, "granted")
            try await stage.allocate(["quantity": 1]).expect(409, code: "window_conflict")
            await stage.service.advance(by: 3600)
            let summary = try await stage.summary("from=\(start)", as: .borrower)
            #expect(summary["requests_satisfied"] == 1 && summary["requests_failed"] == 0)
            #expect(summary.number("borrowed_hours") == 2 && summary["isolation_checks"] == 2)
        }
    }

    @Test("counts denied crossings towards members, and they lower nothing")
    func denials() async throws {
        try await SharingStage.run(level: "high") { stage in
            let start = stage.service.clock.now
            for _ in 0..<3 { #expect(try await stage.send("GET", "/fleets/owner", as: .rival).status == 404) }
            await stage.service.advance(by: 120)
            await stage.service.advance(by: 60)
            for side in [SharingStage.Side.owner, .coordinator] {
                let summary = try await stage.summary("from=\(start)", as: side)
                #expect(summary["isolation_checks"] == 3 && summary.number("isolation_compliance") == 1)
            }
            let rival = try await stage.summary("from=\(start)", as: .rival)
            #expect(rival["isolation_checks"] == 0 && rival["isolation_compliance"] == .null)
        }
    }

    @Test("is null where there are no data, a week long by default, and has no pairs")
    func nothing() async throws {
        try await SharingStage.run(level: "low") { stage in
            await stage.service.advance(by: 60)
            let summary = try await stage.summary("", as: .coordinator)
            for name in [
                "coordination_efficiency", "resource_utilization", "communication_health", "isolation_compliance",
                "fairness_jain",
            ] {
                #expect(summary[name] == .null, "\(name)")
            }
            #expect(summary["decision_latency_seconds"] == ["p50": .null, "p95": .null, "p99": .null])
            #expect(summary["pairs"] == [] && summary["utilization_by_type"] == [])
            let now = stage.service.clock.now
            #expect(summary.text("from") == (now - 604_800).description && summary.text("to") == now.description)
        }
    }

    @Test("is given for each step, and the steps add up to it")
    func series() async throws {
        try await SharingStage.run(level: "low") { stage in
            try await stage.register("van")
            let start = stage.service.clock.now
            _ = try await stage.lease("van", startsIn: 1800, lasting: 3600, is: "granted")
            await stage.service.advance(by: 9000)
            let reply = try await stage.metrics("from=\(start)&step=3600", as: .coordinator)
            let series = reply.rows("series")
            #expect(series.map { $0.text("from") } == [0, 3600, 7200].map { (start + $0).description })
            #expect(series.last?.text("to") == (start + 9000).description)
            #expect(series.map { $0.number("lent_hours") } == [0.5, 0.5, 0])
            #expect(series.map { $0.number("resource_utilization") } == [0.5, 0.5, 0])
            #expect(series.map { $0["requests_satisfied"] } == [1, 0, 0])
            #expect(series.map { $0["isolation_checks"] } == [1, 0, 0])
            #expect(reply["summary"]?.objectValue?.number("lent_hours") == 1)
            #expect(series.allSatisfy { $0["as_of"] == nil })
            let whole = try await stage.metrics("from=\(start)", as: .coordinator)
            #expect(whole["series"] == nil && whole["summary"] == reply["summary"])
        }
    }

    @Test("is a fleet's own for a fleet: not a figure changes with what others do among themselves")
    func visibility() async throws {
        try await SharingStage.run(level: "low") { stage in
            for unit in ["a", "b"] { try await stage.register(unit) }
            try await stage.offer("rival", ["r"])
            let start = stage.service.clock.now
            _ = try await stage.lease("a", as: .borrower, is: "active")
            await stage.service.advance(by: 3600)
            let query = "from=\(start)&to=\(start + 3600)"
            let rival = try await stage.metrics(query, as: .rival)
            #expect(rival["summary"]?.objectValue?.number("lent_hours") == 0)
            #expect(rival["summary"]?.objectValue?.rows("pairs") == [])
            #expect(rival["summary"]?.objectValue?.number("resource_utilization") == 0)
            let owner = try await stage.summary(query, as: .owner)
            #expect(owner.number("lent_hours") == 1 && owner.number("borrowed_hours") == 0)
            #expect(owner.rows("pairs").map { $0.text("target_fleet_id") } == ["borrower"])
            #expect(owner.number("resource_utilization") == 0.5 && owner["fairness_jain"] == .null)
            #expect(owner["requests_satisfied"] == 0)
            let borrower = try await stage.summary(query, as: .borrower)
            #expect(borrower.number("borrowed_hours") == 1 && borrower["requests_satisfied"] == 1)
            #expect(borrower["utilization_by_type"] == [])
            // Totals without the pair: its use is open to its two sides alone.
            let coordinator = try await stage.summary(query, as: .coordinator)
            #expect(coordinator.number("lent_hours") == 1 && coordinator.rows("pairs") == [])
            #expect(
                try await stage.service.ok("GET", "/metrics?federation_id=\(stage.federation)&\(query)")
                    .object["summary"]?.objectValue?.rows("pairs").count == 1)
        }
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("a")
            _ = try await stage.lease("a", as: .borrower, is: "active")
            await stage.service.advance(by: 3600)
            #expect(try await stage.summary("", as: .coordinator).rows("pairs").count == 1)
        }
    }

    @Test("of a federation that is hidden is answered like that of one that does not exist")
    func hidden() async throws {
        try await SharingStage.run(level: "low") { stage in
            let other = try await stage.service.found([("elsewhere", "low")])
            for query in ["", "&step=3600"] {
                let hidden = try await stage.send("GET", "/metrics?federation_id=\(other)\(query)", as: .owner)
                let absent = try await stage.send(
                    "GET", "/metrics?federation_id=01900000-0000-7000-8000-000000000000\(query)", as: .owner)
                #expect(hidden.status == 200 && hidden.bytes == absent.bytes)
                #expect(hidden.object.members.map(\.key) == ["metrics"])
            }
        }
    }

    @Test("comes with the first page of the recorded metrics, and not with the next")
    func pages() async throws {
        try await SharingStage.run(level: "low") { stage in
            for value in 0..<3 {
                let metric: JSONObject = [
                    "federation_id": .string(stage.federation), "metric_type": "load",
                    "metric_value": .integer(Int64(value)), "metric_unit": "1",
                ]
                #expect(try await stage.send("POST", "/metrics", metric, as: .coordinator).status == 201)
            }
            await stage.service.advance(by: 1)
            let first = try await stage.metrics("page_size=2&step=86400", as: .coordinator)
            #expect(first.rows("metrics").count == 2 && first["summary"] != nil && first.rows("series").count == 7)
            let rest = try await stage.metrics(
                "page_size=2&step=86400&page_token=\(first.text("next_page_token"))", as: .coordinator)
            #expect(rest.rows("metrics").count == 1 && rest["summary"] == nil && rest["series"] == nil)
        }
    }

    @Test("is refused when the time asked for makes no sense")
    func parameters() async throws {
        try await SharingStage.run(level: "low") { stage in
            let here = "federation_id=\(stage.federation)"
            let now = stage.service.clock.now
            for query in [
                "step=3600", "\(here)&step=59", "\(here)&step=0", "\(here)&step=-60", "\(here)&step=1h",
                "\(here)&step=60.5", "\(here)&step=604", "\(here)&from=\(now)&to=\(now)", "\(here)&from=\(now + 1)",
                "\(here)&from=\(now)&to=\(now - 1)",
            ] {
                let reply = try await stage.send("GET", "/metrics?\(query)", as: .coordinator)
                reply.expect(400, code: "invalid_parameter")
                #expect(reply.rows("errors").count == 1, "\(query): \(reply.body)")
            }
            for query in [
                "\(here)&step=605", "\(here)&from=\(now - 60_000)&step=60", "\(here)&to=1970-01-01T00:00:01Z",
            ] {
                #expect(try await stage.send("GET", "/metrics?\(query)", as: .coordinator).status == 200, "\(query)")
            }
        }
    }
}

extension SharingStage {
    /// The metrics of the stage's federation.
    func metrics(_ query: String, as side: Side) async throws -> TestService.Reply {
        let reply = try await send("GET", "/metrics?federation_id=\(federation)&\(query)", as: side)
        try #require(reply.status == 200, "\(reply.body)")
        return reply
    }

    func summary(_ query: String, as side: Side) async throws -> JSONObject {
        try #require(try await metrics(query, as: side)["summary"]?.objectValue)
    }
}

extension JSONObject {
    fileprivate func number(_ name: String) -> Double? { self[name]?.doubleValue }
    fileprivate func rows(_ name: String) -> [JSONObject] {
        self[name]?.arrayValue?.compactMap(\.objectValue) ?? []
    }
}
