import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// A federation in which every write of the API can be made once: each step of a lease or of a membership has an
/// object of its own that waits for exactly this step.
struct ApiStage {
    /// A request that its endpoint answers with success.
    struct Example {
        let path: String
        var body: String?
        let status: Int
    }

    let service: TestService
    let federation: String
    private(set) var examples: [String: Example] = [:]

    static let owner: Fleet.ID = apiName("owner")
    static let borrower: Fleet.ID = apiName("borrower")

    static func name(_ endpoint: Endpoint) -> String { "\(endpoint.method.rawValue) \(endpoint.path)" }

    func example(of endpoint: Endpoint) throws -> Example {
        try #require(examples[Self.name(endpoint)], "no example of \(Self.name(endpoint))")
    }

    /// Sends the example of an endpoint.
    func send(
        _ endpoint: Endpoint, query: String = "", key: String?? = .none, headers: [String: String] = [:]
    ) async throws -> TestService.Reply {
        let example = try example(of: endpoint)
        let query = example.path.contains("?") ? query.replacing("?", with: "&") : query
        return try await service.send(
            endpoint.method.rawValue, "/" + example.path + query, example.body, key: key, headers: headers)
    }

    /// Runs `check` for each endpoint, or a fast run's part of them, all on one stage.
    static func run(
        _ endpoints: [Endpoint] = Router.endpoints, _ check: @Sendable (ApiStage, Endpoint) async throws -> Void
    ) async throws {
        try await MadeStage.run { stage in
            for endpoint in Effort.part(of: endpoints) { try await check(stage, endpoint) }
        }
    }

    /// The same stage, on a service that has a copy of what it is made of.
    func on(_ service: TestService) async throws -> ApiStage {
        let stage = ApiStage(service: service, federation: federation, examples: examples)
        try await stage.settle()
        return stage
    }

    private init(service: TestService, federation: String, examples: [String: Example]) {
        (self.service, self.federation, self.examples) = (service, federation, examples)
    }

    init(_ service: TestService) async throws {
        self.service = service
        federation = try await service.found([
            ("owner", "medium"), ("borrower", "none"), ("resting", "low"), ("leaver", "low"), ("idler", "low"),
        ])
        let owner = try await service.key([.fleetOperator], fleets: [Self.owner])
        try await service.ok("POST", "/federations/\(federation)/members/resting/suspend")
        try await service.ok("POST", "/fleets", #"{"fleet_id":"stranger","name":"S","organization":"O"}"#)
        let coordinator = try await service.key([.federationCoordinator], federations: [apiID(federation)])
        try await service.ok(
            "POST", "/federations/\(federation)/members", #"{"fleet_id":"stranger"}"#, key: coordinator)
        for unit in ["van", "spare"] {
            try await service.register("owner", unit, "confirmed", key: owner)
        }
        for fleet in ["owner", "borrower"] {
            try await service.ok("PUT", "/federations/\(federation)/quotas/\(fleet)/dock", #"{"nominal":4}"#)
        }
        try await service.register("owner", "slots", type: "slot")
        try await service.ok("PATCH", "/fleets/owner/resources/slots", #"{"capacity":9}"#)
        try await addReads(
            lease: try await service.lease(federation, "unit-get"), allocation: try await service.allocate(federation),
            message: try await service.sendMessage(federation, from: "owner", to: "borrower"),
            webhook: try await service.webhook(of: "owner"))
        try await addWrites()
        try await addLeaseWrites()
        try await settle()
        try await service.makeCheckpoint()
    }

    /// What an administrator's first look at a message leaves in the log is there before anything is compared.
    private func settle() async throws {
        try await service.ok("GET", "/events?limit=1000")
        await service.advance(by: 0)
    }

    private mutating func add(_ method: String, _ path: String, _ target: String, _ status: Int, _ body: String? = nil)
    {
        examples["\(method) \(path)"] = Example(path: target, body: body, status: status)
    }

    private mutating func addReads(lease: String, allocation: String, message: String, webhook: String) async throws {
        let values = [
            "{federation_id}": federation, "{fleet_id}": "owner", "{resource_id}": "van", "{sharing_id}": lease,
            "{resource_type}": "dock", "{allocation_id}": allocation, "{message_id}": message, "{webhook_id}": webhook,
            "{replay_id}": try await service.replay(to: webhook),
        ]
        for endpoint in Router.endpoints where !endpoint.isWrite {
            let path = values.reduce(endpoint.path) { $0.replacing($1.key, with: $1.value) }
            add("GET", endpoint.path, path + (endpoint.path.hasSuffix("/proof") ? "?from_size=1&to_size=2" : ""), 200)
        }
    }

    private mutating func addWebhookWrites() async throws {
        let base = API.base
        let hooks = base + "/webhooks"
        let webhook = try await service.webhook(of: "borrower")
        let here = hooks + "/" + webhook
        let range = #""from_position":"1","to_position":"\#(try await service.end)""#
        add("POST", hooks, hooks, 201, #"{"url":"http://127.0.0.1:9/new","fleet_id":"owner"}"#)
        add("PATCH", hooks + "/{webhook_id}", here, 200, #"{"url":"http://127.0.0.1:9/moved"}"#)
        let removed = try await service.webhook(of: "borrower")
        add("DELETE", hooks + "/{webhook_id}", hooks + "/" + removed, 204)
        add("POST", hooks + "/{webhook_id}/test", here + "/test", 202)
        add("POST", hooks + "/{webhook_id}/rotate-secret", here + "/rotate-secret", 200)
        add("POST", hooks + "/{webhook_id}/replay", here + "/replay", 201, "{\(range)}")
        let replay = #"{\#(range),"target":{"webhook_id":"\#(webhook)"}}"#
        add("POST", base + "/event-replays", base + "/event-replays", 201, replay)
        let running = try await service.replay(to: webhook)
        add("DELETE", base + "/event-replays/{replay_id}", base + "/event-replays/" + running, 204)
        let dead = try await service.deadLetter(federation, from: "owner", to: "borrower")
        let redrive = base + "/dead-letters/{log_id}/redrive"
        add("POST", redrive, redrive.replacing("{log_id}", with: dead), 202)
    }

    private mutating func addWrites() async throws {
        let base = API.base
        let members = base + "/federations/{federation_id}/members"
        let here = base + "/federations/\(federation)"
        let spare = try await service.created("POST", "/federations", #"{"name":"Spare","description":""}"#)
        let key = try await service.created("POST", "/api-keys", #"{"name":"k","roles":["auditor"]}"#, "key_id")
        try await service.ok("POST", "/fleets", #"{"fleet_id":"old","name":"Old","organization":"O"}"#)
        add("POST", base + "/federations", base + "/federations", 201, #"{"name":"New","description":"d"}"#)
        add("PUT", base + "/federations/{federation_id}", here, 200, #"{"name":"Renamed","description":"d"}"#)
        add("DELETE", base + "/federations/{federation_id}", base + "/federations/\(spare)", 204)
        add("POST", members, here + "/members", 201, #"{"fleet_id":"newcomer"}"#)
        add("PATCH", members + "/{fleet_id}", here + "/members/borrower", 200, #"{"isolation_level":"none"}"#)
        add("DELETE", members + "/{fleet_id}", here + "/members/leaver", 204)
        add("POST", members + "/{fleet_id}/accept", here + "/members/stranger/accept", 200)
        add("POST", members + "/{fleet_id}/suspend", here + "/members/idler/suspend", 200)
        add("POST", members + "/{fleet_id}/resume", here + "/members/resting/resume", 200)
        let rule = #"{"rules":[{"counterparty":"*","resource_type":"vehicle","quantity_max":1,"approve":"auto"}]}"#
        add("PUT", members + "/{fleet_id}/sharing-rules", here + "/members/borrower/sharing-rules", 200, rule)
        let quotas = base + "/federations/{federation_id}/quotas/{fleet_id}/{resource_type}"
        let quota = #"{"nominal":8,"lending_limit":2,"borrowing_limit":3,"weight":2}"#
        add("PUT", quotas, here + "/quotas/owner/dock", 200, quota)
        add("DELETE", quotas, here + "/quotas/borrower/dock", 204)
        let fleet = #"{"fleet_id":"fresh","name":"Fresh","organization":"O"}"#
        add("POST", base + "/fleets", base + "/fleets", 201, fleet)
        add("PATCH", base + "/fleets/{fleet_id}", base + "/fleets/owner", 200, #"{"name":"Owner"}"#)
        add("DELETE", base + "/fleets/{fleet_id}", base + "/fleets/old", 204)
        add(
            "PUT", base + "/fleets/{fleet_id}/signing-key", base + "/fleets/owner/signing-key", 200,
            #"{"public_key":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)
        add(
            "POST", base + "/fleets/{fleet_id}/heartbeat", base + "/fleets/owner/heartbeat", 200,
            #"{"interval_seconds":3600}"#)
        add("POST", base + "/fleets/{fleet_id}/erase", base + "/fleets/owner/erase", 200)
        let resources = base + "/fleets/{fleet_id}/resources"
        let own = base + "/fleets/owner/resources"
        add("POST", resources, own, 201, #"{"resource_id":"dock","resource_type":"dock","capacity":4}"#)
        add("PATCH", resources + "/{resource_id}", own + "/van", 200, #"{"buffer_seconds":60}"#)
        add("DELETE", resources + "/{resource_id}", own + "/spare", 204)
        let allocations = base + "/allocations"
        let mine = allocations + "/\(try await service.allocate(federation))"
        add("POST", allocations, allocations, 201, service.allocation(federation))
        add("DELETE", allocations + "/{allocation_id}", mine, 204)
        let plan = #"{"method":"max_min","capacity":{"cpu":10},"claims":[{"fleet_id":"a","demand":{"cpu":2}}]}"#
        add("POST", base + "/allocation-plans", base + "/allocation-plans", 200, plan)
        let message = service.message(federation, from: "owner", to: "borrower")
        add("POST", base + "/messages", base + "/messages", 201, message)
        for step in ["acknowledge", "reject"] {
            let id = try await service.sendMessage(federation, from: "owner", to: "borrower")
            add("POST", base + "/messages/{message_id}/\(step)", base + "/messages/\(id)/\(step)", 200)
        }
        try await addWebhookWrites()
        let metric = #"{"federation_id":"\#(federation)","metric_type":"m","metric_value":0.5,"metric_unit":"ratio"}"#
        add("POST", base + "/metrics", base + "/metrics", 201, metric)
        add("POST", base + "/api-keys", base + "/api-keys", 201, #"{"name":"n","roles":["auditor"]}"#)
        add("DELETE", base + "/api-keys/{key_id}", base + "/api-keys/\(key)", 204)
        add("POST", base + "/permissions/check", base + "/permissions/check", 200, #"{"permission":"fleet:read"}"#)
    }

    private mutating func addLeaseWrites() async throws {
        let base = API.base + "/resource-sharing"
        let one = base + "/{sharing_id}"
        let borrower = try await service.key([.fleetOperator], fleets: [Self.borrower])
        func lease(_ unit: String) async throws -> String {
            base + "/" + (try await service.lease(federation, unit))
        }
        for step in ["approve", "reject"] {
            try await service.register("owner", "unit-\(step)")
            let id = try await service.lease(federation, "unit-\(step)", key: borrower)
            add("POST", one + "/\(step)", base + "/\(id)/\(step)", 200, #"{"reason":"because"}"#)
        }
        try await service.register("owner", "unit-activate", "confirmed")
        for step in ["activate", "return", "revoke", "acknowledge"] {
            add("POST", one + "/\(step)", try await lease("unit-\(step)") + "/\(step)", 200)
        }
        let held = try example(at: "POST \(one)/acknowledge").path
        try await service.ok("POST", "/" + held.replacing("/acknowledge", with: "/revoke"))
        add("PUT", one, try await lease("unit-put"), 200, #"{"duration":1800}"#)
        add("DELETE", one, try await lease("unit-delete"), 204)
        add("POST", base, base, 201, service.request(federation, "unit-new"))
        let fenced = try await service.ok("GET", "/" + (try await lease("unit-fence")))
        let token = try #require(fenced["fencing_token"]?.integerValue)
        add(
            "POST", API.base + "/fleets/{fleet_id}/resources/{resource_id}/fence",
            API.base + "/fleets/owner/resources/unit-fence/fence", 204,
            #"{"fencing_token":\#(token),"sharing_id":"\#(fenced.text("sharing_id"))"}"#)
    }

    private func example(at name: String) throws -> Example { try #require(examples[name]) }
}
