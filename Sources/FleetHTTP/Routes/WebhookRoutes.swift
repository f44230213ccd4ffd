import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Webhooks: registered, changed, tested, and what was pushed to them.
enum WebhookRoutes {
    private static let types = Schema.array(.string(1...100), atMost: 100)
    static let draft = Schema.object([
        Schema.Field("url", .string(1...2048), required: true, "An https address of the public Internet."),
        Schema.Field("event_types", types, "Only these; all that the fleet may see, when absent."),
        Schema.Field("fleet_id", .name, "Whose events; may be absent where the caller acts for one fleet."),
    ])
    static let patch = Schema.object([
        Schema.Field("url", .string(1...2048)),
        Schema.Field("event_types", .nullable(types), "null takes the filter away."),
        Schema.Field("status", .choice([WebhookStatus.active.rawValue, WebhookStatus.disabled.rawValue])),
    ])
    static let range = Schema.object([
        Schema.Field("from_position", .string(1...512), required: true, "The first event, by its sequence."),
        Schema.Field("to_position", .string(1...512), required: true, "The last one."),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let id = try fleet(of: body, call)
        let types = try eventTypes(body["event_types"])
        // For who is refused anyway, no name is looked up.
        let url =
            call.principal.holds(.communicationManage, for: id)
            ? try await call.api.webhooks.url(body.text("url")).text : body.text("url")
        let (key, secret) = try await newKey(for: id, call)
        let draft = WebhookDraft(fleet: id, url: url, types: types, key: key)
        return try await call.perform(
            Write(
                operation: "webhook.register", kind: .webhook,
                decide: { (ledger, context) throws(FleetError) in try ledger.register(draft, &context) },
                answer: { .created("/webhooks/\($0.subject)") }, secret: call.isDryRun ? nil : secret.text),
            body: body)
    }

    private static func fleet(of body: JSONObject, _ call: Call) throws(FleetError) -> Fleet.ID {
        if let fleet: Fleet.ID = body.name("fleet_id") { return fleet }
        guard call.principal.fleets.count == 1, let only = call.principal.fleets.first else {
            throw FleetError.invalid("/fleet_id", "required", "is needed: the caller acts for no fleet, or for several")
        }
        return only
    }

    /// - Parameter json: checked to be an array of strings, if it is there.
    private static func eventTypes(_ json: JSON?) throws(FleetError) -> [EventType]? {
        guard let names = json?.strings({ $0 }) else { return nil }
        var types: [EventType] = []
        var faults: [FleetError.Fault] = []
        for (index, name) in names.enumerated() {
            if let type = EventType(name: name) {
                if !types.contains(type) { types.append(type) }
            } else {
                faults.append(FleetError.Fault("/event_types/\(index)", "unknown_event_type", "is no type of event"))
            }
        }
        guard faults.isEmpty else { throw FleetError.invalid(faults) }
        guard !types.isEmpty else { throw FleetError.invalid("/event_types", "too_few", "names no type") }
        return types
    }

    /// A secret, sealed for the fleet. For who may not manage it, nothing is sealed.
    private static func newKey(
        for id: Fleet.ID, _ call: Call
    ) async throws -> (key: WebhookKey, secret: WebhookSecret) {
        let secret = WebhookSecret.make()
        let fleet =
            call.principal.holds(.communicationManage, for: id)
            ? try await stored { () throws(StoreError) in try await call.api.store.fleet(id) } : nil
        guard let fleet else {
            let sealed = Sealed(generation: 0, event: call.api.environment.newID(at: .distantPast), box: "")
            return (WebhookKey(secret: sealed, publicKey: ""), secret)
        }
        let sealed = try await call.seal(
            secret.material, .webhookSecret, of: id, generation: fleet.keyGeneration)
        return (WebhookKey(secret: sealed, publicKey: secret.publicKey), secret)
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        let fleet = call.parameter("fleet_id", Fleet.ID.init)
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.webhooks(
                for: call.principal, of: fleet, after: page.after(Webhook.ID.self), size: page.size)
        }
        return try call.answer("webhooks", found, next: \.id.description) { webhook, writer in
            call.view.write(webhook, to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let webhook = try await webhook(call)
        return try call.object { call.view.write(webhook, to: &$0) }
    }

    /// The webhook of the path, if the caller manages it.
    private static func webhook(_ call: Call) async throws -> Webhook {
        let id: Webhook.ID = try call.id("webhook_id")
        let found = try await stored { () throws(StoreError) in try await call.api.store.webhook(id) }
        guard let found, call.principal.holds(.communicationManage, for: found.fleet) else {
            let error = FleetError.notFound(.webhookNotFound)
            throw found.map { call.crossing(error, of: $0.fleet, action: .communicationManage) } ?? error
        }
        return found
    }

    private static func target(
        _ id: Webhook.ID, _ call: Call
    ) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .webhook(try ledger.managedWebhook(id, principal)) }
    }

    static func patch(_ call: Call) async throws -> Response {
        let id = try await webhook(call).id
        let body = try await call.body()
        var patch = WebhookPatch(status: body.choice("status"))
        if body["url"] != nil { patch.url = try await call.api.webhooks.url(body.text("url")).text }
        if let types = body["event_types"] { patch.types = .some(try eventTypes(types)) }
        let change = patch
        return try await call.perform(
            Write(
                operation: "webhook.update", kind: .webhook, target: target(id, call),
                decide: { (ledger, context) throws(FleetError) in try ledger.patch(id, change, &context) },
                answer: { _ in .ok }), body: body)
    }

    static func remove(_ call: Call) async throws -> Response {
        let id: Webhook.ID = try call.id("webhook_id")
        return try await call.perform(
            Write(
                operation: "webhook.remove", kind: .webhook, target: target(id, call),
                decide: { (ledger, context) throws(FleetError) in try ledger.remove(id, &context) },
                answer: { _ in .done }))
    }

    static func test(_ call: Call) async throws -> Response {
        let id: Webhook.ID = try call.id("webhook_id")
        return try await call.perform(
            Write(
                operation: "webhook.test", kind: .webhook, target: target(id, call),
                decide: { (ledger, context) throws(FleetError) in try ledger.test(id, &context) },
                answer: { _ in .accepted }))
    }

    static func rotateSecret(_ call: Call) async throws -> Response {
        let webhook = try await webhook(call)
        let (key, secret) = try await newKey(for: webhook.fleet, call)
        return try await call.perform(
            Write(
                operation: "webhook.rotate_secret", kind: .webhook, target: target(webhook.id, call),
                decide: { (ledger, context) throws(FleetError) in
                    try ledger.rotateSecret(of: webhook.id, to: key, &context)
                },
                answer: { _ in .ok }, secret: call.isDryRun ? nil : secret.text))
    }

    static func replay(_ call: Call) async throws -> Response {
        let id: Webhook.ID = try call.id("webhook_id")
        let body = try await call.body()
        return try await EventReplayRoutes.start(to: id, body, under: .communicationManage, call)
    }

    // MARK: The log of deliveries

    static func deliveries(_ call: Call) async throws -> Response {
        let webhook = try await webhook(call)
        let page = try call.page()
        let status: Push.Status? = call.choice("status")
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.pushes(
                to: webhook.id, status: status, before: page.after(PushPlace.self), size: page.size)
        }
        func place(_ push: Push) -> String { PushPlace(push).description }
        return try call.answer("deliveries", found, next: place) { push, writer in write(push, to: &writer) }
    }

    private static func write(_ push: Push, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("event_id", push.event.description)
        writer.field("event_type", EventType.prefix + push.type.rawValue)
        if case .replay(let replay) = push.sink { writer.field("replay_id", replay.description) }
        writer.field("status", push.status.rawValue)
        writer.field("attempts", push.attempts)
        if let status = push.httpStatus { writer.field("http_status", status) }
        if let error = push.error { writer.field("error", error) }
        if let next = push.nextAt { writer.field("next_attempt_at", next.description) }
        writer.field("created_at", push.createdAt.description)
        writer.field("updated_at", push.updatedAt.description)
        writer.endObject()
    }
}

extension EventType {
    /// Reads a type with the prefix of our CloudEvents or without.
    init?(name: some StringProtocol) {
        let short = name.hasPrefix(Self.prefix) ? String(name.dropFirst(Self.prefix.count)) : String(name)
        self.init(rawValue: short)
    }
}
