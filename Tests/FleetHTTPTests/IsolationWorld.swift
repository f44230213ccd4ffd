import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// What the second of two worlds has more, and so whom it must not show to.
enum IsolationDifference: String, CaseIterable {
    /// Another federation with its fleets, leases and metrics; and what two `high` members of the reader's
    /// federation have and do between themselves.
    case elsewhere
    /// That, and members of the reader's federation that are `high`, sealed or only invited. Those who coordinate
    /// it see that such members exist.
    case hidden
    /// Leases between two `low` members, which the others must not learn of.
    case thirdParties

    var readers: [String] {
        switch self {
        case .elsewhere: ["north-operator", "south-viewer", "east-operator", "hub-operator", "coordinator", "stranger"]
        case .hidden: ["north-operator", "south-viewer", "east-operator", "stranger", "north-service"]
        case .thirdParties:
            ["north-operator", "east-operator", "hub-operator", "coordinator", "stranger", "vale-operator"]
        }
    }
}

/// A federation of fleets of every level under random commands, in two worlds that differ outside the readers'
/// views.
struct IsolationWorld {
    static let members = ["north", "south", "west", "east", "hub", "hill", "vale"]
    static let levels = ["low", "low", "low", "medium", "none", "high", "high"]

    let twin: IsolationTwin
    let difference: IsolationDifference
    var random: Generator
    /// The readers' federation.
    private(set) var federation = ""
    /// The one that only one of the worlds has.
    private(set) var otherFederation = ""
    /// Leases of both worlds, and of the one.
    private(set) var leases: [String] = []
    private(set) var leasesAside: [String] = []
    private(set) var keyAside = ""

    init(_ twin: IsolationTwin, _ difference: IsolationDifference, seed: UInt64) async throws {
        self.twin = twin
        self.difference = difference
        random = Generator(seed: seed)
        try await found()
        try await foundAside()
    }

    private func body(_ reply: TestService.Reply, _ name: String) throws -> String {
        try #require(reply[name]?.stringValue, "\(String(decoding: reply.bytes, as: UTF8.self))")
    }

    private mutating func found() async throws {
        let made = try await twin.send("POST", "/federations", #"{"name":"ours","description":""}"#, as: "admin")
        federation = try body(made.plain, "federation_id")
        for (fleet, level) in zip(Self.members, Self.levels) {
            let member = #"{"fleet_id":"\#(fleet)","isolation_level":"\#(level)","resource_sharing":true"#
            let role = fleet == "hub" ? #","role":"coordinator"}"# : "}"
            try await twin.send("POST", "/federations/\(federation)/members", member + role, as: "admin")
            for resource in ["r1", "r2", "spare"] {
                let handover = resource == "r2" ? "confirmed" : "automatic"
                try await twin.send(
                    "POST", "/fleets/\(fleet)/resources",
                    #"{"resource_id":"\#(resource)","resource_type":"vehicle","handover":"\#(handover)"}"#, as: "admin")
            }
            try await twin.addKey("\(fleet)-operator", [.fleetOperator], fleets: [fleet])
        }
        let id = try #require(Federation.ID(federation))
        try await twin.send(
            "POST", "/fleets", #"{"fleet_id":"loner","name":"Loner","organization":"L"}"#, as: "admin")
        try await twin.addKey("south-viewer", [.fleetViewer], fleets: ["south"])
        try await twin.addKey("stranger", [.fleetOperator], fleets: ["loner"])
        try await twin.addKey("coordinator", [.federationCoordinator], federations: [id])
        try await twin.addKey(
            "north-service", [.service], fleets: ["north"],
            scopes: [.federationRead, .fleetRead, .sharingRead, .sharingRequest, .eventRead, .auditRead, .metricsRead])
    }

    /// What the other world begins with.
    private mutating func foundAside() async throws {
        let made = try await twin.sendAside("POST", "/federations", #"{"name":"theirs","description":"o"}"#)
        otherFederation = try body(made, "federation_id")
        for fleet in ["shade", "hill"] {
            try await joinAside(fleet, otherFederation, level: "low")
            let resource = #"{"resource_id":"hidden","resource_type":"charger"}"#
            #expect(try await twin.sendAside("POST", "/fleets/\(fleet)/resources", resource).status == 201)
        }
        let key = try await twin.sendAside("POST", "/api-keys", #"{"name":"k","roles":["fleet_operator"]}"#)
        keyAside = try body(key, "key_id")
        try await requestAside()
        #expect(leasesAside.count == 1)
        guard difference == .hidden else { return }
        try await joinAside("shade", federation, level: "high")
        try await joinAside("crypt", federation, level: "sealed")
        let invited = #"{"fleet_id":"phantom","isolation_level":"none","resource_sharing":true}"#
        #expect(
            try await twin.sendAside("POST", "/federations/\(federation)/members", invited, as: "coordinator").status
                == 201)
    }

    private func joinAside(_ fleet: String, _ federation: String, level: String) async throws {
        let member = #"{"fleet_id":"\#(fleet)","isolation_level":"\#(level)","resource_sharing":true}"#
        #expect(try await twin.sendAside("POST", "/federations/\(federation)/members", member).status == 201)
    }
}

// MARK: What both worlds are told

extension IsolationWorld {
    mutating func step() async throws {
        let fleet = random.pick(Self.members)
        switch random.int(in: 0...13) {
        case 0...4: try await request()
        case 12...13: try await allocate()
        case 5...6: try await act()
        case 7:
            let status = random.chance(70) ? "available" : "maintenance"
            try await twin.send(
                "PATCH", "/fleets/\(fleet)/resources/r1", #"{"status":"\#(status)","attributes":{"n":1}}"#,
                as: "\(fleet)-operator")
        case 8:
            let metric = #"{"federation_id":"\#(federation)","metric_type":"load","metric_value":1,"metric_unit":"1"}"#
            try await twin.send("POST", "/metrics", metric, as: "coordinator")
        case 9:
            let sharing = random.chance(70)
            let level = random.pick(["low", "medium"])
            try await twin.send(
                "PATCH", "/federations/\(federation)/members/east",
                #"{"resource_sharing":\#(sharing),"isolation_level":"\#(level)"}"#, as: "east-operator")
        case 10:
            try await twin.send("GET", "/fleets/hill", as: "north-operator")
            try await twin.send("POST", "/api-keys", #"{"name":"k","roles":["service"]}"#, as: "north-operator")
        default:
            let update = #"{"name":"ours","description":"\#(random.int(in: 0...9))"}"#
            // Its epoch shows that there are hidden members, to those who coordinate it.
            try await twin.send(
                "PUT", "/federations/\(federation)", update, as: "coordinator", isCompared: difference != .hidden)
        }
        if random.chance(50) { await twin.advance(by: random.int(in: 1...1800)) }
    }

    private mutating func request() async throws {
        let source = random.pick(Self.members)
        let target = random.pick(Self.members.filter { $0 != source })
        let asker = random.chance(80) ? target : source
        let start = twin.plain.clock.now + random.int(in: 0...3600)
        let replies = try await twin.send(
            "POST", "/resource-sharing",
            lease(source, random.pick(["r1", "r2"]), target, from: start, lasting: random.int(in: 60...5000)),
            as: "\(asker)-operator")
        if let id = replies.plain["sharing_id"]?.stringValue { leases.append(id) }
    }

    /// Whether a unit that two others use is free is told to whoever asks for one like it, so where that is the
    /// difference, nobody does.
    private mutating func allocate() async throws {
        guard difference != .thirdParties else { return }
        let target = random.pick(["north", "south", "west", "east", "hub"])
        let earliest = twin.plain.clock.now + random.int(in: 0...3600)
        let body = """
            {"federation_id":"\(federation)","target_fleet_id":"\(target)","resource_type":"vehicle",\
            "quantity":\(random.int(in: 1...9)),"duration":\(random.int(in: 60...5000)),"earliest":"\(earliest)",\
            "latest":"\(earliest + random.int(in: 0...5000))","partial":\(random.chance(30)),\
            "queue":\(random.chance(40))}
            """
        let replies = try await twin.send("POST", "/allocations", body, as: "\(target)-operator")
        for lease in replies.plain.rows("leases") { leases.append(lease.text("sharing_id")) }
    }

    private func lease(
        _ source: String, _ resource: String, _ target: String, from start: Timestamp, lasting duration: Int64,
        type: String = "vehicle", in federation: String? = nil
    ) -> String {
        """
        {"source_fleet_id":"\(source)","target_fleet_id":"\(target)","resource_type":"\(type)",\
        "resource_id":"\(resource)","duration":\(duration),"priority":"normal","starts_at":"\(start)",\
        "federation_id":"\(federation ?? self.federation)"}
        """
    }

    private mutating func act() async throws {
        guard !leases.isEmpty else { return }
        let action = random.pick(["approve", "approve", "reject", "activate", "return", "revoke", "acknowledge"])
        let fleet = random.pick(Self.members)
        try await twin.send("POST", "/resource-sharing/\(random.pick(leases))/\(action)", as: "\(fleet)-operator")
    }
}

// MARK: What one of them is told besides

extension IsolationWorld {
    mutating func stepAside() async throws {
        let f = federation
        switch random.int(in: 0...9) {
        case 0...2: try await requestAside()
        case 3:
            guard !leasesAside.isEmpty else { return }
            let step = random.pick(["return", "revoke", "acknowledge"])
            try await twin.sendAside("POST", "/resource-sharing/\(random.pick(leasesAside))/\(step)")
        case _ where difference == .thirdParties: return
        case 4:
            let metric =
                #"{"federation_id":"\#(otherFederation)","metric_type":"load","metric_value":2,"metric_unit":"1"}"#
            try await twin.sendAside("POST", "/metrics", metric)
        case 5:
            let update = #"{"name":"theirs","description":"\#(random.int(in: 0...9))"}"#
            try await twin.sendAside("PUT", "/federations/\(otherFederation)", update)
        case 6:
            let status = random.pick(["available", "maintenance"])
            try await twin.sendAside("PATCH", "/fleets/hill/resources/hidden", #"{"status":"\#(status)"}"#)
            try await twin.sendAside("PATCH", "/fleets/hill", #"{"name":"Hill \#(random.int(in: 0...9))"}"#)
        case 7:
            let rules = #"{"rules":[{"counterparty":"vale","resource_type":"charger","approve":"auto"}]}"#
            try await twin.sendAside("PUT", "/federations/\(f)/members/hill/sharing-rules", rules, as: "hill-operator")
        case 8:
            try await twin.sendAside("GET", "/fleets/shade", as: "vale-operator")
            try await twin.sendAside(
                "POST", "/fleets", #"{"fleet_id":"s\#(leasesAside.count)","name":"s","organization":"s"}"#)
        default: try await changeHiddenMember()
        }
    }

    private mutating func changeHiddenMember() async throws {
        guard difference == .hidden else { return }
        let level = random.pick(["high", "sealed"])
        try await twin.sendAside(
            "PATCH", "/federations/\(federation)/members/crypt", #"{"resource_sharing":\#(random.chance(50))}"#)
        try await twin.sendAside(
            "PATCH", "/federations/\(federation)/members/shade", #"{"isolation_level":"\#(level)"}"#)
        let action = random.pick(["suspend", "resume"])
        try await twin.sendAside("POST", "/federations/\(federation)/members/shade/\(action)")
    }

    private mutating func requestAside() async throws {
        let start = twin.rich.clock.now + random.int(in: 0...3600)
        let duration = random.int(in: 60...5000)
        let body: String =
            switch (difference, random.int(in: 0...2)) {
            case (.thirdParties, 0...1): lease("south", "spare", "west", from: start, lasting: duration)
            case (.thirdParties, _): lease("west", "spare", "south", from: start, lasting: duration)
            case (_, 0):
                lease(
                    "shade", "hidden", "hill", from: start, lasting: duration, type: "charger", in: otherFederation)
            case (_, 1):
                lease(
                    "hill", "hidden", "shade", from: start, lasting: duration, type: "charger", in: otherFederation)
            default: lease("hill", "hidden", "vale", from: start, lasting: duration, type: "charger")
            }
        let reply = try await twin.sendAside("POST", "/resource-sharing", body)
        if let id = reply["sharing_id"]?.stringValue { leasesAside.append(id) }
    }
}
