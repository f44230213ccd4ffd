import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Federations: creating, reading, changing and ending them.
enum FederationRoutes {
    static let policy = Schema.object(
        [
            Schema.Field("default_isolation_level", .choice(IsolationLevel.self), "For members that name none."),
            Schema.Field(
                "allowed_resource_types", .nullable(.array(.name, atMost: 100)), "Null or absent allows every type."),
            Schema.Field(
                "on_suspend", .choice(SuspensionRule.self), "Whether running leases end when it is suspended."),
            Schema.Field(
                "reciprocity", .integer(0...100), "Percent of what was lent, set off against what was borrowed."),
            Schema.Field(
                "preemption", .boolean, "Whether a stronger request takes away what a weaker one borrowed."),
        ] + FederationPolicy.durations.map { Schema.Field($0, .integer(1...31_536_000), "Seconds.") })

    static let draft = Schema.object([
        Schema.Field("name", .string(1...100), required: true),
        Schema.Field("description", .string(0...1000)),
        Schema.Field("policy", policy),
        Schema.Field("founding_fleet_id", .name, "Joins at once as its coordinator."),
    ])

    static let update = Schema.object([
        Schema.Field("name", .string(1...100), required: true),
        Schema.Field("description", .string(0...1000), required: true),
        Schema.Field("status", .choice(["active", "suspended"])),
        Schema.Field("policy", policy, "Replaces the whole policy."),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let draft = FederationDraft(
            name: body.text("name"), description: body.text("description"), policy: try policy(body) ?? .init(),
            foundingFleet: body.name("founding_fleet_id"))
        return try await call.perform(
            Write(operation: "federation.create", kind: .federation) { (ledger, context) throws(FleetError) in
                try ledger.create(draft, &context)
            } answer: {
                .created("/federations/\($0.subject)")
            }, body: body)
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        let filter = FederationFilter(
            status: call.choice("status"), fleet: call.parameter("fleet_id", Fleet.ID.init), text: call.query["q"])
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.federations(
                for: call.principal, filter, after: page.after(Federation.ID.self), size: page.size)
        }
        return try call.answer("federations", found, next: \.federation.id.description) { standing, writer in
            call.view.write(standing.federation, in: standing, to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let standing = try await call.standing(in: call.id("federation_id"))
        return try call.object { call.view.write(standing.federation, in: standing, to: &$0) }
    }

    static func put(_ call: Call) async throws -> Response {
        let id: Federation.ID = try call.id("federation_id")
        let body = try await call.body()
        let update = FederationUpdate(
            name: body.text("name"), description: body.text("description"), status: body.choice("status"),
            policy: try policy(body))
        return try await call.perform(
            Write(operation: "federation.update", kind: .federation, target: target(id, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.update(id, update, &context)
            } answer: { _ in
                .ok
            }, body: body)
    }

    static func delete(_ call: Call) async throws -> Response {
        let id: Federation.ID = try call.id("federation_id")
        let isForced = call.isForced
        return try await call.perform(
            Write(operation: "federation.delete", kind: .federation, target: target(id, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.delete(id, force: isForced, &context)
            } obligations: { _, ledger in
                ledger.obligations(of: id, for: call.principal, limit: obligationsMax)
            } answer: { entity in
                if case .federation(let federation) = entity, federation.status == .dissolved {
                    .done
                } else {
                    .accepted
                }
            })
    }

    /// Obligations named in one answer; who has more asks again when these are done.
    static let obligationsMax = 100

    private static func target(
        _ id: Federation.ID, _ call: Call
    ) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .federation(try ledger.visibleFederation(id, principal).federation) }
    }

    private static func policy(_ body: JSONObject) throws(FleetError) -> FederationPolicy? {
        guard let json = body["policy"] else { return nil }
        do {
            return try FederationPolicy(json: json)
        } catch {
            throw FleetError.invalid("/policy", "invalid_value", "is not a policy")
        }
    }
}

extension JSONObject {
    /// The members of a body whose schema was checked before; absent text is empty.
    func text(_ name: String) -> String { self[name]?.stringValue ?? "" }
    func optionalText(_ name: String) -> String? { self[name]?.stringValue }
    func integer(_ name: String) -> Int64? { self[name]?.integerValue }
    func bool(_ name: String) -> Bool? { self[name]?.boolValue }
    func time(_ name: String) -> Timestamp? { self[name]?.stringValue.flatMap { Timestamp($0) } }
    func name<Entity>(_ name: String) -> Name<Entity>? { self[name]?.stringValue.flatMap { Name<Entity>($0) } }
    func id<Entity>(_ name: String) -> ID<Entity>? { self[name]?.stringValue.flatMap { ID<Entity>($0) } }

    func choice<Choice: RawRepresentable<String>>(_ name: String) -> Choice? {
        self[name]?.stringValue.flatMap(Choice.init(rawValue:))
    }

    /// The id under `name`, which the schema requires.
    func requiredName<Entity>(_ name: String) throws(FleetError) -> Name<Entity> {
        guard let value: Name<Entity> = self.name(name) else {
            throw FleetError.invalid("/\(name)", "required", "is missing")
        }
        return value
    }
}

extension Call {
    /// What ties the caller to a federation that it may see.
    func standing(in id: Federation.ID) async throws(FleetError) -> Standing {
        let standing = try await stored { () throws(StoreError) in
            try await api.objects.standing(of: principal, in: id)
        }
        guard let standing, view.sees(standing) else { throw FleetError.notFound(.federationNotFound) }
        return standing
    }
}
