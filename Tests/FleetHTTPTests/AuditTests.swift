import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import HTTPTypes
import Testing

/// What the audit log keeps of those who tried what they may not.
@Suite("Denied crossings over HTTP", .timeLimit(.minutes(Effort.minutes(3))))
struct AuditTests {
    @Test("Invariant 12: every route that keeps another fleet's object from an operator leaves one record")
    func everyRoute() async throws {
        try await TestService.run { service in
            let world = try await ApiPermissionWorld(service, .fleetOperator, isOpen: false)
            let routes = Router.endpoints.filter { endpoint in
                ["{fleet_id}", "{sharing_id}", "{allocation_id}"].contains(where: endpoint.path.contains)
            }
            for endpoint in Effort.part(of: routes) {
                let key = try await world.key(for: endpoint)
                for relation in [ApiRelation.peer, .stranger] {
                    // Of a federation that the caller does not know, it learns nothing of any member.
                    let isWithin = relation == .peer || !endpoint.path.contains("{federation_id}")
                    for isAbsent in [false, true] {
                        let before = try await service.deniedCount()
                        let reply = try await world.send(endpoint, relation, key: key, isAbsent: isAbsent)
                        // Then what the minute has folded is recorded, too.
                        await service.advance(by: 60)
                        let count = try await service.deniedCount() - before
                        let place: Comment = "\(ApiStage.name(endpoint)) \(relation), absent: \(isAbsent)"
                        #expect(reply.status == 404, place)
                        #expect(count == (isWithin && !isAbsent ? 1 : 0), place)
                    }
                }
            }
            #expect(routes.count > 20)
        }
    }

    @Test("A record says who tried what on whose object, in which request, and that it was denied")
    func content() async throws {
        try await Stage.run { stage in
            let reply = try await stage.trespass(headers: ["X-Request-ID": "the-attempt"])
            #expect(reply.status == 404)
            let record = try #require(try await stage.denied().first)
            let intruder = try await stage.subject(stage.intruder)
            #expect(record.text("actor") == intruder)
            #expect(record.text("action") == "fleet:read")
            #expect(record.text("object") == API.base + "/fleets/victim")
            #expect(record.text("outcome") == "denied")
            #expect(record.text("protected_fleet_id") == "victim")
            #expect(record.text("request_id") == "the-attempt")
            #expect(record["count"] == .integer(1))
            #expect(record["dry_run"] == .bool(false))
        }
    }

    @Test(
        "A step on another side's lease is noted though it is over, and a refusal by role though nothing was looked at")
    func besidesTheWriter() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            try await stage.step("return", lease, as: .borrower).expect(200, "completed")
            let viewer = try await stage.service.key([.fleetViewer], fleets: [apiName("rival")])
            let before = try await stage.service.deniedCount()
            try await stage.step("revoke", lease, as: .borrower).expect(403, code: "permission_denied")
            let patch = try await stage.service.send("PATCH", "/fleets/owner", #"{"name":"x"}"#, key: .some(viewer))
            #expect(patch.status == 403)
            let absent = try await stage.service.send("PATCH", "/fleets/absent", #"{"name":"x"}"#, key: .some(viewer))
            #expect(absent.status == 403)
            await stage.service.advance(by: 61)
            #expect(try await stage.service.deniedCount() == before + 2)
        }
    }

    @Test("Of a lease whose sides have closed themselves, those who coordinate no longer read the records")
    func closedSince() async throws {
        try await SharingStage.run(level: "none") { stage in
            try await stage.register("van")
            let lease = try await stage.lease("van", is: "active")
            let coordinator = stage.key(.coordinator)
            #expect(try await stage.service.audit(key: .some(coordinator)).contains { $0.text("object") == lease })
            for side in [SharingStage.Side.owner, .borrower] {
                let path = "/federations/\(stage.federation)/members/\(side)"
                let reply = try await stage.send("PATCH", path, ["isolation_level": "sealed"], as: side)
                #expect(reply.status == 200)
            }
            #expect(try await stage.service.audit(key: .some(coordinator)).allSatisfy { $0.text("object") != lease })
            #expect(
                try await stage.service.audit(key: .some(stage.key(.owner))).contains { $0.text("object") == lease })
        }
    }

    @Test("A flood is two records: the first attempt at once, the others of its minute together")
    func flood() async throws {
        try await Stage.run { stage in
            for _ in 0..<20 { #expect(try await stage.trespass().status == 404) }
            await stage.service.advance(by: 60)
            let records = try await stage.denied()
            #expect(records.map { $0["count"] } == [.integer(1), .integer(19)])
        }
    }

    @Test("A denied dry run leaves its record, marked, beside that of the real attempt")
    func dryRun() async throws {
        try await Stage.run { stage in
            for query in ["?dry_run=true", ""] {
                let reply = try await stage.service.send(
                    "PATCH", "/fleets/victim\(query)", #"{"name":"mine"}"#, key: .some(stage.intruder))
                #expect(reply.status == 404)
            }
            let records = try await stage.denied()
            #expect(Set(records.map { $0["dry_run"]?.boolValue }) == [true, false])
            #expect(records.allSatisfy { $0.text("action") == "fleet.update" }, "\(records)")
        }
    }

    @Test("The fleet that was protected reads it, and those who read everything; nobody else, and no viewer anything")
    func readers() async throws {
        try await Stage.run { stage in
            _ = try await stage.trespass()
            let service = stage.service
            let victim = try await service.key([.fleetOperator], fleets: [apiName("victim")])
            let auditor = try await service.key([.auditor])
            let coordinator = try await service.key([.federationCoordinator], federations: [apiID(stage.federation)])
            for key in [victim, auditor, service.adminKey] { #expect(try await stage.denied(as: key).count == 1) }
            for key in [stage.intruder, coordinator] { #expect(try await stage.denied(as: key).isEmpty) }
            let viewer = try await service.key([.fleetViewer], fleets: [apiName("victim")])
            let reply = try await service.send("GET", "/audit-log", key: .some(viewer))
            reply.expectProblem(403, "permission_denied", "viewer")
        }
    }

    @Test("Who has not the right at all is recorded towards the owner of what it named, by whatever id")
    func ofWhatIsNamed() async throws {
        try await SharingStage.run(level: "none") { stage in
            let service = stage.service
            try await stage.offer("owner", ["a"])
            let made = try await stage.allocate(["quantity": 1])
            let lease = try #require(made.rows("leases").first).text("sharing_id")
            let webhook = try await service.ok(
                "POST", "/webhooks", #"{"url":"http://127.0.0.1:9/","event_types":["fleet.updated"]}"#,
                key: .some(stage.key(.owner))
            ).text("webhook_id")
            let viewer = try await service.key([.fleetViewer], fleets: [apiName("rival")])
            for (method, path, owner) in [
                ("POST", "/resource-sharing/\(lease)/revoke", "owner"),
                ("DELETE", "/allocations/\(made.text("allocation_id"))", "borrower"),
                ("DELETE", "/webhooks/\(webhook)", "owner"),
            ] {
                let before = try await service.audit("outcome=denied").count
                try await service.refused(403, "permission_denied", method, path, key: .some(viewer))
                await service.advance(by: 60)
                try await eventually { try await service.audit("outcome=denied").count > before }
                let record = try #require(try await service.audit("outcome=denied").last)
                #expect(record.text("protected_fleet_id") == owner, "\(path)")
                // What is not there is nobody's, and whose own it is crosses nothing.
                let absent = path.replacing(/[0-9a-f-]{36}/, with: "00000000-0000-4000-8000-000000000000")
                try await service.refused(403, "permission_denied", method, absent, key: .some(viewer))
            }
            let own = try await service.key([.fleetViewer], fleets: [apiName("owner")])
            try await service.refused(
                403, "permission_denied", "POST", "/resource-sharing/\(lease)/revoke", key: .some(own))
            await service.advance(by: 60)
            let denied = try await service.audit("outcome=denied")
            #expect(denied.count == 3, "\(denied)")
        }
    }

    @Test("What an administrator writes, and reads of a sealed fleet, is noted as privileged")
    func privileged() async throws {
        try await Stage.run { stage in
            let service = stage.service
            try await service.ok(
                "PATCH", "/federations/\(stage.federation)/members/victim", #"{"isolation_level":"sealed"}"#)
            let administrator = try await stage.subject(service.adminKey)
            let member = "/federations/\(stage.federation)/members"
            let reads = [
                ("/fleets/victim", "fleet:read"), ("/fleets/victim/resources", "fleet:read"), ("/fleets", "fleet:read"),
                (member, "federation:read"), (member + "/victim", "federation:read"),
                (member + "/victim/sharing-rules", "federation:read"), ("/events?types=member.updated", "event:read"),
            ]
            for (path, action) in reads {
                let before = try await stage.privilegedReads().count
                try await service.ok("GET", path)
                try await service.ok("GET", path.replacing("victim", with: "intruder"))
                await service.advance(by: 60)
                let records = try await stage.privilegedReads().dropFirst(before)
                #expect(!records.isEmpty, "\(path)")
                #expect(records.allSatisfy { $0.text("protected_fleet_id") == "victim" }, "\(path)")
                #expect(records.allSatisfy { $0.text("actor") == administrator && $0.text("action") == action })
            }
            let written = try await service.ok("GET", "/audit-log?action=member.updated").rows("audit_records")
            #expect(written.map { $0.text("outcome") } == ["privileged"])
            #expect(written.map { $0.text("actor") } == [administrator])
            #expect(written.map { $0.text("object") } == ["\(stage.federation)/victim"])
        }
    }

    @Test("Each filter keeps what it names, and pages cut what is left without gap or repetition")
    func filters() async throws {
        try await Stage.run { stage in
            let service = stage.service
            _ = try await stage.trespass()
            let middle = service.clock.now + 30
            await service.advance(by: 60)
            _ = try await stage.trespass()
            try await service.ok("PATCH", "/fleets/intruder", #"{"name":"I"}"#, key: .some(stage.intruder))
            let all = try await service.ok("GET", "/audit-log?page_size=1000").rows("audit_records")
            let actor = try await stage.subject(stage.intruder)
            let filters: [(String, (JSONObject) -> Bool)] = [
                ("outcome=denied", { $0.text("outcome") == "denied" }),
                ("outcome=done", { $0.text("outcome") == "done" }),
                ("actor=\(actor)", { $0.text("actor") == actor }),
                ("action=member.joined", { $0.text("action") == "member.joined" }),
                ("from=\(middle)", { $0.text("at") >= middle.description }),
                ("to=\(middle)", { $0.text("at") < middle.description }),
                ("fleet_id=victim&outcome=denied", { $0.text("protected_fleet_id") == "victim" }),
            ]
            for (query, holds) in filters {
                let found = try await stage.pages(query)
                #expect(found == all.filter(holds), "\(query)")
                #expect(!found.isEmpty && found.count < all.count, "\(query) tells nothing apart")
            }
            #expect(try await stage.pages("fleet_id=nobody").isEmpty)
            #expect(try await service.send("GET", "/audit-log?outcome=lost").code == "invalid_parameter")
            #expect(try await service.send("GET", "/audit-log?from=yesterday").code == "invalid_parameter")
        }
    }
}

/// A federation of two highly isolated fleets, `victim` and `intruder`.
private struct Stage {
    let service: TestService
    let federation: String
    /// The key of the intruder's operator.
    let intruder: String

    static func run(_ story: @Sendable (Stage) async throws -> Void) async throws {
        try await TestService.run { service in
            let federation = try await service.found([("victim", "high"), ("intruder", "high")])
            let key = try await service.key([.fleetOperator], fleets: [apiName("intruder")])
            try await story(Stage(service: service, federation: federation, intruder: key))
        }
    }

    func trespass(headers: [String: String] = [:]) async throws -> TestService.Reply {
        try await service.send("GET", "/fleets/victim", key: .some(intruder), headers: headers)
    }

    func subject(_ key: String) async throws -> String {
        try await service.ok("GET", "/whoami", key: .some(key)).text("subject")
    }

    /// The records of what was denied, once those that nobody waited for are in the log.
    func denied(as key: String? = nil) async throws -> [JSONObject] {
        await service.api.orchestrator.tick()
        return try await service.ok("GET", "/audit-log?outcome=denied", key: .some(key ?? service.adminKey))
            .rows("audit_records")
    }

    /// What an administrator read of sealed fleets.
    func privilegedReads() async throws -> [JSONObject] {
        try await service.ok("GET", "/audit-log?outcome=privileged&page_size=1000").rows("audit_records")
            .filter { $0["protected_fleet_id"] != nil }
    }

    /// All pages of a query, two records each.
    func pages(_ query: String) async throws -> [JSONObject] {
        var records: [JSONObject] = []
        var token = ""
        repeat {
            let page = try await service.ok("GET", "/audit-log?\(query)&page_size=2\(token)")
            records += page.rows("audit_records")
            token = page["next_page_token"]?.stringValue.map { "&page_token=\($0)" } ?? ""
        } while !token.isEmpty
        return records
    }
}

extension TestService {
    /// Denied crossings in the log, those folded into one record counted each.
    fileprivate func deniedCount() async throws -> Int64 {
        let records = try await ok("GET", "/audit-log?outcome=denied&page_size=1000").rows("audit_records")
        return records.reduce(0) { $0 + ($1["count"]?.integerValue ?? 0) }
    }
}
