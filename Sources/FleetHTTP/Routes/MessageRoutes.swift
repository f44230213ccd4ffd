import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird

/// Messages: sent, read, answered.
enum MessageRoutes {
    static let draft = Schema.object([
        Schema.Field("message_id", .uuid, "Sent again within a day, it is the same message; one is made when absent."),
        Schema.Field("federation_id", .uuid, required: true),
        Schema.Field("source_fleet_id", .name, required: true),
        Schema.Field("target_fleet_id", .name, "Every other member, when absent."),
        Schema.Field("message_type", .name, required: true),
        Schema.Field("message_content", .anything, required: true, "Any JSON of at most 262,144 bytes."),
        Schema.Field("ttl_seconds", .integer(1...MessageLimits.ttlMax), "A day, when absent."),
        Schema.Field("ordering_key", .string(1...128), "Those of one pair and one key are handed over in order."),
        Schema.Field("class", .choice(MessageClass.self), "coordination, when absent."),
    ])
    static let answer = Schema.object([
        Schema.Field("fleet_id", .name, "The recipient, where several fleets of the caller's are."),
        Schema.Field("reason", .name, "A code that the source understands."),
    ])

    static func send(_ call: Call) async throws -> Response {
        let (json, bytes) = try await call.request.jsonAndBytes()
        let body = try draft.check(json)
        let source: Fleet.ID = try body.requiredName("source_fleet_id")
        let content = try content(of: bytes, call)
        guard call.principal.holds(.communicationSend, for: source), let fleet = try await fleet(source, call) else {
            return try await refuse(source, call)
        }
        guard let federation: Federation.ID = body.id("federation_id") else {
            throw FleetError.invalid("/federation_id", "required", "is missing")
        }
        let signed = try SignedRequest.verify(call, body: bytes, key: fleet.signingKey)
        let id: Message.ID? = body.id("message_id")
        var draft = MessageDraft(
            id: id, federation: federation, source: source, target: body.name("target_fleet_id"),
            type: try body.requiredName("message_type"),
            content: try await call.seal(
                signed == nil ? content : String(decoding: bytes, as: UTF8.self), .messageContent, of: source,
                generation: fleet.keyGeneration))
        draft.signature = signed?.signature
        draft.messageClass = body.choice("class") ?? draft.messageClass
        draft.orderingKey = body.optionalText("ordering_key")
        draft.ttl = body.integer("ttl_seconds") ?? draft.ttl
        let decided = draft
        var write = Write(
            operation: "message.send", kind: .message,
            decide: { (ledger, context) throws(FleetError) in try ledger.send(decided, &context) },
            answer: { .created("/messages/\($0.subject)") }, opened: { _ in content })
        if let id { write.identities.append(identity(of: id, from: source)) }
        if let signed { write.identities.append(identity(of: signed)) }
        var asked = body
        // Without a name of any kind there is nothing to tell it from.
        if !write.identities.isEmpty || call.hasIdempotencyKey {
            asked["message_content"] = .string(
                try await call.digest(of: content, of: source, generation: fleet.keyGeneration))
        }
        // An id is the same in either case.
        asked["message_id"] = id.map { .string($0.description) }
        // Looked at before the claims are: of two at once, the second then finds the first among those.
        let isTaken = try await isTaken(id, from: source, call)
        return try await call.perform(write, body: asked) {
            guard !isTaken else {
                throw FleetError(.messageExists, "This fleet sent a message under this id before.")
            }
        }
    }

    private static func identity(of id: Message.ID, from source: Fleet.ID) -> WriteIdentity {
        WriteIdentity(
            parts: ["message", source.description, id.description],
            refusal: FleetError(.messageIDReused, "This fleet sent another message under this id."))
    }

    private static func identity(of signed: SignedRequest) -> WriteIdentity {
        WriteIdentity(
            parts: ["nonce", signed.signature.key.id, signed.nonce],
            refusal: FleetError(.nonceReused, "This nonce was used before."), isAnsweredAgain: false)
    }

    /// Whether the id is taken: it tells what is sent again apart for a day, and names what was sent for ever. Within the day
    /// a dry run, which has no identity, is that of what is sent again.
    private static func isTaken(_ id: Message.ID?, from source: Fleet.ID, _ call: Call) async throws -> Bool {
        guard let id else { return false }
        let known = try await stored { () throws(StoreError) in try await call.api.store.messages(id) }
        let day = call.api.environment.now() - IdempotencyRecord.lifetime
        return known.contains { $0.source == source && !(call.isDryRun && $0.createdAt > day) }
    }

    /// Bytes of a body besides its content: none of its other members is long.
    private static let envelopeBytesMax = 16_384

    private static func content(of bytes: [UInt8], _ call: Call) throws(FleetError) -> String {
        let text: String?
        do throws(JSONSyntaxError) {
            text = try JSON.text(ofMember: "message_content", in: bytes, maxDepth: call.request.limits.jsonDepthMax)
        } catch {
            throw FleetError(.malformedJSON, "The body is not accepted as JSON.")
        }
        guard let text else { throw FleetError.invalid("/message_content", "required", "is missing") }
        // What is around the content is kept as well where it is signed.
        guard text.utf8.count <= MessageLimits.contentBytesMax, bytes.count <= text.utf8.count + envelopeBytesMax else {
            throw FleetError(
                .contentTooLarge, "The message_content is longer than \(MessageLimits.contentBytesMax) bytes.")
        }
        return text
    }

    private static func fleet(_ id: Fleet.ID, _ call: Call) async throws(FleetError) -> Fleet? {
        try await stored { () throws(StoreError) in try await call.api.store.fleet(id) }
    }

    /// Who may not speak for the source is refused as by the decision, and nothing is sealed or looked up for it.
    private static func refuse(_ source: Fleet.ID, _ call: Call) async throws -> Response {
        let command = Command(
            operation: "message.send", principal: call.principal, object: call.path,
            requestID: call.request.identity.requestID, dryRun: call.isDryRun
        ) { (ledger, context) throws(FleetError) in
            _ = try ledger.ownedFleet(source, context.principal, .communicationSend)
            throw FleetError.denied(.communicationSend, crossing: source)
        }
        _ = try await call.api.orchestrator.submit(command)
        throw FleetError.denied(.communicationSend)
    }

    /// A message as the caller sees it.
    private struct Found {
        let message: MessageHead
        var deliveries: [Delivery]
        /// Whether it sees it as a coordinator of two whose use is open.
        let openUse: Bool
    }

    static func get(_ call: Call) async throws -> Response {
        var found = try await message(call)
        // To read it by its name is to receive it too.
        let due = found.deliveries.filter { $0.status == .accepted && call.principal.receives(for: $0.target) }
        if call.request.method != .head {
            let handed = try await call.api.router.handOver(
                due, to: call.principal, requestID: call.request.identity.requestID)
            found.deliveries = found.deliveries.map { one in handed.first { $0.id == one.id } ?? one }
        }
        let now = call.api.environment.now()
        var content: MessageContent?
        if found.deliveries.contains(where: { call.view.seesContent(of: $0, at: now) })
            || call.view.seesContent(ofMessageFrom: found.message.source)
        {
            let position = found.message.position
            let whole = try await stored { () throws(StoreError) in try await call.api.store.messages(at: [position]) }
            if let whole = whole[position] { content = try await call.content(of: whole) }
        }
        let (shown, text) = (found, content)
        return try call.object {
            call.view.write(
                shown.message, shown.deliveries, at: now, asCoordinator: shown.openUse, content: text, to: &$0)
        }
    }

    /// The message of the path with its deliveries, if the caller may see any of it.
    private static func message(_ call: Call) async throws -> Found {
        let id: Message.ID = try call.id("message_id")
        let source = call.parameter("source_fleet_id", Fleet.ID.init)
        let known = try await stored { () throws(StoreError) in try await call.api.store.messages(id) }
        var visible: [Found] = []
        for message in known where (source ?? message.source) == message.source {
            let deliveries = try await stored { () throws(StoreError) in
                try await call.api.store.deliveries(of: message)
            }
            let isOwn =
                call.principal.holds(.communicationRead, for: message.source)
                || deliveries.contains { call.view.sees($0) }
            let openUse = isOwn ? false : try await isOpen(message, call)
            if isOwn || openUse { visible.append(Found(message: message, deliveries: deliveries, openUse: openUse)) }
        }
        guard let first = visible.first else {
            let error = FleetError.notFound(.messageNotFound)
            throw known.first.map { call.crossing(error, of: $0.source, action: .communicationRead) } ?? error
        }
        guard visible.count == 1 else {
            throw FleetError(.messageAmbiguous, "Several fleets sent a message of this id; say source_fleet_id.")
        }
        return first
    }

    /// Whether the caller coordinates the federation of a message, and what passes between its sides is open.
    private static func isOpen(_ message: MessageHead, _ call: Call) async throws -> Bool {
        guard let target = message.target else { return false }
        let store = call.api.store
        return try await stored { () throws(StoreError) in
            guard let standing = try await store.standing(of: call.principal, in: message.federation),
                call.principal.holds(.communicationRead, coordinating: standing)
            else { return false }
            let keys = [message.source, target].map { Member.Key(federation: message.federation, fleet: $0) }
            let members = try await store.members(Set(keys))
            return View.useIsOpen(members[keys[0]], members[keys[1]])
        }
    }

    // MARK: The recipient's answer

    static func answer(_ outcome: DeliveryStatus) -> @Sendable (Call) async throws -> Response {
        { call in
            let body = try await call.optionalBody()
            let delivery = try await delivery(to: body.name("fleet_id"), call)
            let reason = body.optionalText("reason")
            do {
                return try await call.perform(
                    Write(
                        operation: "message.\(outcome.rawValue)", kind: .delivery,
                        target: { (ledger) throws(FleetError) in
                            guard let current = ledger.deliveries[delivery.id] else {
                                throw FleetError.notFound(.messageNotFound)
                            }
                            return .delivery(current)
                        },
                        decide: { (ledger, context) throws(FleetError) in
                            try ledger.resolve(delivery.id, as: outcome, reason: reason, &context)
                        }, answer: { _ in .ok }), body: body)
            } catch let error as FleetError where error.code == .messageNotFound {
                // One that has ended is no longer with the writer.
                let ended = try await self.delivery(to: delivery.target, call)
                guard ended.status == outcome else {
                    if ended.status == .expired { throw FleetError.expired(ended) }
                    throw FleetError(.alreadyResolved, "The message is \(ended.status.rawValue) already.")
                }
                return try await call.answer(unchanged: .delivery(ended))
            }
        }
    }

    /// The delivery that the caller answers for.
    private static func delivery(to fleet: Fleet.ID?, _ call: Call) async throws -> Delivery {
        let found = try await message(call)
        let message = found.message
        let mine = found.deliveries.filter {
            (fleet ?? $0.target) == $0.target && call.principal.holds(.communicationReceive, for: $0.target)
        }
        guard let first = mine.first else {
            throw call.crossing(
                .denied(.communicationReceive), of: message.target ?? message.source, action: .communicationReceive)
        }
        guard mine.count == 1 else {
            throw FleetError.invalid("/fleet_id", "required", "is needed: several fleets of yours received it")
        }
        return first
    }
}
