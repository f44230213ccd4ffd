import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

enum FleetRoutes {
    private static let contactFields: [(name: String, schema: Schema)] = [
        ("name", .string(1...100)), ("email", .string(3...254)), ("phone", .string(3...40)),
    ]
    private static let contact = Schema.object(contactFields.map { Schema.Field($0.name, $0.schema) })
    /// A null takes a member away.
    private static let contactPatch = Schema.object(
        contactFields.map { Schema.Field($0.name, .nullable($0.schema)) })
    static let draft = Schema.object([
        Schema.Field("fleet_id", .name, required: true),
        Schema.Field("name", .string(1...100), required: true),
        Schema.Field("organization", .string(1...100), required: true),
        Schema.Field("contact", contact, "Whom to turn to; sealed at rest, shown to who may know the fleet."),
    ])
    static let patch = Schema.object([
        Schema.Field("name", .string(1...100)), Schema.Field("organization", .string(1...100)),
        Schema.Field("contact", .nullable(contactPatch)),
    ])

    static func register(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let id: Fleet.ID = try body.requiredName("fleet_id")
        var draft = FleetDraft(id: id, name: body.text("name"), organization: body.text("organization"))
        var generation: Int64 = 0
        if let contact = body["contact"] {
            // Who may not register a fleet makes no key for one.
            guard call.principal.holdsEverywhere(.fleetManage) else { throw FleetError.denied(.fleetManage) }
            // Of one that exists it is refused, and its keys may be others by now.
            generation = try await ownFleet(id, call)?.keyGeneration ?? 0
            draft.contact = try await call.seal(contact.text, .contact, of: id, generation: generation)
        }
        let asked = draft
        return try await call.perform(
            Write(
                operation: "fleet.register", kind: .fleet,
                decide: { (ledger, context) throws(FleetError) in try ledger.register(asked, &context) },
                answer: { _ in .created("/fleets/\(id)") }, opened: { [text = body["contact"]?.text] _ in text }),
            body: try await call.fingerprint(body, sealing: "contact", of: id, generation: generation))
    }

    private static func opened(_ call: Call) -> @Sendable (Entity) async throws -> String? {
        { entity in
            guard case .fleet(let fleet) = entity else { return nil }
            return try await call.contact(of: fleet)
        }
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.fleets(
                for: call.principal, after: page.after(Fleet.ID.self), size: page.size)
        }
        try await call.notePrivilege(towards: Set(found.rows.map(\.id)), action: .fleetRead)
        var contacts: [Fleet.ID: String] = [:]
        for fleet in found.rows { contacts[fleet.id] = try await call.contact(of: fleet) }
        return try call.answer("fleets", found, next: \.id.description) { fleet, writer in
            call.view.write(fleet, disclosure: .known, contact: contacts[fleet.id], to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let (fleet, disclosure) = try await call.fleet()
        let contact = try await call.contact(of: fleet)
        func bytes(_ contact: String?) -> [UInt8] {
            var writer = JSONWriter()
            call.view.write(fleet, disclosure: disclosure, contact: contact, to: &writer)
            return writer.bytes
        }
        return try call.answer(bytes(contact), tagged: bytes(nil), isSettled: true)
    }

    static func patch(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        let body = try await call.body()
        var patch = FleetPatch(name: body.optionalText("name"), organization: body.optionalText("organization"))
        var asked = body
        var opened = opened(call)
        if let contact = body["contact"], let fleet = try await ownFleet(id, call) {
            let (change, text) = try await change(of: fleet, with: contact, call)
            patch.contact = change
            // In a dry run nothing is sealed.
            if call.isDryRun { opened = { _ in text } }
            asked = try await call.fingerprint(body, sealing: "contact", of: id, generation: fleet.keyGeneration)
        }
        let decided = patch
        return try await call.perform(
            Write(
                operation: "fleet.update", kind: .fleet, target: target(id, call),
                decide: { (ledger, context) throws(FleetError) in try ledger.patch(id, decided, &context) },
                answer: { _ in .ok }, opened: opened), body: asked)
    }

    /// The fleet, if the caller manages it; who does not is refused by the decision.
    private static func ownFleet(_ id: Fleet.ID, _ call: Call) async throws -> Fleet? {
        guard call.principal.holds(.fleetManage, for: id) else { return nil }
        return try await stored { () throws(StoreError) in try await call.api.store.fleet(id) }
    }

    /// The contact after a merge patch (RFC 7396), and as text.
    private static func change(
        of fleet: Fleet, with patch: JSON, _ call: Call
    ) async throws -> (change: ContactChange, text: String?) {
        guard let patch = patch.objectValue else { return (ContactChange(before: fleet.contact, after: nil), nil) }
        let before = try await call.contact(of: fleet).flatMap { try? JSON.parse($0).objectValue } ?? JSONObject()
        let text = JSON.object(before.merged(with: patch)).text
        let sealed = try await call.seal(text, .contact, of: fleet.id, generation: fleet.keyGeneration)
        return (ContactChange(before: fleet.contact, after: sealed), text)
    }

    static let signingKey = Schema.object([
        Schema.Field(
            "public_key", .nullable(.string(1...64)), required: true, "Ed25519, 32 bytes in base64; null takes it away."
        ),
        Schema.Field("required", .boolean, "Whether it sends no message without a signature; false, when absent."),
    ])

    static func putSigningKey(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        let body = try await call.body()
        var key: SigningKey?
        if let text = body.optionalText("public_key") {
            key = SigningKey(text, isRequired: body.bool("required") ?? false)
            guard key != nil else {
                throw FleetError.invalid("/public_key", "invalid_key", "is not an Ed25519 key of 32 bytes in base64")
            }
        }
        let decided = key
        return try await call.perform(
            Write(
                operation: "fleet.sign", kind: .fleet, target: target(id, call, .fleetOperate),
                decide: { (ledger, context) throws(FleetError) in
                    try ledger.setSigningKey(decided, of: id, &context)
                }, answer: { _ in .ok }, opened: opened(call)), body: body)
    }

    static let heartbeat = Schema.object([
        Schema.Field(
            "interval_seconds", .integer(1...86_400), required: true,
            "How long it may be silent before it counts as unreachable.")
    ])

    static func beat(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        let body = try await call.body()
        let interval = body.integer("interval_seconds") ?? 1
        let isTrial = call.isDryRun
        let response = try await call.perform(
            Write(
                operation: "fleet.heartbeat", kind: .fleet,
                decide: { (ledger, context) throws(FleetError) in
                    try ledger.heartbeat(id, interval: interval, isTrial: isTrial, &context)
                }, answer: { _ in .ok }, opened: opened(call)), body: body)
        if !isTrial { call.api.orchestrator.noteSign(of: id, interval: interval) }
        return response
    }

    /// Destroys what the fleet's people wrote: the event first, so that a copy of the keys is not used again.
    static func erase(_ call: Call) async throws -> Response {
        let id: Fleet.ID = try call.name("fleet_id")
        let response = try await call.perform(
            Write(operation: "fleet.erase", kind: .fleet, target: target(id, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.erase(id, &context)
            } answer: { _ in
                .ok
            })
        if !call.isDryRun {
            do {
                guard let fleet = try await call.api.store.fleet(id) else { return response }
                try await call.api.vault.destroy(
                    before: [KeyStore.KeyID(fleet: id, generation: fleet.keyGeneration)])
            } catch {
                throw FleetError(
                    .outcomeUnknown,
                    "The erasure is recorded, and its key could not be destroyed yet: ask again, or restart the service."
                )
            }
        }
        return response
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

    private static func target(
        _ id: Fleet.ID, _ call: Call, _ permission: Permission = .fleetManage
    ) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .fleet(try ledger.ownedFleet(id, principal, permission)) }
    }
}

extension Call {
    /// The fleet of the path with what the caller may learn of it: at least that it exists.
    func fleet() async throws -> (Fleet, Disclosure) {
        let id: Fleet.ID = try name("fleet_id")
        let fleet = try await stored { () throws(StoreError) in try await api.objects.fleet(id) }
        // Absent and hidden take the same path: the same queries, then the same error.
        let disclosure = try await stored { () throws(StoreError) in
            try await api.store.disclosure(of: id, to: principal)
        }
        guard let fleet else { throw FleetError.notFound(.fleetNotFound) }
        guard disclosure >= .known else { throw crossing(.notFound(.fleetNotFound), of: id, action: .fleetRead) }
        try await notePrivilege(towards: [id], action: .fleetRead)
        return (fleet, disclosure)
    }

    /// A platform administrator sees sealed fleets too, but not unseen: the audit log has each such read.
    func notePrivilege(towards owners: Set<Fleet.ID>, action: Permission) async throws(FleetError) {
        guard principal.isAdmin else { return }
        let others = owners.subtracting(principal.fleets)
        let sealed = try await stored { () throws(StoreError) in try await api.store.sealed(among: others) }
        for owner in sealed { note(.privilegedRead, towards: owner, action: action) }
    }
}
