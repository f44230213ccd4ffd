/// The right of a target fleet to use a source fleet's resource over a window: one `resource_sharing`.
package struct Lease: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Lease>

    package let id: ID
    package let federation: Federation.ID
    package let source: Fleet.ID
    package let target: Fleet.ID
    package let resourceType: ResourceType
    /// nil until it is bound to a unit of its class.
    package var resource: Resource.ID?
    /// What the units are alike in of which it gets one; nil where the resource was chosen with the promise.
    package let terms: UnitTerms?
    package let quantity: Int64
    /// When it begins; of one that is queued, the first start that will do.
    package var startsAt: Timestamp
    package var duration: Seconds
    /// When it was promised for good: at once, by the other side's approval, or when its turn came in the queue.
    package var grantedAt: Timestamp?
    /// When the borrower got it in its hands, once it has.
    package var activatedAt: Timestamp?
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
    /// The resource's terms when the lease was promised: a later change of the resource moves no promise.
    package var handover: Handover
    package var buffer: Seconds
    package let isUnit: Bool
    package var noShowAfter: Seconds
    package var acknowledgeWithin: Seconds
    /// While `pending` or `queued`: when the request lapses. While `revoking` or `preempting`: when the owner may
    /// report the new fence.
    package var deadline: Timestamp?
    /// From when on it may be bound to a unit, of those that are bound late.
    package var bindsAt: Timestamp?
    /// When it could first begin, if that was after `startsAt`: a late holder handed back, or the owner approved.
    package var readyAt: Timestamp?
    /// The allocation that it was made for.
    package var allocation: Allocation.ID?
    /// Whether its owner has agreed to it: until then, whoever did not name the resource is not told which it is.
    package var wasApproved: Bool
    /// Of one that was queued: the end of the log when it came.
    package var arrival: Int64?
    /// How often a stronger request has taken away what this one asked for.
    package let preemptions: Int64
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    /// Both sides.
    package var fleets: Set<Fleet.ID> { [source, target] }
    package var endsAt: Timestamp { startsAt + duration }
    package var window: Window { Window(start: startsAt, end: endsAt) }
    /// The resource that it is of; nil until it is bound.
    package var resourceKey: Resource.Key? { resource.map { Resource.Key(fleet: source, resource: $0) } }
    /// The class of which it gets a unit, of those that are bound late.
    package var unitClass: UnitClass.Key? {
        terms.map { UnitClass.Key(offer: OfferKey(fleet: source, type: resourceType), terms: $0) }
    }
    /// What its window is promised of.
    package var supply: Supply {
        if let unitClass { return .units(unitClass) }
        guard let resourceKey else { preconditionFailure("a lease is of a resource or of a class of them") }
        return .resource(resourceKey)
    }
    /// What its window is promised of, and its unit where it is bound to one.
    var supplies: [Supply] {
        guard terms != nil, let resourceKey else { return [supply] }
        return [supply, .resource(resourceKey)]
    }
    /// Whether the borrower keeps it past its window, or has to hand it back.
    var isHeldLate: Bool { status == .overdue || status == .revoking || status == .preempting }
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
    case queued, pending, granted, active, overdue, revoking, preempting
    case completed, rejected, expired, cancelled, revoked, preempted
    case noShow = "no_show"

    package func canBecome(_ next: LeaseStatus) -> Bool {
        switch (self, next) {
        case (.queued, .pending), (.queued, .granted), (.queued, .active), (.queued, .expired), (.queued, .cancelled),
            (.pending, .granted), (.pending, .active), (.pending, .rejected), (.pending, .expired),
            (.pending, .cancelled),
            (.granted, .active), (.granted, .cancelled), (.granted, .revoked), (.granted, .preempted),
            (.granted, .noShow),
            (.active, .completed), (.active, .revoking), (.active, .preempting), (.active, .overdue),
            (.overdue, .completed), (.overdue, .revoking),
            (.revoking, .revoked), (.preempting, .preempted):
            true
        default: false
        }
    }

    package var isFinal: Bool {
        switch self {
        case .completed, .rejected, .expired, .cancelled, .revoked, .preempted, .noShow: true
        case .queued, .pending, .granted, .active, .overdue, .revoking, .preempting: false
        }
    }

    /// Whether its window, with the buffer behind it, is promised to it: of one that is overdue the window is past,
    /// and the buffer is not; of one that is preempted it is promised to the claimant at once.
    package var holdsWindow: Bool { !isFinal && self != .queued && self != .preempting }

    /// Whether the borrower has the thing in its hands.
    package var possesses: Bool {
        switch self {
        case .active, .overdue, .revoking, .preempting: true
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
        case .queued: deadline
        case .pending: min(deadline ?? endsAt, endsAt)
        case .granted:
            if let bindsAt, resource == nil {
                bindsAt
            } else if awaitingReturn {
                endsAt
            } else {
                handover == .automatic ? max(startsAt, readyAt ?? startsAt) : noShowDue
            }
        case .active: endsAt
        case .overdue, .revoking, .preempting, .completed, .rejected, .expired, .cancelled, .revoked, .preempted,
            .noShow:
            nil
        }
    }

    /// When a confirmed lease that nobody activated counts as not shown up for.
    package var noShowDue: Timestamp {
        min(max(startsAt, readyAt ?? startsAt) + noShowAfter, endsAt)
    }
}
