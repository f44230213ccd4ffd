/// A message on its way to one recipient: one row of the communication log.
package struct Delivery: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Delivery>

    package let id: ID
    package let message: Message.ID
    package let federation: Federation.ID
    package let source: Fleet.ID
    package let target: Fleet.ID
    package let type: MessageType
    package let messageClass: MessageClass
    package let orderingKey: String?
    package let isBroadcast: Bool
    /// Whether the source may not know of it.
    package let isConcealed: Bool
    package var status: DeliveryStatus
    package var reason: String?
    /// Pushes to a webhook.
    package var attempts: Int64
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package var deliveredAt: Timestamp?
    /// When it was acknowledged, or ended otherwise.
    package var resolvedAt: Timestamp?
    /// Of the event that accepted its message.
    package let position: Int64

    /// Who speaks to whom.
    package struct Pair: Hashable, Sendable {
        package let source: Fleet.ID
        package let target: Fleet.ID
    }

    package var pair: Pair { Pair(source: source, target: target) }

    /// What it is at that time, recorded or not.
    package func status(at now: Timestamp) -> DeliveryStatus {
        !status.isFinal && now >= expiresAt ? .expired : status
    }
}

/// `accepted → delivered → acknowledged`, or another end; a dead letter can be put back on its way.
package enum DeliveryStatus: String, Sendable, CaseIterable {
    case accepted, delivered, acknowledged, rejected, expired
    case deadLettered = "dead_lettered"

    package var isFinal: Bool { self != .accepted && self != .delivered }
}
