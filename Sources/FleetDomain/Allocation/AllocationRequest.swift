/// What a caller asks the engine for.
package struct AllocationRequest: Sendable, Equatable {
    package var federation: Federation.ID
    package var target: Fleet.ID
    package var items: [AllocationItem]
    package var duration: Seconds
    /// nil is now.
    package var earliest: Timestamp?
    /// The last start that will do; nil is `earliest`.
    package var latest: Timestamp?
    package var priority: Priority
    package var acceptsPart: Bool
    package var purpose: String?
    package var reason: String?
    /// Whether it may wait in the queue for what cannot be given at once.
    package var mayWait: Bool

    package init(
        federation: Federation.ID, target: Fleet.ID, items: [AllocationItem], duration: Seconds,
        earliest: Timestamp? = nil, latest: Timestamp? = nil, priority: Priority = .normal, acceptsPart: Bool = false,
        purpose: String? = nil, reason: String? = nil, mayWait: Bool = false
    ) {
        self.federation = federation
        self.target = target
        self.items = items
        self.duration = duration
        self.earliest = earliest
        self.latest = latest
        self.priority = priority
        self.acceptsPart = acceptsPart
        self.purpose = purpose
        self.reason = reason
        self.mayWait = mayWait
    }
}

/// Limits of the engine's searches: an answer says how far it looked.
package enum AllocationLimits {
    /// Leases of one allocation: they are committed together, and a commit stays short.
    package static let leasesMax = 256
    /// Searches of one what-if: each takes its turn on the writer's state, and writes wait meanwhile.
    package static let plannedMax = 100
    /// Starts that are tried after the first.
    static let startsMax = 32
    /// Resources that are looked at for all starts after the first: the first is always looked at whole.
    static let looksMax = 2000
    /// Resources of an item whose next free window is looked up to find the next start.
    static let resourcesPerStart = 16
}
