import HeapModule

/// How many leases one batch changes at most because of time or of an intent: a longer queue is drained batch by
/// batch, so that no commit grows without bound.
package let leaseSlice = 256

extension Ledger {
    /// Records what time alone has made true up to now, in the order of the instants, at most `limit` leases.
    ///
    /// - Returns: false when more is due.
    @discardableResult
    package mutating func advance(limit: Int = leaseSlice, _ context: inout Context) -> Bool {
        var changed = 0
        while let next = due.min, next.at <= context.now {
            guard changed < limit else { return false }
            due.removeMin()
            if let outlook {
                foreseenDue.append(next)
                guard concerns(outlook, next) else { continue }
            }
            if elapse(next, &context) { changed += 1 }
        }
        return true
    }

    /// - Returns: whether anything changed.
    private mutating func elapse(_ due: Due, _ context: inout Context) -> Bool {
        switch due.subject {
        case .ending(let id), .beginning(let id):
            guard let lease = leases[id], Due(lease) == due, !aside.contains(id) else { return false }
            elapse(lease, &context)
            return true
        case .lapse(let id):
            guard let allocation = allocations[id], Due(allocation) == due, !asideAllocations.contains(id) else {
                return false
            }
            leaveQueue(allocation, .allocationExpired, &context)
            return true
        case .silence(let id): return elapseSilence(of: id, &context)
        case .cooled(let key):
            guard let resource = resources[key] else { return false }
            stir(key.fleet, resource.type)
            guard unitClass(of: resource)?.awaiting.isEmpty == false else { return false }
            // An outlook puts back all that came up in it.
            if outlook == nil { cooled.append(due) }
            resume(waiting(for: key, now: context.now), &context)
            return true
        }
    }

    /// The next instant at which there may be something to record.
    package var nextDue: Timestamp? { due.min?.at }

    private mutating func elapse(_ lease: Lease, _ context: inout Context) {
        switch lease.status {
        case .queued: end(lease, .expired, .sharingExpired, "waited_too_long", &context)
        case .pending: end(lease, .expired, .sharingExpired, "not_approved_in_time", &context)
        case .granted: elapseGranted(lease, &context)
        case .active where lease.handover == .automatic || outlook != nil:
            end(lease, .completed, .sharingCompleted, nil, &context)
        case .active: keepLate(lease, &context)
        case .overdue, .revoking, .preempting, .completed, .rejected, .expired, .cancelled, .revoked, .preempted,
            .noShow:
            break
        }
    }

    private mutating func elapseGranted(_ lease: Lease, _ context: inout Context) {
        guard lease.resource != nil else {
            let bound = bind(.lease(lease), &context).asLease ?? lease
            if bound.resource == nil, context.now >= lease.endsAt {
                end(bound, .cancelled, .sharingCancelled, ErrorCode.unitNotReturned.rawValue, &context)
            }
            return
        }
        let lease = atBest(lease, &context)
        guard lease.status == .granted else { return }
        let isBlocked = isBlocked(lease)
        if isBlocked || lease.awaitingReturn, context.now >= lease.endsAt {
            end(lease, .cancelled, .sharingCancelled, ErrorCode.unitNotReturned.rawValue, &context)
            warnNext(after: lease, &context)
        } else if isBlocked {
            wait(lease, &context)
        } else if lease.handover == .confirmed, outlook == nil {
            end(lease, .noShow, .sharingNoShow, nil, &context)
        } else {
            var lease = lease
            // Also when its end has passed while nobody looked: it ran, and its end is recorded next.
            hand(&lease, at: context.now)
            _ = save(.sharingActivated, lease, &context)
        }
    }

    /// The window is over and the borrower has not returned: it keeps possession, not the window, and whoever is
    /// next is told.
    private mutating func keepLate(_ lease: Lease, _ context: inout Context) {
        var late = lease
        late.status = .overdue
        _ = save(.sharingOverdue, late, &context)
        warnNext(after: late, &context)
    }

    /// Whether leases that an intent put up for ending are left.
    package var hasIntents: Bool { !drain.isEmpty }

    /// Ends up to `limit` of the leases that an intent put up for ending.
    ///
    /// - Returns: false when more remain.
    package mutating func drainLeases(limit: Int = leaseSlice, _ context: inout Context) -> Bool {
        let slice = drain.prefix(limit)
        drain.removeFirst(slice.count)
        for id in slice {
            guard let lease = leases[id], !aside.contains(id) else { continue }
            let isOver = federations[lease.federation]?.status != .active
            let isRetired = resource(of: lease)?.status == .retired
            let reason = isOver ? "federation_ended_it" : isRetired ? "resource_retired" : "member_left"
            switch lease.status {
            case .queued, .pending: end(lease, .cancelled, .sharingCancelled, reason, &context)
            case .granted: end(lease, .revoked, .sharingRevoked, reason, &context)
            case .active, .overdue: _ = recall(lease, reason, &context)
            default: break
            }
        }
        return drain.isEmpty
    }

    /// Whether the lease waits for what its owner can no longer lend.
    private func waitsInVain(_ lease: Lease) -> Bool {
        lease.status == .queued
            && (isOver(for: lease.source, in: lease.federation)
                || resource(of: lease)?.status == .retired)
    }

    /// The leases that intents recorded in the state still have to end: found again after a start.
    ///
    /// Whether anybody who waits can be served is looked at anew as well.
    package mutating func resumeDrains() {
        stirAll()
        let recalled = members.values.filter { $0.status == .leaving && $0.isRecalled }.map(\.key)
        let ended = federations.values.filter {
            $0.status == .dissolving || $0.status == .suspended && $0.policy.onSuspend == .revoke
        }
        var ids = ended.reduce(into: Set<Lease.ID>()) { $0.formUnion(liveLeases(of: $1.id)) }
        for key in recalled { ids.formUnion(leasesOfMember[key] ?? []) }
        ids.formUnion(leases.values.filter(waitsInVain).map(\.id))
        drain = ids.filter { leases[$0]?.status != .revoking && leases[$0]?.status != .preempting }.sorted()
    }
}
