import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// What the members of a federation are entitled to, and how much of it may change hands.
enum QuotaRoutes {
    private static let quantity = Schema.integer(0...1_000_000_000)
    static let draft = Schema.object([
        Schema.Field("nominal", quantity, required: true, "What is the fleet's own."),
        Schema.Field(
            "lending_limit", .nullable(quantity), "The most that others may hold of it at a time; all, when absent."),
        Schema.Field(
            "borrowing_limit", .nullable(quantity), "The most that it may hold of others' at a time; any, when absent."),
        Schema.Field("weight", .integer(0...1_000_000), "Its weight where fleets share what is free; 1, when absent."),
    ])

    static func put(_ call: Call) async throws -> Response {
        let key = try key(call)
        let body = try await call.body()
        let draft = QuotaDraft(
            nominal: body.integer("nominal") ?? 0, lendingLimit: body.integer("lending_limit"),
            borrowingLimit: body.integer("borrowing_limit"), weight: body.integer("weight") ?? 1)
        let member = key.member
        return try await call.perform(
            Write(operation: "quota.set", kind: .quota, target: target(key, call), absence: .quotaNotFound) {
                (ledger, context) throws(FleetError) in
                try ledger.setQuota(key, draft, &context)
            } answer: { entity in
                guard case .quota(let quota) = entity, quota.version == 1 else { return .ok }
                return .created("/federations/\(member.federation)/quotas/\(member.fleet)/\(key.type)")
            }, body: body)
    }

    static func remove(_ call: Call) async throws -> Response {
        let key = try key(call)
        return try await call.perform(
            Write(operation: "quota.remove", kind: .quota, target: target(key, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.removeQuota(key, &context)
            } answer: { _ in
                .done
            })
    }

    /// The use is the writer's to tell: it follows from all live leases of the fleet.
    static func get(_ call: Call) async throws -> Response {
        let key = try key(call)
        let (principal, view) = (call.principal, call.view)
        let found = try await call.api.orchestrator.inspect { ledger in
            Result { () throws(FleetError) in
                view.bytes(of: .quota(try ledger.visibleQuota(key, principal)), in: ledger)
            }
        }
        switch found {
        case .success(let bytes):
            try await call.notePrivilege(towards: [key.member.fleet], action: .federationRead)
            return try call.answer(bytes)
        case .failure(let error):
            throw call.noted(error, action: .federationRead)
        }
    }

    static func list(_ call: Call) async throws -> Response {
        let id: Federation.ID = try call.id("federation_id")
        let page = try call.page()
        let standing = try await call.standing(in: id)
        let asked = call.parameter("fleet_id", Fleet.ID.init)
        let isEveryFleet = call.principal.coordinates(standing)
        let own = call.principal.fleets.filter { call.principal.holds(.federationRead, for: $0) }
        let fleets =
            asked.map { fleet in isEveryFleet || own.contains(fleet) ? [fleet] : [] }
            ?? (isEveryFleet ? nil : own.sorted())
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.quotas(
                of: id, for: call.principal, fleets: fleets, after: after(page.after), size: page.size)
        }
        try await call.notePrivilege(towards: Set(found.rows.map(\.key.member.fleet)), action: .federationRead)
        let principal = call.principal
        let uses = try await call.api.orchestrator.inspect { ledger in
            found.rows.map { ledger.visibleUse(of: $0, principal) }
        }
        let pairs = Page(rows: Array(zip(found.rows, uses)), hasMore: found.hasMore)
        let place = { (pair: (Quota, QuotaUse?)) in "\(pair.0.key.member.fleet)/\(pair.0.key.type)" }
        return try call.answer("quotas", pairs, next: place) { pair, writer in
            call.view.write(pair.0, use: pair.1, to: &writer)
        }
    }

    private static func after(_ text: String?) -> (fleet: Fleet.ID, type: ResourceType)? {
        let parts = text?.split(separator: "/").map(String.init) ?? []
        guard parts.count == 2, let fleet = Fleet.ID(parts[0]), let type = ResourceType(parts[1]) else { return nil }
        return (fleet, type)
    }

    private static func key(_ call: Call) throws(FleetError) -> Quota.Key {
        let member = Member.Key(federation: try call.id("federation_id"), fleet: try call.name("fleet_id"))
        return Quota.Key(member: member, type: try call.name("resource_type"))
    }

    private static func target(_ key: Quota.Key, _ call: Call) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .quota(try ledger.visibleQuota(key, principal)) }
    }
}
