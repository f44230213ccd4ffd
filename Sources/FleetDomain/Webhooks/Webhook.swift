/// Where a fleet has events pushed to: an address that its owner runs.
package struct Webhook: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Webhook>

    package let id: ID
    /// What is pushed is what this fleet may see.
    package let fleet: Fleet.ID
    package var url: String
    /// Only these; nil is all that the fleet may see.
    package var types: [EventType]?
    package var status: WebhookStatus
    /// Why it is disabled, where the service did that.
    package var statusReason: String?
    /// What signs the pushes, under a data key of the fleet.
    package var secret: Sealed
    /// What signed them before the last rotation, and goes on doing so for a while.
    package var previous: Previous?
    /// The public half of the signing key, as Standard Webhooks writes it.
    package var publicKey: String
    /// Pushed is what comes after this position.
    package let startsAfter: Int64
    package let createdBy: String
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package struct Previous: Sendable, Equatable {
        package let secret: Sealed
        package let until: Timestamp
    }

    /// As whom it reads the log and takes messages.
    package var principal: Principal {
        Principal(subject: Principal.webhookPrefix + id.description, roles: [.fleetOperator], fleets: [fleet])
    }

    /// Whether events of this type are for it.
    package func takes(_ type: EventType) -> Bool { types?.contains(type) ?? true }
}

package enum WebhookStatus: String, Sendable, CaseIterable {
    case active, disabled, removed
}

package enum WebhookLimits {
    /// Each follows the log, with a task of its own.
    static let ofFleetMax = 16
    static let max = 2000
    /// Each pushes beside what is live, to the same address.
    static let replaysMax = 4
    /// Seconds for which both secrets sign after a rotation: time to give the new one to all receivers.
    package static let overlap: Seconds = 86_400
}
