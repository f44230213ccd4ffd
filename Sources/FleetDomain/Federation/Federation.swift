/// A group of fleets that coordinate under one policy.
package struct Federation: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Federation>

    package let id: ID
    package var name: String
    package var description: String
    package var status: FederationStatus
    package var policy: FederationPolicy
    /// Raised by every change to the set of active members.
    package var membershipEpoch: Int64
    /// The subject that created it and, as a `federation_coordinator`, coordinates it.
    package let createdBy: String
    /// Counts the changes of the federation itself, not those of its members.
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
}

/// `active ⇄ suspended`, then `dissolving → dissolved`.
package enum FederationStatus: String, Sendable, CaseIterable {
    case active, suspended, dissolving, dissolved

    package func canBecome(_ next: FederationStatus) -> Bool {
        switch (self, next) {
        case (.active, .suspended), (.suspended, .active), (.active, .dissolving), (.suspended, .dissolving),
            (.active, .dissolved), (.suspended, .dissolved), (.dissolving, .dissolved):
            true
        default: false
        }
    }
}

/// The rules that hold for every member of a federation. Durations are in seconds.
package struct FederationPolicy: Sendable, Equatable {
    package var defaultIsolationLevel: IsolationLevel = .high
    /// nil allows every type.
    package var allowedResourceTypes: [ResourceType]?
    package var leaseDurationMax: Seconds = 2_592_000
    package var bookingHorizon: Seconds = 7_776_000
    package var onSuspend: SuspensionRule = .drain
    package var approvalTimeout: Seconds = 3600
    package var acknowledgeDeadline: Seconds = 300
    package var noShowAfter: Seconds = 900
    /// How long before its start a lease of pooled units gets its unit.
    package var bindLead: Seconds = 300
    /// Whether a stronger request may take away what a weaker one borrowed.
    package var preemption = false
    /// How long what is in use is not taken away by a stronger request.
    package var minimumTenure: Seconds = 900
    /// How long a request waits in the queue.
    package var queueTTL: Seconds = 86_400
    /// After how long half of what was lent or borrowed still counts.
    package var fairnessHalfLife: Seconds = 604_800

    /// Percent of what a fleet has lent that is set off against what it has borrowed; 0 is off.
    package var reciprocity: Int64 = 0

    package init() {}
}

/// What happens to running leases when a federation is suspended.
package enum SuspensionRule: String, Sendable, CaseIterable {
    /// They run to their end.
    case drain
    /// They are revoked.
    case revoke
}
