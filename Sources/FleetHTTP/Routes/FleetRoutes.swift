import FleetDomain
import FleetJSON
import FleetStore
import Hummingbird

enum FleetRoutes {
    static let draft = Schema.object([
        Schema.Field("fleet_id", .name, required: true),
        Schema.Field("name", .string(1...100), required: true),
        Schema.Field("organization", .string(1...100), required: true),
    ])
    static let patch = Schema.object([
        Schema.Field("name", .string(1...100)), Schema.Field("organization", .string(1...100)),
    ])

    static func register(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let draft = FleetDraft(
            id: try body.requiredName("fleet_id"), name: body.text("name"), organization: body.text("organization"))
        return try await call.perform(
            Write(operation: "fleet.register", kind: .fleet) { (ledger, context) throws(FleetError) in
                try ledger.register(draft, &context)
            } answer: { _ in
                .created("/fleets/\(draft.id)")
            }, body: body)
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.fleets(
                for: call.principal, after: page.after(Fleet.ID.self), size: page.size)
        }
        try await call.notePrivilege(towards: Set(found.rows.map(\.id)), action: .fleetRead)
        return try call.answer("fleets", found, next: \.id.description) { fleet, writer in
            call.view.write(fleet, disclosure: .known, to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let (fleet, disclosure) = try await call.fleet()
        return try call.object { call.view.write(fleet, disclosure: disclosure, to: &$0) }
    }

    static func patch(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        let body = try await call.body()
        let patch = FleetPatch(name: body.optionalText("name"), organization: body.optionalText("organization"))
        return try await call.perform(
            Write(operation: "fleet.update", kind: .fleet, target: target(id, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.patch(id, patch, &context)
            } answer: { _ in
                .ok
            }, body: body)
    }

    static func retire(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        return try await call.perform(
            Write(operation: "fleet.retire", kind: .fleet, target: target(id, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.retire(id, &context)
            } answer: { _ in
                .done
            })
    }

    private static func target(_ id: Fleet.ID, _ call: Call) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .fleet(try ledger.ownedFleet(id, principal, .fleetManage)) }
    }
}

extension Call {
    /// The fleet of the path with what the caller may learn of it: at least that it exists.
    func fleet() async throws -> (Fleet, Disclosure) {
        let id: Fleet.ID = try name("fleet_id")
        let fleet = try await stored { () throws(StoreError) in try await api.store.fleet(id) }
        // Absent and hidden take the same path: the same queries, then the same error.
        let disclosure = try await stored { () throws(StoreError) in
            try await api.store.disclosure(of: id, to: principal)
        }
        guard let fleet else { throw FleetError.notFound(.fleetNotFound) }
        guard disclosure >= .known else { throw crossing(.notFound(.fleetNotFound), of: id, action: .fleetRead) }
        try await notePrivilege(towards: [id], action: .fleetRead)
        return (fleet, disclosure)
    }

    /// Who is refused before anything was looked at may have aimed at somebody else's fleet all the same.
    func noteFleetOfPath(action: Permission) async throws(FleetError) {
        guard endpoint.path.contains("{fleet_id}") else { return }
        let id: Fleet.ID = try name("fleet_id")
        let fleet = try await stored { () throws(StoreError) in try await api.store.fleet(id) }
        if fleet != nil { note(.violationBlocked, towards: id, action: action) }
    }

    /// A platform administrator sees sealed fleets too, but not unseen: the audit log has each such read.
    func notePrivilege(towards owners: Set<Fleet.ID>, action: Permission) async throws(FleetError) {
        guard principal.isAdmin else { return }
        let others = owners.subtracting(principal.fleets)
        let sealed = try await stored { () throws(StoreError) in try await api.store.sealed(among: others) }
        for owner in sealed { note(.privilegedRead, towards: owner, action: action) }
    }
}
