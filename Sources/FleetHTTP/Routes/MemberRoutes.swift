import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// The members of a federation, and the standing approvals that a member gives.
enum MemberRoutes {
    private static let terms = [
        Schema.Field("isolation_level", .choice(IsolationLevel.self), "How much others may learn of the fleet."),
        Schema.Field("resource_sharing", .boolean, "Whether it lends and borrows."),
        Schema.Field("communication_enabled", .boolean),
        Schema.Field("role", .choice(MemberRole.self)),
    ]
    static let draft = Schema.object([Schema.Field("fleet_id", .name, required: true)] + terms)
    static let patch = Schema.object(terms)
    static let rules = Schema.object([
        Schema.Field(
            "rules",
            .array(
                .object([
                    Schema.Field("counterparty", .nameOrAny, required: true, "A fleet, or * for every one."),
                    Schema.Field("resource_type", .nameOrAny, required: true, "A type, or * for every one."),
                    Schema.Field("quantity_max", .integer(1...1_000_000)),
                    Schema.Field("duration_max", .integer(1...31_536_000), "Seconds."),
                    Schema.Field("approve", .choice(["auto"]), required: true),
                ]), atMost: 100), required: true)
    ])

    static func add(_ call: Call) async throws -> Response {
        let id: Federation.ID = try call.id("federation_id")
        let body = try await call.body()
        let draft = try draft(body, fleet: body.requiredName("fleet_id"))
        return try await call.perform(
            Write(operation: "member.add", kind: .member) { (ledger, context) throws(FleetError) in
                try ledger.add(draft, to: id, &context)
            } answer: { _ in
                .created("/federations/\(id)/members/\(draft.fleet)")
            }, body: body)
    }

    private static func draft(_ body: JSONObject, fleet: Fleet.ID) -> MemberDraft {
        MemberDraft(
            fleet: fleet, isolationLevel: body.choice("isolation_level"),
            resourceSharing: body.bool("resource_sharing"), communicationEnabled: body.bool("communication_enabled"),
            role: body.choice("role"))
    }

    static func list(_ call: Call) async throws -> Response {
        let id: Federation.ID = try call.id("federation_id")
        let page = try call.page()
        _ = try await call.standing(in: id)
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.members(
                of: id, for: call.principal, after: page.after(Fleet.ID.self), size: page.size)
        }
        try await call.notePrivilege(towards: Set(found.rows.map(\.key.fleet)), action: .federationRead)
        return try call.answer("members", found, next: \.key.fleet.description) { member, writer in
            call.view.write(member, to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let member = try await member(call)
        return try call.object { call.view.write(member, to: &$0) }
    }

    static func patch(_ call: Call) async throws -> Response {
        let key = try key(call)
        let body = try await call.body()
        let draft = draft(body, fleet: key.fleet)
        return try await call.perform(
            Write(operation: "member.update", kind: .member, target: target(key, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.patch(key, draft, &context)
            } answer: { _ in
                .ok
            }, body: body)
    }

    static func remove(_ call: Call) async throws -> Response {
        let key = try key(call)
        let isForced = call.isForced
        return try await call.perform(
            Write(operation: "member.remove", kind: .member, target: target(key, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.remove(key, force: isForced, &context)
            } obligations: { _, ledger in
                ledger.obligations(of: key, for: call.principal, limit: FederationRoutes.obligationsMax)
            } answer: { entity in
                if case .member(let member) = entity, member.status == .left { .done } else { .accepted }
            })
    }

    static func act(_ action: MemberAction) -> @Sendable (Call) async throws -> Response {
        { call in
            let key = try key(call)
            return try await call.perform(
                Write(operation: "member.\(action.rawValue)", kind: .member, target: target(key, call)) {
                    (ledger, context) throws(FleetError) in
                    try ledger.act(action, on: key, &context)
                } answer: { _ in
                    .ok
                })
        }
    }

    static func getRules(_ call: Call) async throws -> Response {
        let member = try await member(call)
        guard call.principal.holds(.fleetRead, for: member.key.fleet) else {
            throw call.crossing(FleetError.denied(.fleetRead), of: member.key.fleet, action: .fleetRead)
        }
        return try call.object { call.view.writeRules(of: member, to: &$0) }
    }

    static func putRules(_ call: Call) async throws -> Response {
        let key = try key(call)
        let body = try await call.body()
        let rules = body["rules"]?.arrayValue?.compactMap(SharingRule.init(json:)) ?? []
        let principal = call.principal
        let target = { @Sendable (ledger: Ledger) throws(FleetError) in
            Entity.member(try ledger.ownMember(key, principal, .fleetOperate))
        }
        return try await call.perform(
            Write(operation: "member.set_rules", kind: .member, facet: .sharingRules, target: target) {
                (ledger, context) throws(FleetError) in
                try ledger.setRules(rules, of: key, &context)
            } answer: { _ in
                .ok
            }, body: body)
    }

    private static func key(_ call: Call) throws(FleetError) -> Member.Key {
        Member.Key(federation: try call.id("federation_id"), fleet: try call.name("fleet_id"))
    }

    private static func member(_ call: Call) async throws(FleetError) -> Member {
        let key = try key(call)
        let standing = try await call.standing(in: key.federation)
        let member = try await stored { () throws(StoreError) in try await call.api.objects.member(key) }
        guard let member, member.status != .left else { throw FleetError.notFound(.memberNotFound) }
        guard call.view.sees(member, in: standing) else {
            throw call.crossing(FleetError.notFound(.memberNotFound), of: key.fleet, action: .federationRead)
        }
        try await call.notePrivilege(towards: [key.fleet], action: .federationRead)
        return member
    }

    private static func target(
        _ key: Member.Key, _ call: Call
    ) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .member(try ledger.visibleMember(key, principal).1) }
    }
}
