package import FleetJSON

extension Entity {
    /// The fleet whose operators alone see what is about it, of what shows where they have events pushed to.
    var managed: Fleet.ID? {
        switch self {
        case .webhook(let webhook): webhook.fleet
        case .replay(let replay): replay.fleet
        default: nil
        }
    }
}

extension Webhook {
    /// The URL without its path, which may hold what only its owner is to know.
    fileprivate var origin: String {
        var slashes = 0
        return String(
            url.prefix { character in
                if character == "/" { slashes += 1 }
                return slashes < 3 && character != "?"
            })
    }
}

extension View {
    /// Who sees all events is shown where they go, and not the whole of the URL.
    ///
    /// - Parameter secret: what signs its pushes, on the one occasion that it is shown.
    package func write(_ webhook: Webhook, secret: String? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("webhook_id", webhook.id.description)
        writer.field("fleet_id", webhook.fleet.description)
        writer.field("url", reader.holds(.communicationManage, for: webhook.fleet) ? webhook.url : webhook.origin)
        if let types = webhook.types {
            writer.key("event_types")
            writer.value(.array(types.map { .string(EventType.prefix + $0.rawValue) }))
        }
        writer.field("status", webhook.status.rawValue)
        if let reason = webhook.statusReason { writer.field("status_reason", reason) }
        if let secret { writer.field("secret", secret) }
        writer.field("public_key", webhook.publicKey)
        if let previous = webhook.previous { writer.field("previous_secret_until", previous.until.description) }
        writer.field("version", webhook.version)
        writer.field("created_at", webhook.createdAt.description)
        writer.field("updated_at", webhook.updatedAt.description)
        writer.endObject()
    }

    /// - Parameter progress: how far it is, where that was looked up.
    package func write(_ replay: EventReplay, progress: ReplayProgress? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("replay_id", replay.id.description)
        writer.field("webhook_id", replay.webhook?.description)
        writer.field("fleet_id", replay.fleet?.description)
        if replay.isToBus { writer.field("topic", true) }
        writer.field("status", replay.status.rawValue)
        if let reason = replay.statusReason { writer.field("status_reason", reason) }
        if let progress {
            writer.field("delivered", progress.delivered)
            writer.field("failed", progress.failed)
            writer.field("pending", progress.pending)
        }
        writer.field("version", replay.version)
        writer.field("created_at", replay.createdAt.description)
        if let endedAt = replay.endedAt { writer.field("ended_at", endedAt.description) }
        writer.endObject()
    }
}

/// How many of a replay's events became of what.
package struct ReplayProgress: Sendable, Equatable {
    package var delivered: Int64
    package var failed: Int64
    package var pending: Int64

    package init(delivered: Int64 = 0, failed: Int64 = 0, pending: Int64 = 0) {
        self.delivered = delivered
        self.failed = failed
        self.pending = pending
    }
}
