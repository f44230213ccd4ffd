/// What a caller asks for: one resource, by name, for a window.
package struct SharingRequest: Sendable, Equatable {
    package var source: Fleet.ID
    package var target: Fleet.ID
    package var resourceType: ResourceType
    package var resource: Resource.ID
    package var duration: Seconds
    package var priority: Priority
    /// nil when the two fleets meet in one federation only.
    package var federation: Federation.ID?
    /// nil is now.
    package var startsAt: Timestamp?
    package var quantity: Int64
    package var purpose: String?
    package var reason: String?
    /// Whether it may wait in the queue for what cannot be given at once.
    package var mayWait: Bool

    package init(
        source: Fleet.ID, target: Fleet.ID, resourceType: ResourceType, resource: Resource.ID, duration: Seconds,
        priority: Priority = .normal, federation: Federation.ID? = nil, startsAt: Timestamp? = nil,
        quantity: Int64 = 1, purpose: String? = nil, reason: String? = nil,
        mayWait: Bool = false
    ) {
        self.source = source
        self.target = target
        self.resourceType = resourceType
        self.resource = resource
        self.duration = duration
        self.priority = priority
        self.federation = federation
        self.startsAt = startsAt
        self.quantity = quantity
        self.purpose = purpose
        self.reason = reason
        self.mayWait = mayWait
    }
}

/// Limits of a request, whatever the policy says.
package enum SharingLimits {
    /// A start this far in the past counts as now: clocks differ.
    package static let startTolerance: Seconds = 60
    /// How many free windows an explanation names.
    package static let nearestWindows = 3
}
