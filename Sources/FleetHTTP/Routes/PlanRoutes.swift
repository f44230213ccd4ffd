import FleetDomain
import FleetJSON
import FleetService
import Hummingbird
import Synchronization

/// What-if: how capacity would be divided among claims. Nothing is stored.
enum PlanRoutes {
    enum Method: String, CaseIterable {
        case maxMin = "max_min"
        case drf
        /// What the engine would do with the claims, one after the other.
        case sequential
    }

    private static let claim = Schema.object([
        Schema.Field("fleet_id", .name, required: true),
        Schema.Field(
            "demand", .attributes(atMost: Division.typesMax), required: true,
            "By type: in all for max_min, for each task for drf."),
        Schema.Field("weight", .integer(1...Division.weightMax)),
        Schema.Field("tasks_max", .integer(0...Division.tasksMax), "For drf."),
        Schema.Field("duration", .integer(1...31_536_000), "For sequential; an hour, when absent."),
        Schema.Field("earliest", .timestamp, "For sequential."),
        Schema.Field("latest", .timestamp, "For sequential."),
        Schema.Field("priority", .choice(Priority.self), "For sequential."),
    ])
    static let plan = Schema.object([
        Schema.Field("method", .choice(Method.self), required: true),
        Schema.Field("federation_id", .uuid, "Whose free capacity is divided, where none is given."),
        Schema.Field("capacity", .attributes(atMost: Division.typesMax), "By type."),
        Schema.Field("claims", .array(claim, atMost: Division.claimsMax), required: true),
        Schema.Field(
            "indivisible", .boolean,
            "Only whole units, or whole tasks. When absent: units may be cut, tasks may not."),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let claims = try claims(of: body)
        let capacity = try amounts(body["capacity"], "/capacity")
        switch body.choice("method") ?? Method.maxMin {
        case .maxMin:
            return try answer(
                Division.maxMin(
                    claims, capacity: try await given(capacity, body, claims, call),
                    isIndivisible: body.bool("indivisible") ?? false), call)
        case .drf:
            return try answer(
                Division.dominantShare(
                    claims, capacity: try await given(capacity, body, claims, call),
                    isIndivisible: body.bool("indivisible") ?? true), call)
        case .sequential: return try await sequential(body, call)
        }
    }

    // MARK: What is asked

    private static func claims(of body: JSONObject) throws(FleetError) -> [Division.Claim] {
        var claims: [Division.Claim] = []
        for (index, json) in (body["claims"]?.arrayValue ?? []).enumerated() {
            let claim = json.objectValue ?? JSONObject()
            claims.append(
                Division.Claim(
                    fleet: try claim.requiredName("fleet_id"),
                    demand: try amounts(claim["demand"], "/claims/\(index)/demand") ?? [:],
                    weight: claim.integer("weight") ?? 1, tasksMax: claim.integer("tasks_max") ?? Division.tasksMax))
        }
        guard types(of: claims).count <= Division.typesMax else {
            throw FleetError.invalid("/claims", "too_many", "name more than \(Division.typesMax) types together")
        }
        return claims
    }

    private static func types(of claims: [Division.Claim]) -> Set<ResourceType> {
        claims.reduce(into: []) { $0.formUnion($1.demand.keys) }
    }

    private static func amounts(_ json: JSON?, _ place: String) throws(FleetError) -> [ResourceType: Amount]? {
        guard let members = json?.objectValue?.members else { return nil }
        var amounts: [ResourceType: Amount] = [:]
        var faults: [FleetError.Fault] = []
        for member in members {
            let name = "\(place)/\(member.key.prefix(64))"
            guard let type = ResourceType(member.key) else {
                faults.append(FleetError.Fault(name, "invalid_name", "is no type"))
                continue
            }
            guard let amount = Amount(json: member.value) else {
                faults.append(FleetError.Fault(name, "out_of_range", "is no number from 0 to \(Amount.unitsMax)"))
                continue
            }
            amounts[type] = amount
        }
        guard faults.isEmpty else { throw FleetError.invalid(faults) }
        return amounts
    }

    /// The capacity that was given, or what the federation has free, as far as the caller may count it.
    private static func given(
        _ capacity: [ResourceType: Amount]?, _ body: JSONObject, _ claims: [Division.Claim], _ call: Call
    ) async throws(FleetError) -> [ResourceType: Amount] {
        if let capacity { return capacity }
        guard let federation: Federation.ID = body.id("federation_id") else {
            throw FleetError.invalid("/capacity", "required", "is missing, and no federation is named")
        }
        let types = types(of: claims)
        let principal = call.principal
        let now = call.api.environment.now()
        let free = try await call.api.orchestrator.inspect { ledger in
            Result { () throws(FleetError) in
                try ledger.freeCapacity(of: types, in: federation, for: principal, at: now)
            }
        }
        return try free.get().compactMapValues { Amount(units: min($0, Amount.unitsMax)) }
    }

    // MARK: What the engine would do

    private static func sequential(_ body: JSONObject, _ call: Call) async throws -> Response {
        guard let federation: Federation.ID = body.id("federation_id") else {
            throw FleetError.invalid("/federation_id", "required", "is missing")
        }
        guard body["capacity"] == nil else {
            throw FleetError.invalid("/capacity", "not_with_sequential", "is what the federation has")
        }
        let requests = try requests(of: body, in: federation)
        let found = Mutex<[Ledger.Outcome]>([])
        // On the writer's own state, which a dry run leaves as it was.
        let command = Command(
            operation: "allocation.plan", principal: call.principal, object: call.path,
            requestID: call.request.identity.requestID, dryRun: true
        ) { (ledger, context) throws(FleetError) in
            let outcomes = try ledger.foresee(requests, &context)
            found.withLock { $0 = outcomes }
            return Decision(nil)
        }
        _ = try await call.api.orchestrator.submit(command)
        let outcomes = found.withLock { $0 }
        return try write(call) { writer in
            for outcome in outcomes {
                writer.beginObject()
                write(outcome.granted.mapValues(JSON.integer), to: outcome.fleet, &writer)
                writer.field("share", outcome.share)
                writer.key("explanation")
                outcome.explanation.write(to: &writer)
                writer.endObject()
            }
        } order: {
            outcomes.filter { $0.granted.values.contains { $0 > 0 } }.map(\.fleet)
        }
    }

    private static func requests(
        of body: JSONObject, in federation: Federation.ID
    ) throws(FleetError) -> [AllocationRequest] {
        var requests: [AllocationRequest] = []
        var itemsLeft = AllocationLimits.plannedMax
        for (index, json) in (body["claims"]?.arrayValue ?? []).enumerated() {
            let claim = json.objectValue ?? JSONObject()
            var items: [AllocationItem] = []
            for member in claim["demand"]?.objectValue?.sorted.members ?? [] {
                guard let type = ResourceType(member.key), let quantity = member.value.integerValue, quantity >= 0,
                    quantity <= 1_000_000
                else {
                    throw FleetError.invalid(
                        "/claims/\(index)/demand/\(member.key.prefix(64))", "out_of_range", "is no whole number")
                }
                if quantity > 0 { items.append(AllocationItem(type: type, quantity: quantity)) }
            }
            itemsLeft -= items.count
            guard itemsLeft >= 0 else {
                throw FleetError.invalid(
                    "/claims", "too_many", "name more than \(AllocationLimits.plannedMax) types in sequence")
            }
            guard !items.isEmpty else {
                throw FleetError.invalid("/claims/\(index)/demand", "too_few", "asks for nothing")
            }
            requests.append(
                AllocationRequest(
                    federation: federation, target: try claim.requiredName("fleet_id"), items: items,
                    duration: claim.integer("duration") ?? 3600, earliest: claim.time("earliest"),
                    latest: claim.time("latest"), priority: claim.choice("priority") ?? .normal))
        }
        return requests
    }

    // MARK: The answer

    private static func answer(_ division: Division, _ call: Call) throws -> Response {
        try write(call) { writer in
            for portion in division.portions {
                writer.beginObject()
                write(portion.granted.mapValues(\.json), to: portion.fleet, &writer)
                writer.field("tasks", portion.tasks?.json)
                writer.field("share", portion.share.value)
                writer.endObject()
            }
        } order: {
            division.order
        }
    }

    /// Who is granted how much, by type; the members with which every claim's answer begins.
    private static func write(_ granted: [ResourceType: JSON], to fleet: Fleet.ID, _ writer: inout JSONWriter) {
        writer.field("fleet_id", fleet.description)
        writer.key("granted")
        writer.beginObject()
        for (type, amount) in granted.sorted(by: { $0.key < $1.key }) {
            writer.key(string: type.description)
            writer.value(amount)
        }
        writer.endObject()
    }

    private static func write(
        _ call: Call, _ claims: (inout JSONWriter) -> Void, order: () -> [Fleet.ID]
    ) throws -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("claims")
        writer.beginArray()
        claims(&writer)
        writer.endArray()
        writer.field("order", .array(order().map { .string($0.description) }))
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }
}
