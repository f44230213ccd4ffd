/// A fleet's membership of one federation.
package struct Member: Sendable, Equatable {
    package struct Key: Hashable, Sendable {
        package let federation: Federation.ID
        package let fleet: Fleet.ID

        package init(federation: Federation.ID, fleet: Fleet.ID) {
            self.federation = federation
            self.fleet = fleet
        }
    }

    package let key: Key
    package var isolationLevel: IsolationLevel
    package var resourceSharing: Bool
    package var communicationEnabled: Bool
    package var role: MemberRole
    package var status: MemberStatus
    /// The side that suspended it, the only one that may resume it.
    package var suspendedBy: MemberSide?
    /// While `leaving`: its leases are being ended, not waited for.
    package var isRecalled: Bool
    package var rules: [SharingRule]
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
    /// nil of a fleet that never gave a sign of life here. Its changes are no changes of the membership: they raise no
    /// version.
    package var presence: Presence?
}

/// Whether a fleet that gives signs of life did so in time.
package enum Presence: String, Sendable, CaseIterable {
    case reachable, unreachable
}

package enum MemberRole: String, Sendable, CaseIterable {
    case coordinator, member, observer
}

/// `invited → active ⇄ suspended → leaving → left`.
package enum MemberStatus: String, Sendable, CaseIterable {
    case invited, active, suspended, leaving, left

    package func canBecome(_ next: MemberStatus) -> Bool {
        switch (self, next) {
        case (.invited, .active), (.invited, .left), (.active, .suspended), (.suspended, .active),
            (.active, .leaving), (.suspended, .leaving), (.active, .left), (.suspended, .left), (.leaving, .left),
            (.left, .invited), (.left, .active):
            true
        default: false
        }
    }

    /// Whether the fleet takes part in what goes on, if only to finish it.
    package var isPresent: Bool { self == .active || self == .suspended || self == .leaving }
}

package enum MemberSide: String, Sendable, CaseIterable {
    case federation, fleet
}

/// How much of a member others may learn; between two fleets the stricter level holds.
package enum IsolationLevel: String, Sendable, CaseIterable, Comparable {
    case none, low, medium, high, sealed

    private var rank: Int {
        switch self {
        case .none: 0
        case .low: 1
        case .medium: 2
        case .high: 3
        case .sealed: 4
        }
    }

    package static func < (a: IsolationLevel, b: IsolationLevel) -> Bool { a.rank < b.rank }
}

/// An owner's standing approval of requests that fit it.
package struct SharingRule: Sendable, Equatable {
    /// nil is every counterparty.
    package var counterparty: Fleet.ID?
    /// nil is every type.
    package var resourceType: ResourceType?
    package var quantityMax: Int64?
    package var durationMax: Seconds?

    package init(
        counterparty: Fleet.ID?, resourceType: ResourceType?, quantityMax: Int64? = nil, durationMax: Seconds? = nil
    ) {
        self.counterparty = counterparty
        self.resourceType = resourceType
        self.quantityMax = quantityMax
        self.durationMax = durationMax
    }

    package func approves(_ target: Fleet.ID, _ type: ResourceType, quantity: Int64, duration: Seconds) -> Bool {
        (counterparty ?? target) == target && (resourceType ?? type) == type && quantity <= quantityMax ?? .max
            && duration <= durationMax ?? .max
    }
}
