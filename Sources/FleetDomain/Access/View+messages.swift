package import FleetJSON

/// The content of a message, as a reader gets it.
package enum MessageContent: Sendable, Equatable {
    /// As JSON text.
    case open(String)
    /// The same, with the signature of its source and the body that it is over.
    case signed(String, MessageSignature, body: String)
    /// The data key is destroyed.
    case erased

    /// Bytes that it adds to an answer.
    package var length: Int {
        switch self {
        case .open(let text): text.utf8.count
        case .signed(let text, _, let body): text.utf8.count + body.utf8.count
        case .erased: 0
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.key("message_content")
        switch self {
        case .open(let text): writer.value(written: text)
        case .signed(let text, let signature, let body):
            writer.value(written: text)
            writer.key("signature")
            writer.beginObject()
            writer.field("key_id", signature.key.id)
            writer.field("public_key", signature.key.publicKey)
            writer.field("algorithm", "ed25519")
            writer.field("signature_base", signature.base)
            writer.field("signature", signature.value)
            writer.field("signed_body", body)
            writer.endObject()
        case .erased:
            writer.null()
            writer.field("content_erased", true)
        }
    }
}

extension View {
    // MARK: What it sees

    /// Whether the reader may see the delivery. `openUse` says that it coordinates the federation, and that what passes
    /// between the two is open.
    package func sees(_ delivery: Delivery, asCoordinator openUse: Bool = false) -> Bool {
        reader.holds(.communicationRead, for: delivery.target)
            || !delivery.isConcealed && reader.holds(.communicationRead, for: delivery.source) || openUse
    }

    /// Whether the reader may read what was said: for the source always; for the target once it was delivered, and who is
    /// no recipient also while it may be. Who sees the log for its office does not.
    package func seesContent(of delivery: Delivery, at now: Timestamp) -> Bool {
        if speaks(for: delivery.source), !delivery.isConcealed { return true }
        guard speaks(for: delivery.target) else { return false }
        return delivery.deliveredAt != nil
            || !delivery.status(at: now).isFinal && !reader.receives(for: delivery.target)
    }

    /// The same of a message that was just accepted.
    package func seesContent(ofMessageFrom source: Fleet.ID) -> Bool { speaks(for: source) }

    private func speaks(for fleet: Fleet.ID) -> Bool {
        reader.isAdmin || reader.fleets.contains(fleet) && reader.holdsForItsFleets(.communicationRead)
    }

    // MARK: How it looks

    /// A row of the communication log.
    package func write(
        _ delivery: Delivery, at now: Timestamp, content: MessageContent? = nil, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.field("log_id", delivery.id.description)
        writer.field("message_id", delivery.message.description)
        writer.field("federation_id", delivery.federation.description)
        writer.field("source_fleet_id", delivery.source.description)
        writer.field("target_fleet_id", delivery.target.description)
        writer.field("broadcast", delivery.isBroadcast)
        writer.field("message_type", delivery.type.description)
        writer.field("class", delivery.messageClass.rawValue)
        if let key = delivery.orderingKey { writer.field("ordering_key", key) }
        content?.write(to: &writer)
        writeProgress(of: delivery, at: now, to: &writer)
        writer.field("created_at", delivery.createdAt.description)
        writer.field("expires_at", delivery.expiresAt.description)
        writer.endObject()
    }

    private func writeProgress(of delivery: Delivery, at now: Timestamp, to writer: inout JSONWriter) {
        let status = delivery.status(at: now)
        writer.field("status", status.rawValue)
        if let reason = delivery.reason ?? (status == .expired ? "ttl" : nil) { writer.field("status_reason", reason) }
        writer.field("attempts", delivery.attempts)
        if let at = delivery.deliveredAt { writer.field("delivered_at", at.description) }
        let resolvedAt = delivery.resolvedAt ?? (status == .expired ? delivery.expiresAt : nil)
        if let resolvedAt {
            writer.field(status == .acknowledged ? "acknowledged_at" : "ended_at", resolvedAt.description)
        }
    }

    /// A message with what became of it, as far as the reader may know.
    ///
    /// - Parameters:
    ///   - deliveries: all of its deliveries; those that the reader does not see count for nothing.
    ///   - openUse: as of `sees`.
    package func write(
        _ message: MessageHead, _ deliveries: [Delivery], at now: Timestamp, asCoordinator openUse: Bool = false,
        content: MessageContent? = nil, to writer: inout JSONWriter
    ) {
        let visible = deliveries.filter { sees($0, asCoordinator: openUse) }
        writer.beginObject()
        writer.field("message_id", message.id.description)
        writer.field("federation_id", message.federation.description)
        writer.field("source_fleet_id", message.source.description)
        if let target = message.target { writer.field("target_fleet_id", target.description) }
        writer.field("message_type", message.type.description)
        writer.field("class", message.messageClass.rawValue)
        if let key = message.orderingKey { writer.field("ordering_key", key) }
        content?.write(to: &writer)
        if message.target != nil, let only = visible.first {
            writeProgress(of: only, at: now, to: &writer)
        } else {
            writer.field("status", Self.status(of: visible, at: now).rawValue)
            writer.key("deliveries")
            writer.beginArray()
            for delivery in visible {
                writer.beginObject()
                writer.field("target_fleet_id", delivery.target.description)
                writeProgress(of: delivery, at: now, to: &writer)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.field("created_at", message.createdAt.description)
        writer.field("expires_at", message.expiresAt.description)
        writer.endObject()
    }

    /// How far all of them are: the least far of those still on their way, or how the last ended.
    private static func status(of deliveries: [Delivery], at now: Timestamp) -> DeliveryStatus {
        let statuses = deliveries.map { $0.status(at: now) }
        let order: [DeliveryStatus] = [.accepted, .delivered, .deadLettered, .rejected, .expired, .acknowledged]
        return order.first(where: statuses.contains) ?? .accepted
    }
}
