import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// A federation of three fleets that share, `owner`, `borrower` and `rival`, each with the key of its operator.
struct SharingStage {
    /// Who sends a request.
    enum Side: CaseIterable {
        case owner, borrower, rival
        /// Acts for the owner and for the borrower.
        case both
        /// Coordinates the federation, and acts for no fleet.
        case coordinator

        var fleets: Set<Fleet.ID> {
            switch self {
            case .owner: [apiName("owner")]
            case .borrower: [apiName("borrower")]
            case .rival: [apiName("rival")]
            case .both: [apiName("owner"), apiName("borrower")]
            case .coordinator: []
            }
        }
    }

    let service: TestService
    let federation: String
    private let keys: [Side: String]

    /// Runs a story on a stage of its own.
    ///
    /// - Parameter level: how isolated all three are: `none` grants at once, `medium` asks the owner.
    static func run(
        level: String, policy: String = "{}", limits: EdgeLimits = EdgeLimits(), database: FaultyDatabase? = nil,
        _ story: @Sendable (SharingStage) async throws -> Void
    ) async throws {
        try await TestService.run(database: database, limits: limits) { service in
            try await story(try await SharingStage(service, level: level, policy: policy))
        }
    }

    private init(_ service: TestService, level: String, policy: String) async throws {
        self.service = service
        let federation = try await service.found(
            [("owner", level), ("borrower", level), ("rival", level)], policy: policy)
        self.federation = federation
        var keys: [Side: String] = [:]
        for side in Side.allCases {
            keys[side] =
                side == .coordinator
                ? try await service.key([.federationCoordinator], federations: [apiID(federation)])
                : try await service.key([.fleetOperator], fleets: side.fleets)
        }
        self.keys = keys
    }

    func key(_ side: Side) -> String { keys[side] ?? "" }

    func send(
        _ method: String, _ path: String, _ body: JSONObject? = nil, as side: Side
    ) async throws -> TestService.Reply {
        try await service.send(method, path, body.map { JSON.object($0).text }, key: key(side))
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
}

// MARK: What stories are made of

extension SharingStage {
    /// Registers a resource of the owner.
    func register(_ resource: String, _ terms: JSONObject = [:]) async throws {
        var draft: JSONObject = ["resource_id": .string(resource), "resource_type": "vehicle"]
        for term in terms.members { draft[term.key] = term.value }
        let reply = try await send("POST", "/fleets/owner/resources", draft, as: .owner)
        try #require(reply.status == 201, "\(reply.body)")
    }

    /// The body of a request for a vehicle of the owner; `changes` replace or add members of it.
    func request(
        _ resource: String, for target: String = "borrower", startsIn delay: Seconds = 0, lasting duration: Seconds,
        _ changes: JSONObject = [:]
    ) -> JSONObject {
        var body: JSONObject = [
            "federation_id": .string(federation), "source_fleet_id": "owner", "target_fleet_id": .string(target),
            "resource_type": "vehicle", "resource_id": .string(resource), "duration": .integer(duration),
            "priority": "normal", "starts_at": .string((service.clock.now + delay).description),
        ]
        for change in changes.members { body[change.key] = change.value }
        return body
    }

    /// Asks for a vehicle of the owner: for the rival when it asks, for the borrower otherwise.
    func ask(
        _ resource: String, as side: Side = .borrower, startsIn delay: Seconds = 0, lasting duration: Seconds = 3600,
        _ changes: JSONObject = [:]
    ) async throws -> TestService.Reply {
        let target = side == .rival ? "rival" : "borrower"
        let body = request(resource, for: target, startsIn: delay, lasting: duration, changes)
        return try await send("POST", "/resource-sharing", body, as: side)
    }

    /// Asks for what must be given, in this status.
    func lease(
        _ resource: String, as side: Side = .borrower, startsIn delay: Seconds = 0, lasting duration: Seconds = 3600,
        _ changes: JSONObject = [:], is status: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let reply = try await ask(resource, as: side, startsIn: delay, lasting: duration, changes)
        try #require(reply.status == 201, "\(reply.body)", sourceLocation: sourceLocation)
        if let status {
            #expect(reply.text("status") == status, "\(reply.body)", sourceLocation: sourceLocation)
        }
        return reply.text("sharing_id")
    }

    func step(
        _ action: String, _ lease: String, as side: Side, _ body: JSONObject? = nil
    ) async throws -> TestService.Reply {
        try await send("POST", "/resource-sharing/\(lease)/\(action)", body, as: side)
    }

    func put(_ lease: String, _ body: JSONObject, as side: Side) async throws -> TestService.Reply {
        try await send("PUT", "/resource-sharing/\(lease)", body, as: side)
    }

    /// The lease as a side sees it; by default the owner, who sees every token.
    func read(_ lease: String, as side: Side = .owner) async throws -> TestService.Reply {
        let reply = try await send("GET", "/resource-sharing/\(lease)", as: side)
        try #require(reply.status == 200, "\(reply.body)")
        return reply
    }

    /// So many seconds from now, as a body says it.
    func at(_ seconds: Seconds) -> JSON { .string((service.clock.now + seconds).description) }

    /// The types of the events about this object, without their prefix.
    func types(of subject: String) async throws -> [String] {
        try await service.ok("GET", "/events?limit=1000").rows("events")
            .filter { $0.text("subject") == subject }
            .map { String($0.text("type").dropFirst(EventType.prefix.count)) }
    }

    func status(_ lease: String) async throws -> String { try await read(lease).text("status") }

    /// The token that the resource must obey.
    func token(_ lease: String) async throws -> Int64 {
        try #require(try await read(lease)["fencing_token"]?.integerValue)
    }

    /// A gateway's check of a token.
    func fence(_ resource: String, _ token: Int64, _ lease: String) async throws -> TestService.Reply {
        try await send(
            "POST", "/fleets/owner/resources/\(resource)/fence",
            ["fencing_token": .integer(token), "sharing_id": .string(lease)], as: .owner)
    }

    /// How many leases of the federation have this status.
    func count(_ status: String) async throws -> Int {
        try await service.ok("GET", "/resource-sharing?federation_id=\(federation)&status=\(status)&page_size=1000")
            .rows("resource_sharing").count
    }
}

// MARK: What is expected of an answer

extension TestService.Reply {
    /// Expects a lease in this status.
    func expect(_ wanted: Int, _ leaseStatus: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            status == wanted && text("status") == leaseStatus, "\(status) \(body)", sourceLocation: sourceLocation)
    }

    /// Expects a problem with this code.
    func expect(_ wanted: Int, code wantedCode: String, sourceLocation: SourceLocation = #_sourceLocation) {
        expectProblem(wanted, wantedCode, "answer", sourceLocation: sourceLocation)
    }

    var explanation: JSONObject { self["explanation"]?.objectValue ?? [:] }
    var nearestWindows: [JSONObject] {
        explanation["nearest_windows"]?.arrayValue?.compactMap(\.objectValue) ?? []
    }
    /// What a refusal says has to change.
    var changes: [(field: String, value: String)] {
        let changes = explanation["counterfactual"]?.objectValue?["changes"]?.arrayValue ?? []
        return changes.compactMap(\.objectValue).map { ($0.text("field"), $0.text("value")) }
    }
}
