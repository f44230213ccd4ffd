package enum LeaseAction: String, Sendable, CaseIterable {
    case approve, reject, activate, `return`, revoke, acknowledge

    package var permission: Permission {
        switch self {
        case .approve, .reject: .sharingApprove
        case .activate, .return, .revoke, .acknowledge: .sharingManage
        }
    }
}

extension Principal {
    /// The fleet in whose name the principal takes the step.
    ///
    /// - Throws: `permission_denied` when it does not act for the side whose step it is.
    package func side(of action: LeaseAction, on lease: Lease) throws(FleetError) -> Fleet.ID {
        let fleet =
            switch action {
            case .approve, .reject: lease.requestedBy == .target ? lease.source : lease.target
            case .revoke: lease.source
            case .activate, .return, .acknowledge: lease.target
            }
        guard holds(action.permission, for: fleet) else {
            var error = FleetError(
                .permissionDenied, "This step is for \(fleet) to take, with \(action.permission.rawValue).")
            error.crossed = fleet
            throw error
        }
        return fleet
    }
}

package struct LeaseUpdate: Sendable, Equatable {
    package var duration: Seconds?
    package var priority: Priority?
    /// The status to bring it to, as one of the actions would.
    package var status: LeaseStatus?

    package init(duration: Seconds? = nil, priority: Priority? = nil, status: LeaseStatus? = nil) {
        self.duration = duration
        self.priority = priority
        self.status = status
    }
}

extension Ledger {
    /// Takes one step of a lease's life in the name of the side whose step it is. A step that was taken already
    /// gives the lease as it is: a hold is resolved once, and later tries see the first outcome.
    package mutating func act(
        _ action: LeaseAction, on id: Lease.ID, reason: String? = nil, _ context: inout Context
    ) throws(FleetError) -> Entity {
        let lease = try visibleLease(id, context.principal)
        try requireSide(of: action, lease, &context)
        switch action {
        case .approve: return try approve(lease, &context)
        case .reject: return try reject(lease, reason, &context)
        case .activate: return try activate(lease, &context)
        case .return: return try finish(lease, &context)
        case .revoke: return try revoke(lease, reason ?? "revoked_by_lender", &context)
        case .acknowledge: return try acknowledge(lease, &context)
        }
    }

    private func requireSide(
        of action: LeaseAction, _ lease: Lease, _ context: inout Context
    ) throws(FleetError) {
        context.actingFleet = try context.principal.side(of: action, on: lease)
    }

    private mutating func approve(_ lease: Lease, _ context: inout Context) throws(FleetError) -> Entity {
        if lease.status == .queued { throw FleetError.resolved(lease, toBecome: .granted) }
        if lease.status != .pending { return .lease(lease) }
        guard context.now < lease.nextDue ?? lease.endsAt else {
            throw FleetError(.alreadyResolved, "The request lapsed before it was approved.")
        }
        try requireStanding(of: lease, context.principal)
        var lease = lease
        lease.status = .granted
        lease.wasApproved = true
        lease.grantedAt = context.now
        lease.deadline = nil
        // Nobody could fetch it before it was granted.
        if lease.startsAt < context.now { lease.readyAt = context.now }
        begin(&lease, at: context.now)
        return bind(save(.sharingApproved, lease, &context), &context)
    }

    private mutating func reject(
        _ lease: Lease, _ reason: String?, _ context: inout Context
    ) throws(FleetError) -> Entity {
        try require(lease, .pending, toBecome: .rejected)
        return end(
            lease, .rejected, .sharingRejected,
            reason ?? (lease.requestedBy == .target ? "rejected_by_lender" : "rejected_by_borrower"), &context)
    }

    private mutating func activate(_ lease: Lease, _ context: inout Context) throws(FleetError) -> Entity {
        if lease.status == .active { return .lease(lease) }
        try require(lease, .granted, toBecome: .active)
        guard context.now >= lease.startsAt else {
            throw FleetError(.invalidTransition, "The lease begins at \(lease.startsAt).")
        }
        guard context.now < lease.endsAt else {
            throw FleetError(.invalidTransition, "The lease ended at \(lease.endsAt).")
        }
        var lease = atBest(lease, &context)
        guard !isBlocked(lease) else {
            throw FleetError(.unitNotReturned, "An earlier borrower has not returned the resource.")
        }
        hand(&lease, at: context.now)
        return save(.sharingActivated, lease, &context)
    }

    private mutating func finish(_ lease: Lease, _ context: inout Context) throws(FleetError) -> Entity {
        if lease.status == .preempting { return giveUp(lease, &context) }
        guard lease.status == .active || lease.status == .overdue else {
            throw FleetError.resolved(lease, toBecome: .completed)
        }
        return end(lease, .completed, .sharingCompleted, nil, &context)
    }

    private mutating func revoke(
        _ lease: Lease, _ reason: String, _ context: inout Context
    ) throws(FleetError) -> Entity {
        switch lease.status {
        case .revoking, .preempting: return .lease(lease)
        case .granted: return end(lease, .revoked, .sharingRevoked, reason, &context)
        case .active, .overdue: return recall(lease, reason, &context)
        default: throw FleetError.resolved(lease, toBecome: .revoked)
        }
    }

    /// Starts taking back what the borrower holds: its token no longer holds, the deadline runs.
    mutating func recall(_ lease: Lease, _ reason: String, _ context: inout Context) -> Entity {
        var lease = lease
        lease.status = .revoking
        lease.statusReason = reason
        lease.deadline = context.now + lease.acknowledgeWithin
        lease.fencingToken = nextToken(for: lease, at: context.now)
        let entity = save(.sharingRevoking, lease, &context)
        if lease.isUnit { warnNext(after: lease, &context) }
        return entity
    }

    private mutating func acknowledge(_ lease: Lease, _ context: inout Context) throws(FleetError) -> Entity {
        if lease.status == .preempting { return endRecalled(lease, &context) }
        try require(lease, .revoking, toBecome: .revoked)
        return endRecalled(lease, &context)
    }

    /// The borrower of what is taken away does not want it any more, and waits for nothing.
    private mutating func giveUp(_ lease: Lease, _ context: inout Context) -> Entity {
        end(lease, .preempted, .sharingPreempted, Lease.givenUp, &context)
    }

    /// What was to be handed back is back.
    mutating func endRecalled(_ lease: Lease, _ context: inout Context) -> Entity {
        lease.status == .preempting
            ? end(lease, .preempted, .sharingPreempted, lease.statusReason, &context)
            : end(lease, .revoked, .sharingRevoked, lease.statusReason, &context)
    }

    private func require(
        _ lease: Lease, _ expected: LeaseStatus, toBecome next: LeaseStatus
    ) throws(FleetError) {
        guard lease.status == expected else { throw FleetError.resolved(lease, toBecome: next) }
    }

    // MARK: Update and delete

    /// Changes the length or the priority of a lease, or takes the step that its new status names. A lease is
    /// extended by a decision on the added time, which a refusal leaves as it was.
    package mutating func update(
        _ id: Lease.ID, _ update: LeaseUpdate, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var lease = try visibleLease(id, context.principal)
        let isBorrower = context.principal.holds(.sharingManage, for: lease.target)
        let isLender = context.principal.holds(.sharingManage, for: lease.source)
        guard isBorrower || isLender else {
            throw FleetError.denied(.sharingManage, crossing: lease.source)
        }
        context.actingFleet = isBorrower ? lease.target : lease.source
        if let priority = update.priority, priority != lease.priority {
            guard isBorrower else {
                throw FleetError(.consentRequired, "Only the borrower changes the priority of its lease.")
            }
            guard priority != .emergency || context.principal.holds(.sharingEmergency, for: lease.target) else {
                throw FleetError.denied(.sharingEmergency)
            }
            guard priority != .emergency || lease.reason?.isEmpty == false else {
                throw FleetError.invalid("/priority", "reason_required", "An emergency says its reason when it asks.")
            }
            lease.priority = priority
        }
        let isExtended = (update.duration ?? lease.duration) > lease.duration
        if let duration = update.duration, duration != lease.duration {
            try require(lease, mayLast: duration, Sides(source: isLender, target: isBorrower), now: context.now)
            // What the other side agreed to before was shorter.
            if lease.status == .queued, isExtended { lease.wasApproved = false }
            lease.duration = duration
        }
        if lease != leases[id] { _ = save(isExtended ? .sharingExtended : .sharingUpdated, lease, &context) }
        if isExtended { makeWay(for: lease, &context) }
        guard let status = update.status, status != leases[id]?.status else { return .lease(leases[id] ?? lease) }
        return try bring(id, to: status, &context)
    }

    private mutating func bring(
        _ id: Lease.ID, to status: LeaseStatus, _ context: inout Context
    ) throws(FleetError) -> Entity {
        let action: LeaseAction? =
            switch status {
            case .granted: .approve
            case .rejected: .reject
            case .active: .activate
            case .completed: .return
            case .revoking: .revoke
            case .revoked: leases[id]?.status == .revoking ? .acknowledge : .revoke
            case .preempted: leases[id]?.status == .preempting ? .acknowledge : nil
            case .cancelled, .queued, .pending, .overdue, .expired, .preempting, .noShow: nil
            }
        guard action != nil || status == .cancelled else {
            throw FleetError(.invalidTransition, "A lease becomes \(status.rawValue) by time alone.")
        }
        let lease = try visibleLease(id, context.principal)
        // To ask for `revoked` is to ask for its first step as well.
        guard lease.status.canBecome(status) || status == .revoked && lease.status.canBecome(.revoking) else {
            throw FleetError.resolved(lease, toBecome: status)
        }
        return if let action { try act(action, on: id, &context) } else { try end(id, &context) }
    }

    private func require(
        _ lease: Lease, mayLast duration: Seconds, _ sides: Sides, now: Timestamp
    ) throws(FleetError) {
        if lease.status == .queued, sides.target {
            // Nothing is promised yet; what it then asks for is decided when its turn comes.
            guard let policy = federations[lease.federation]?.policy, duration > policy.leaseDurationMax else { return }
            let violations = policyViolations(
                asking: lease.resourceType, lasting: duration, startsAt: now, policy, now: now)
            throw refusal(violations, hiding: [])
        }
        guard lease.status == .pending || lease.status == .granted || lease.status == .active else {
            throw FleetError.resolved(lease, toBecome: lease.status)
        }
        let end = lease.startsAt + duration
        guard end > now else {
            throw FleetError(.invalidTransition, "The lease would have ended at \(end); return it instead.")
        }
        guard duration > lease.duration else {
            guard sides.target else {
                throw FleetError(.consentRequired, "A lender shortens a lease by revoking it.")
            }
            return
        }
        let level = isolation(between: lease.source, lease.target, in: lease.federation)
        let isApproved =
            level <= .low || sides.source && sides.target
            || sides.target
                && members[Member.Key(federation: lease.federation, fleet: lease.source)]?.rules.contains {
                    $0.approves(lease.target, lease.resourceType, quantity: lease.quantity, duration: duration)
                } == true
        guard isApproved else { throw FleetError(.consentRequired, "The other side has not agreed to a longer lease.") }
        try requireRoom(for: lease, lasting: duration, sides, now: now)
    }

    /// Ends a lease for the side that asks: cancels what has not begun, returns it (borrower) or starts revoking
    /// it (lender).
    package mutating func end(_ id: Lease.ID, _ context: inout Context) throws(FleetError) -> Entity {
        let lease = try visibleLease(id, context.principal)
        let isBorrower = context.principal.holds(.sharingManage, for: lease.target)
        guard isBorrower || context.principal.holds(.sharingManage, for: lease.source) else {
            throw FleetError.denied(.sharingManage, crossing: lease.source)
        }
        context.actingFleet = isBorrower ? lease.target : lease.source
        switch lease.status {
        case .queued, .pending, .granted:
            let reason = isBorrower ? "cancelled_by_borrower" : "cancelled_by_lender"
            return end(lease, .cancelled, .sharingCancelled, reason, &context)
        case .active, .overdue:
            return isBorrower ? try finish(lease, &context) : try revoke(lease, "revoked_by_lender", &context)
        case .preempting: return isBorrower ? giveUp(lease, &context) : .lease(lease)
        case .revoking: return isBorrower ? try acknowledge(lease, &context) : .lease(lease)
        default: throw FleetError.notFound(.sharingNotFound)
        }
    }

    // MARK: Steps

    /// Begins a granted lease whose time has come and whose resource needs no call; or it waits, if who had it before
    /// has still to hand it back.
    func begin(_ lease: inout Lease, at now: Timestamp) {
        guard lease.resource != nil, lease.startsAt <= now else { return }
        lease.awaitingReturn = isBlocked(lease)
        if lease.handover == .automatic, !lease.awaitingReturn { hand(&lease, at: now) }
    }

    func hand(_ lease: inout Lease, at now: Timestamp) {
        lease.status = .active
        lease.awaitingReturn = false
        lease.activatedAt = now
        lease.fencingToken = nextToken(for: lease, at: now)
    }

    /// Whether what others still hold leaves too little for this lease to begin.
    func isBlocked(_ lease: Lease) -> Bool {
        guard let resource = resource(of: lease) else { return true }
        return (possessed[resource.key] ?? 0) + lease.quantity > resource.capacity
    }

    /// Ends a lease for good, and lets those who waited for its resource or for its end go on.
    @discardableResult
    mutating func end(
        _ lease: Lease, _ status: LeaseStatus, _ type: EventType, _ reason: String?, _ context: inout Context
    ) -> Entity {
        precondition(lease.status.canBecome(status), "\(lease.status) never becomes \(status)")
        var ended = lease
        ended.status = status
        ended.statusReason = reason
        ended.awaitingReturn = false
        ended.deadline = nil
        // What ends by itself ended on time, however late the clock came round to it.
        let endsByItself = status == .completed && lease.handover == .automatic
        ended.endedAt = endsByItself ? min(context.now, lease.endsAt) : context.now
        let waiting = waiting(forEndOf: lease, now: context.now)
        let entity = save(type, ended, &context)
        resume(waiting, &context)
        settle(after: ended, &context)
        settleAllocation(after: ended, &context)
        requeue(after: ended, &context)
        return entity
    }

    mutating func save(_ type: EventType, _ lease: Lease, _ context: inout Context) -> Entity {
        var lease = lease
        lease.version += 1
        lease.updatedAt = context.now
        record(type, .lease(lease), &context)
        return .lease(lease)
    }
}

extension FleetError {
    /// The lease is past the point at which it could have become `next`.
    package static func resolved(_ lease: Lease, toBecome next: LeaseStatus) -> FleetError {
        let resolvesHold = lease.status != .queued && (next == .granted || next == .rejected)
        let code: ErrorCode =
            lease.status.isFinal || lease.status == .granted || resolvesHold ? .alreadyResolved : .invalidTransition
        let status = lease.status.rawValue
        var error = FleetError(
            code,
            next == lease.status
                ? "A lease that is \(status) changes no more."
                : "A lease that is \(status) cannot become \(next.rawValue).")
        error.details["sharing_status"] = .text(lease.status.rawValue)
        return error
    }
}
