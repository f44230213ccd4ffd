/// What one fleet says to another, or to a whole federation.
package struct Message: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Message>

    /// Unique among those of its source.
    package let id: ID
    package let federation: Federation.ID
    package let source: Fleet.ID
    /// nil is every other member.
    package let target: Fleet.ID?
    package let type: MessageType
    package let messageClass: MessageClass
    /// Those of one pair and one key are handed over in order.
    package let orderingKey: String?
    /// Any JSON, under a data key of the source; of a signed message the whole body that was signed.
    package let content: Sealed
    /// To whom it goes, decided when it was accepted.
    package let recipients: [Recipient]
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    /// Of the event that accepted it, where its content is kept.
    package let position: Int64
    package let signature: MessageSignature?

    package struct Recipient: Sendable, Equatable {
        package let fleet: Fleet.ID
        package let delivery: Delivery.ID
        /// Whether the source may not know that it is one.
        package let isConcealed: Bool
        /// Whether too much of the source already waits for it, so that this one is lost to it.
        package let isCrowdedOut: Bool
    }

    /// What is kept of it for as long as its federation exists: all but its content.
    package var head: MessageHead {
        MessageHead(
            id: id, federation: federation, source: source, target: target, type: type, messageClass: messageClass,
            orderingKey: orderingKey, createdAt: createdAt, expiresAt: expiresAt, position: position)
    }

    /// Its deliveries as they begin.
    package var deliveries: [Delivery] {
        recipients.map { recipient in
            Delivery(
                id: recipient.delivery, message: id, federation: federation, source: source, target: recipient.fleet,
                type: type, messageClass: messageClass, orderingKey: orderingKey, isBroadcast: target == nil,
                isConcealed: recipient.isConcealed, status: recipient.isCrowdedOut ? .expired : .accepted,
                reason: recipient.isCrowdedOut ? "backlog_full" : nil, attempts: 0, createdAt: createdAt,
                expiresAt: expiresAt, deliveredAt: nil, resolvedAt: recipient.isCrowdedOut ? createdAt : nil,
                position: position)
        }
    }
}

/// A message without its content and its recipients.
package struct MessageHead: Sendable, Equatable {
    package let id: Message.ID
    package let federation: Federation.ID
    package let source: Fleet.ID
    package let target: Fleet.ID?
    package let type: MessageType
    package let messageClass: MessageClass
    package let orderingKey: String?
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let position: Int64
}

package enum MessageTypeTag {}
package typealias MessageType = Name<MessageTypeTag>

/// How urgent it is to have it now.
package enum MessageClass: String, Sendable, CaseIterable {
    /// Takes a permission of its own, and reaches every member.
    case safety
    case coordination, telemetry, bulk
}

/// Limits of messages, each with its reason.
package enum MessageLimits {
    /// Bytes of a content: more belongs in a store of objects, with a link in the message.
    package static let contentBytesMax = 262_144
    package static let ttlDefault: Seconds = 86_400
    package static let ttlMax: Seconds = 604_800
    /// Messages of one fleet that another has neither acknowledged nor let expire: a fleet that is away holds up nobody
    /// else, and takes no more memory than this.
    package static let backlogMax: Int64 = 10_000
    /// Warnings that are taken beyond that.
    package static let safetyHeadroom: Int64 = 1000
    /// The same over all targets that the fleet may know: what one sender takes of the memory of all.
    package static let sourceBacklogMax: Int64 = 100_000
}
