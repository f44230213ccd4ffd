/// The right of a target fleet to use a source fleet's resource over a window: one `resource_sharing`.
package struct Lease: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Lease>

    package let id: ID
    package let federation: Federation.ID
    package let source: Fleet.ID
    package let target: Fleet.ID
    package let resourceType: ResourceType
    package let resource: Resource.ID
    package let quantity: Int64
    package let startsAt: Timestamp
    package var duration: Seconds
    /// When it really ended, once it has.
    package var endedAt: Timestamp?
    package var priority: Priority
    package var purpose: String?
    /// Why the request says it is needed; mandatory for `emergency`.
    package var reason: String?
    package var status: LeaseStatus
    /// The side that asked; while `pending`, the other one approves or rejects.
    package let requestedBy: LeaseSide
    package var statusReason: String?
    /// While `granted`: an earlier holder has not returned the resource, so it cannot begin and its no-show
    /// clock stands still.
    package var awaitingReturn: Bool
    /// The token that the resource checks. The holder sees the one it was activated with, never a later one.
    package var fencingToken: Int64?
    /// The resource's terms when the lease was made: a later change of the resource moves no promise.
    package let handover: Handover
    package let buffer: Seconds
    package let isUnit: Bool
    package let noShowAfter: Seconds
    package let acknowledgeWithin: Seconds
    /// While `pending`: when the request lapses. While `revoking`: when the owner may report the new fence.
    package var deadline: Timestamp?
    /// When it could first begin, if that was after `startsAt`: a late holder handed back, or the owner approved.
    package var readyAt: Timestamp?
    /// The allocation that it was made for.
    package var allocation: Allocation.ID?
    /// Whether its owner has agreed to it: until then, whoever did not name the resource is not told which it is.
    package var wasApproved: Bool
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    /// Both sides.
    package var fleets: Set<Fleet.ID> { [source, target] }
    package var endsAt: Timestamp { startsAt + duration }
    package var window: Window { Window(start: startsAt, end: endsAt) }
    package var resourceKey: Resource.Key { Resource.Key(fleet: source, resource: resource) }
    /// What it occupies in the calendar while it holds its window.
    package var occupied: Window { Window(start: startsAt, end: endsAt + buffer) }
}

package enum Priority: String, Sendable, CaseIterable, Comparable {
    case low, normal, high, critical, emergency

    private var rank: Int { Priority.allCases.firstIndex(of: self) ?? 0 }

    package static func < (a: Priority, b: Priority) -> Bool { a.rank < b.rank }
}

package enum LeaseSide: String, Sendable, CaseIterable {
    case source, target
}

package enum LeaseStatus: String, Sendable, CaseIterable {
    case pending, granted, active, overdue, revoking
    case completed, rejected, expired, cancelled, revoked
    case noShow = "no_show"

    package func canBecome(_ next: LeaseStatus) -> Bool {
        switch (self, next) {
        case (.pending, .granted), (.pending, .active), (.pending, .rejected), (.pending, .expired),
            (.pending, .cancelled),
            (.granted, .active), (.granted, .cancelled), (.granted, .revoked), (.granted, .noShow),
            (.active, .completed), (.active, .revoking), (.active, .overdue),
            (.overdue, .completed), (.overdue, .revoking),
            (.revoking, .revoked):
            true
        default: false
        }
    }

    package var isFinal: Bool {
        switch self {
        case .completed, .rejected, .expired, .cancelled, .revoked, .noShow: true
        case .pending, .granted, .active, .overdue, .revoking: false
        }
    }

    /// Whether its window, with the buffer behind it, is promised to it: of one that is overdue the window is past,
    /// and the buffer is not.
    package var holdsWindow: Bool { !isFinal }

    /// Whether the borrower has the thing in its hands.
    package var possesses: Bool {
        switch self {
        case .active, .overdue, .revoking: true
        default: false
        }
    }
}

extension Lease {
    /// The next instant at which time alone changes it, if there is one.
    ///
    /// With the status this is a pure function of the lease: the clock only records what is already true.
    package var nextDue: Timestamp? {
        switch status {
        case .pending: min(deadline ?? endsAt, endsAt)
        case .granted:
            if awaitingReturn {
                endsAt
            } else {
                handover == .automatic ? max(startsAt, readyAt ?? startsAt) : noShowDue
            }
        case .active: endsAt
        case .overdue, .revoking, .completed, .rejected, .expired, .cancelled, .revoked, .noShow: nil
        }
    }

    /// When a confirmed lease that nobody activated counts as not shown up for.
    package var noShowDue: Timestamp {
        min(max(startsAt, readyAt ?? startsAt) + noShowAfter, endsAt)
    }
}
