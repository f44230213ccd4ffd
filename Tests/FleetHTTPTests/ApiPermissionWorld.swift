import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import HTTPTypes
import Testing

/// Two federations and a caller that acts for `own`, a member of the first.
struct ApiPermissionWorld {
    private let service: TestService
    private let caller: ApiRoleTable.Caller
    private let home: String
    private let away: String
    /// By relation, then by whether it is the lender's side of it that the relation tells.
    private var leases: [ApiRelation: (lent: String, borrowed: String)] = [:]
    /// By the fleet that asked, which uses what is its own.
    private var allocations: [String: String] = [:]
    /// By the fleet that the caller's relation to it names.
    private var messages: [String: String] = [:]
    private var webhooks: [String: (id: String, replay: String, dead: String)] = [:]
    private let standingKey: String

    init(_ service: TestService, _ caller: ApiRoleTable.Caller, isOpen: Bool) async throws {
        self.service = service
        self.caller = caller
        let level = isOpen ? "none" : "high"
        home = try await service.found([("peer", level), ("third", level)])
        try await service.join(home, "own", level, role: caller == .coordinatingOperator ? "coordinator" : "member")
        away = try await service.found([("stranger", level), ("stranger2", level)])
        let body = #"{"name":"the stranger's","description":""}"#
        try await service.ok("PUT", "/federations/\(away)", body)
        for fleet in ["own", "peer", "third", "stranger", "stranger2"] { try await service.register(fleet, "unit") }
        for fleet in ["own", "peer", "stranger"] { try await service.register(fleet, "leased") }
        for (federation, fleet) in [(home, "own"), (home, "peer"), (away, "stranger")] {
            try await service.ok("PUT", "/federations/\(federation)/quotas/\(fleet)/vehicle", #"{"nominal":9}"#)
        }
        for (federation, fleet) in [(home, "own"), (home, "peer"), (away, "stranger")] {
            try await service.register(fleet, "slot", type: "slot")
            allocations[fleet] = try await service.allocate(federation, to: fleet)
        }
        let mine = (
            lent: try await service.lease(home, "leased", from: "own", to: "peer"),
            borrowed: try await service.lease(home, "leased", from: "peer", to: "own")
        )
        let theirs = try await service.lease(home, "unit", from: "peer", to: "third")
        let strange = try await service.lease(away, "leased", from: "stranger", to: "stranger2")
        leases[.own] = mine
        leases[.counterparty] = (mine.borrowed, mine.lent)
        leases[.peer] = (theirs, theirs)
        leases[.stranger] = (strange, strange)
        for (federation, source, target, fleet) in [
            (home, "peer", "own", "own"), (home, "peer", "third", "peer"), (away, "stranger", "stranger2", "stranger"),
        ] {
            messages[fleet] = try await service.sendMessage(federation, from: source, to: target)
            let webhook = try await service.webhook(of: fleet)
            let recipients = ["own": ("peer", "own"), "peer": ("third", "peer"), "stranger": ("stranger2", "stranger")]
            let sides = recipients[fleet] ?? ("", "")
            webhooks[fleet] = (
                webhook, try await service.replay(to: webhook),
                try await service.deadLetter(federation, from: sides.0, to: sides.1)
            )
        }
        try await service.makeCheckpoint()
        let id: Federation.ID = apiID(home)
        standingKey =
            switch caller {
            case .platformAdmin: try await service.key([.platformAdmin])
            case .coordinator: try await service.key([.federationCoordinator], federations: [id])
            case .fleetOperator, .coordinatingOperator:
                try await service.key([.fleetOperator], fleets: [apiName("own")])
            case .viewer: try await service.key([.fleetViewer], fleets: [apiName("own")])
            case .auditor: try await service.key([.auditor])
            case .nobody, .service, .serviceWithoutScope: try await service.key([], fleets: [apiName("own")])
            }
    }

    /// The caller's key; a service has one for each route.
    func key(for endpoint: Endpoint) async throws -> String {
        guard case .permission(let permission) = endpoint.access else { return standingKey }
        switch caller {
        case .service:
            return try await service.key(
                [.service], fleets: [apiName("own")],
                scopes: Set([permission, .federationRead, .fleetRead, .sharingRead, .communicationRead])
                    // Who has events pushed reads them.
                    .union(endpoint.path.contains("/webhooks") ? [.eventRead, .communicationReceive] : []))
        case .serviceWithoutScope:
            return try await service.key(
                [.service], fleets: [apiName("own")], scopes: Set(Permission.allCases).subtracting([permission]))
        default: return standingKey
        }
    }

    /// What an object of nobody's is called.
    private static let absentID = "00000000-0000-7000-8000-000000000000"

    /// - Parameter isAbsent: the object does not exist, where else it would belong to whom `relation` says.
    func send(
        _ endpoint: Endpoint, _ relation: ApiRelation, key: String, isAbsent: Bool = false
    ) async throws -> TestService.Reply {
        let isFederationAbsent = isAbsent && relation == .stranger
        let values = [
            "{federation_id}": isFederationAbsent ? Self.absentID : relation == .stranger ? away : home,
            "{fleet_id}": isAbsent ? "absent" : fleet(relation), "{resource_id}": "unit",
            "{resource_type}": "vehicle",
            "{sharing_id}": isAbsent ? Self.absentID : lease(endpoint, relation),
            "{allocation_id}": isAbsent ? Self.absentID : allocations[fleet(relation)] ?? "",
            "{message_id}": isAbsent ? Self.absentID : messages[fleet(relation)] ?? "",
            "{webhook_id}": isAbsent ? Self.absentID : webhooks[fleet(relation)]?.id ?? "",
            "{replay_id}": isAbsent ? Self.absentID : webhooks[fleet(relation)]?.replay ?? "",
            "{log_id}": isAbsent ? Self.absentID : webhooks[fleet(relation)]?.dead ?? "",
            "{key_id}": isAbsent ? Self.absentID : try await keyID(endpoint, relation, key: key),
        ]
        let path = values.reduce(endpoint.path) { $0.replacing($1.key, with: $1.value) }
        let proof = endpoint.path.hasSuffix("/proof") ? "?from_size=1&to_size=2" : ""
        let query = endpoint.isWrite && !endpoint.access.isPublic ? "?dry_run=true" : proof
        var body = body(endpoint, relation)
        if isAbsent {
            for (id, other) in [
                (fleet(relation), "absent"), (lease(endpoint, relation), Self.absentID),
                (webhooks[fleet(relation)]?.id ?? "", Self.absentID),
            ] {
                body = body?.replacing("\"\(id)\"", with: "\"\(other)\"")
            }
            if isFederationAbsent { body = body?.replacing(away, with: Self.absentID) }
        }
        return try await service.send(endpoint.method.rawValue, "/" + path + query, body, key: .some(key))
    }

    private func fleet(_ relation: ApiRelation) -> String {
        relation == .counterparty || relation == .own ? "own" : relation.rawValue
    }

    /// The lease of which the relation has the side whose step the route is.
    private func lease(_ endpoint: Endpoint, _ relation: ApiRelation) -> String {
        let isLendersStep = ["/approve", "/reject", "/revoke"].contains { endpoint.path.hasSuffix($0) }
        let pair = leases[relation] ?? ("", "")
        return isLendersStep ? pair.lent : pair.borrowed
    }

    /// One that the caller made where that is what the relation says, and that it can make.
    private func keyID(_ endpoint: Endpoint, _ relation: ApiRelation, key: String) async throws -> String {
        guard endpoint.path.contains("{key_id}") else { return "" }
        let body = #"{"name":"k","roles":["service"],"scopes":[],"fleet_ids":["own"]}"#
        if relation == .own {
            let made = try await service.send("POST", "/api-keys", body, key: .some(key))
            if made.status == 201 { return made.text("key_id") }
        }
        return try await service.created("POST", "/api-keys", body, "key_id")
    }

    private func body(_ endpoint: Endpoint, _ relation: ApiRelation) -> String? {
        guard endpoint.body != nil else { return nil }
        let fleet = fleet(relation)
        let federation = relation == .stranger ? away : home
        let last = endpoint.path.split(separator: "/").last ?? ""
        switch (endpoint.method, last) {
        case (.post, "federations"):
            // A coordinator needs no founding fleet, and acts for none.
            let founder = caller == .coordinator ? "" : #","founding_fleet_id":"\#(fleet)""#
            return #"{"name":"New"\#(founder)}"#
        case (.put, "{federation_id}"): return #"{"name":"Renamed","description":""}"#
        case (.post, "members"): return #"{"fleet_id":"newcomer"}"#
        case (.put, "{resource_type}"): return #"{"nominal":5}"#
        case (.put, "sharing-rules"): return #"{"rules":[]}"#
        case (.post, "fleets"): return #"{"fleet_id":"fresh","name":"F","organization":"O"}"#
        case (.post, "resources"): return #"{"resource_id":"new","resource_type":"dock"}"#
        case (.post, "fence"): return #"{"fencing_token":0,"sharing_id":"\#(leases[relation]?.lent ?? "")"}"#
        case (.post, "resource-sharing"):
            let sides = ["own": ("peer", "own"), "peer": ("peer", "third"), "stranger": ("stranger", "stranger2")]
            let (source, target) = sides[fleet] ?? ("", "")
            return service.request(federation, "unit", from: source, to: target, startsIn: 36_000)
        case (.put, "signing-key"): return #"{"public_key":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        case (.post, "heartbeat"): return #"{"interval_seconds":3600}"#
        case (.post, "messages"):
            let targets = ["own": "peer", "peer": "third", "stranger": "stranger2"]
            return service.message(federation, from: fleet, to: targets[fleet])
        case (.post, "allocations"): return service.allocation(federation, to: fleet, type: "vehicle")
        case (.post, "allocation-plans"):
            return #"{"method":"max_min","capacity":{"t":1},"claims":[{"fleet_id":"x","demand":{"t":1}}]}"#
        case (.post, "webhooks"): return #"{"url":"http://127.0.0.1:9/","fleet_id":"\#(fleet)"}"#
        case (.post, "replay"), (.post, "event-replays"):
            let principal = Principal(subject: "", roles: [.fleetOperator], fleets: [apiName("own")])
            let position = caller == .platformAdmin ? "1" : service.api.positions.text(of: 1, for: principal)
            let range = #""from_position":"\#(position)","to_position":"\#(position)""#
            return last == "replay"
                ? "{\(range)}" : #"{\#(range),"target":{"webhook_id":"\#(webhooks[fleet]?.id ?? "")"}}"#
        case (.post, "metrics"):
            return #"{"federation_id":"\#(federation)","metric_type":"m","metric_value":1,"metric_unit":"u"}"#
        case (.post, "api-keys"):
            return #"{"name":"k","roles":["service"],"scopes":[],"fleet_ids":["\#(fleet)"]}"#
        case (.post, "check"): return #"{"permission":"fleet:read"}"#
        default: return "{}"
        }
    }
}
