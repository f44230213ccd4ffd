/// The Resource Allocation Engine.
extension Ledger {
    /// Answers a request for a quantity of a type, or of several types together:
    ///
    /// 1. whether it makes sense, and who asks for whom;
    /// 2. the rules that no resource can help: of the federation, its policy and the membership;
    /// 3. the best candidates at the first start, or other units where they are taken;
    /// 4. another start, inside what was asked;
    /// 5. a part, if that will do;
    /// 6. what weaker requests have borrowed, where the policy lets it be taken away;
    /// 7. the queue, if it may wait and waiting may help;
    /// 8. the decision: its leases together, or a refusal that says what would be granted instead.
    ///
    /// A refusal is stored like a grant: who asked can look it up, and whether refusals are right is measured.
    ///
    /// - Throws: `validation_failed`, `permission_denied`, `federation_not_found`.
    package mutating func allocate(
        _ request: AllocationRequest, _ context: inout Context
    ) throws(FleetError) -> Entity {
        try allocate(request, under: .sharingRequest, &context)
    }

    /// - Parameter permission: under which the principal asks; reading will do for what is taken back.
    mutating func allocate(
        _ request: AllocationRequest, under permission: Permission, _ context: inout Context
    ) throws(FleetError) -> Entity {
        try requireSense(of: request, now: context.now)
        let federation = try place(of: request, context.principal, permission)
        context.actingFleet = request.target
        let asked = AskedFor(request, now: context.now)

        let rules = ruleViolations(against: asked, federation, now: context.now)
        guard rules.isEmpty else { return refuse(asked, federation, breaking: rules, &context) }
        var search = search(for: asked, federation, now: context.now)
        search.kept = kept(from: request.target, asking: request.quantities, in: federation, now: context.now)
        let first = attempt(search, at: asked.earliest)
        if let grant = grant(search, asked, knowing: first) { return give(grant, asked, federation, &context) }
        if let grant = preempt(for: asked, federation, search.open, &context) {
            return give(grant, asked, federation, &context)
        }
        // What the borrower may not know of is left out of what it is told.
        let known = search.hasConcealed ? nil : first
        if request.mayWait, canWait(search.open, asked) {
            return enqueue(asked, federation, search.open, knowing: known, &context)
        }
        return refuse(asked, federation, search.open, knowing: known, &context)
    }

    /// A request with its times made definite.
    struct AskedFor {
        let request: AllocationRequest
        let earliest: Timestamp
        let latest: Timestamp

        init(_ request: AllocationRequest, now: Timestamp) {
            self.request = request
            earliest = max(request.earliest ?? now, now)
            latest = max(request.latest ?? earliest, earliest)
        }

        /// What an allocation waits for, asked for again.
        init(_ allocation: Allocation, _ waiting: Waiting, now: Timestamp) {
            self.init(
                AllocationRequest(
                    federation: allocation.federation, target: allocation.target, items: waiting.items,
                    duration: waiting.duration, earliest: max(waiting.earliest, now), latest: waiting.latest,
                    priority: allocation.priority, acceptsPart: allocation.acceptsPart, purpose: allocation.purpose,
                    reason: allocation.reason, mayWait: true), now: now)
        }
    }

    // MARK: 1. Sense, and who asks

    private func requireSense(of request: AllocationRequest, now: Timestamp) throws(FleetError) {
        var faults: [FleetError.Fault] = []
        let earliest = request.earliest ?? now
        if earliest < now - SharingLimits.startTolerance {
            faults.append(FleetError.Fault("/earliest", "in_the_past", "is more than a minute ago"))
        }
        if let latest = request.latest, latest < earliest {
            faults.append(FleetError.Fault("/latest", "before_earliest", "is before the first start that will do"))
        }
        if request.acceptsPart, request.items.count > 1 {
            faults.append(FleetError.Fault("/partial", "not_with_items", "Several types are given together or not."))
        }
        if request.priority == .emergency, request.reason?.isEmpty ?? true {
            faults.append(FleetError.Fault("/reason", "required", "An emergency says its reason."))
        }
        guard faults.isEmpty else { throw FleetError.invalid(faults) }
    }

    private func place(
        of request: AllocationRequest, _ principal: Principal, _ permission: Permission
    ) throws(FleetError) -> Federation {
        guard principal.holds(permission, for: request.target) else {
            throw FleetError.denied(permission, crossing: fleets[request.target]?.id)
        }
        if request.priority == .emergency, !principal.holds(.sharingEmergency, for: request.target) {
            throw FleetError.denied(.sharingEmergency)
        }
        let federation = try visibleFederation(request.federation, principal).federation
        guard members[Member.Key(federation: federation.id, fleet: request.target)]?.status.isPresent == true else {
            throw FleetError.notFound(.federationNotFound)
        }
        return federation
    }

    // MARK: 2. Rules

    /// What stands against the request whoever would give; each with what lifts it.
    func ruleViolations(
        against asked: AskedFor, _ federation: Federation, now: Timestamp
    ) -> [Violation] {
        let target = Member.Key(federation: federation.id, fleet: asked.request.target)
        var violations = federationViolations(of: federation) + memberViolations(of: target, .borrower)
        for item in asked.request.items {
            for violation in policyViolations(
                asking: item.type, lasting: asked.request.duration, startsAt: asked.earliest, federation.policy,
                now: now)
            where !violations.contains(violation) {
                guard let same = violations.firstIndex(where: { $0.field == violation.field }) else {
                    violations.append(violation)
                    continue
                }
                violations[same] = violations[same].joined(with: violation)
            }
        }
        return violations.map { $0.field == "starts_at" ? $0.renamed("earliest") : $0 }
    }

    func search(for asked: AskedFor, _ federation: Federation, now: Timestamp) -> Search {
        let target = asked.request.target
        let shares = members[Member.Key(federation: federation.id, fleet: target)]?.resourceSharing == true
        return search(
            for: asked.request.items, target: target, in: federation,
            min(asked.request.duration, federation.policy.leaseDurationMax), now: now, onlyOwn: !shares)
    }

    // MARK: 3. to 5. What can be given

    /// What can be given, from when, and which step found it.
    struct Grant {
        let attempt: Attempt
        let start: Timestamp
        let step: AllocationStep
    }

    /// All of it at the first start that will do, or else a part if that will do.
    ///
    /// - Parameter first: the attempt at `earliest`, where it was made already.
    func grant(_ search: Search, _ asked: AskedFor, knowing first: Attempt? = nil) -> Grant? {
        var first = firstStart(search, from: asked.earliest, to: asked.latest, knowing: first)
        if !first.isFound, search.hasConcealed {
            // A search is bounded. What the borrower may not know of must not use up the bounds.
            first = firstStart(search.open, from: asked.earliest, to: asked.latest)
        }
        if first.isFound { return Grant(attempt: first.attempt, start: first.start, step: step(of: first, asked)) }
        return asked.request.acceptsPart ? part(search, asked) : nil
    }

    private func step(of first: Found, _ asked: AskedFor) -> AllocationStep {
        guard first.start == asked.earliest else { return .otherWindow }
        return first.attempt.passedOver ? .otherUnit : .bestCandidate
    }

    /// The most that can be given from the first start on at which there is anything.
    private func part(_ search: Search, _ asked: AskedFor) -> Grant? {
        var one = search
        one.items[0].quantity = 1
        let first = firstStart(one, from: asked.earliest, to: asked.latest)
        guard first.isFound else { return nil }
        return Grant(attempt: attempt(search, at: first.start), start: first.start, step: .part)
    }

    // MARK: 8. The decision

    private mutating func give(
        _ grant: Grant, _ asked: AskedFor, _ federation: Federation, _ context: inout Context
    ) -> Entity {
        let id: Allocation.ID = context.ids.next(at: context.now)
        let leases = promise(grant, asked, for: id, federation, &context)
        let isPending = leases.contains { $0.status == .pending }
        return decide(
            id, asked, isPending ? .pending : grant.step == .part ? .partial : .granted, leases,
            .given(grant, asked, isPending: isPending), &context)
    }

    /// The leases of a grant, all of them.
    mutating func promise(
        _ grant: Grant, _ asked: AskedFor, for id: Allocation.ID, _ federation: Federation, _ context: inout Context
    ) -> [Lease] {
        var leases: [Lease] = []
        for pick in grant.attempt.picks.all {
            for part in pick.parts {
                let lease = lease(part, from: grant.start, for: id, asked, federation, &context)
                record(lease.eventOfItsBeginning, .lease(lease), &context)
                leases.append(bind(.lease(lease), &context).asLease ?? lease)
            }
        }
        return leases
    }

    private func lease(
        _ pick: Picks.Pick, from start: Timestamp, for id: Allocation.ID, _ asked: AskedFor, _ federation: Federation,
        _ context: inout Context
    ) -> Lease {
        let request = asked.request
        let sharing = SharingRequest(
            source: pick.resource.key.fleet, target: request.target, resourceType: pick.resource.type,
            resource: pick.resource.key.resource, duration: request.duration, priority: request.priority,
            federation: federation.id, quantity: pick.quantity, purpose: request.purpose, reason: request.reason)
        var lease = promise(
            sharing, of: pick.candidate, startsAt: start, by: .target, isApproved: pick.consent != .asked, federation,
            &context)
        lease.allocation = id
        return lease
    }

    mutating func decide(
        _ id: Allocation.ID, _ asked: AskedFor, _ status: AllocationStatus, _ leases: [Lease],
        _ explanation: Explanation, waiting: Waiting? = nil, _ context: inout Context
    ) -> Entity {
        let request = asked.request
        let allocation = Allocation(
            id: id, federation: request.federation, target: request.target, items: request.items,
            duration: request.duration, earliest: asked.earliest, latest: asked.latest, priority: request.priority,
            acceptsPart: request.acceptsPart, purpose: request.purpose, reason: request.reason, status: status,
            leases: leases.map(\.id), isPart: status == .partial, hasBegun: leases.contains { $0.status == .active },
            waiting: waiting, preemptions: 0, explanation: explanation, version: 1, createdAt: context.now,
            updatedAt: context.now)
        record(.allocationDecided, .allocation(allocation), &context)
        return .allocation(allocation)
    }

    // MARK: Afterwards

    /// The live allocation, if the principal may see it.
    package func visibleAllocation(_ id: Allocation.ID, _ principal: Principal) throws(FleetError) -> Allocation {
        guard let allocation = allocations[id] else { throw FleetError.notFound(.allocationNotFound) }
        guard sees(allocation, principal) else {
            throw FleetError.notFound(.allocationNotFound, crossing: allocation.target)
        }
        return allocation
    }

    func sees(_ allocation: Allocation, _ principal: Principal) -> Bool {
        let member = members[Member.Key(federation: allocation.federation, fleet: allocation.target)]
        let coordinates = federations[allocation.federation].map {
            principal.holds(.sharingRead, coordinating: standing(of: principal, in: $0))
        }
        return View(reader: principal).sees(
            allocation, asCoordinator: coordinates == true && View.useIsOpen(member, member))
    }

    /// Ends an allocation for the fleet that asked: what has not begun is cancelled, what is in use returned.
    ///
    /// - Parameter version: what the caller saw of it; nil is whatever it is.
    /// - Throws: `allocation_not_found`, `permission_denied`, `precondition_failed`.
    package mutating func cancel(
        _ id: Allocation.ID, seenAs version: Int64?, _ context: inout Context
    ) throws(FleetError) -> Entity {
        let allocation = try visibleAllocation(id, context.principal)
        guard context.principal.holds(.sharingRequest, for: allocation.target) else {
            throw FleetError.denied(.sharingRequest, crossing: allocation.target)
        }
        guard version ?? allocation.version == allocation.version else {
            throw FleetError(.preconditionFailed, "The object is no longer the one that If-Match names.")
        }
        context.actingFleet = allocation.target
        for id in allocation.leases {
            // Read anew each time: the end of one can be the beginning of the next.
            guard let lease = leases[id] else { continue }
            switch lease.status {
            case .queued, .pending, .granted:
                end(lease, .cancelled, .sharingCancelled, "cancelled_by_borrower", &context)
            case .active, .overdue: end(lease, .completed, .sharingCompleted, nil, &context)
            case .preempting: end(lease, .preempted, .sharingPreempted, Lease.givenUp, &context)
            case .revoking: end(lease, .revoked, .sharingRevoked, lease.statusReason, &context)
            default: break
            }
        }
        var cancelled = allocation
        cancelled.waiting = nil
        cancelled.status = allocation.hasBegun ? .ended : .cancelled
        cancelled.version += Int64(allocation.leases.count) + 1
        cancelled.updatedAt = context.now
        record(.allocationCancelled, .allocation(cancelled), &context)
        return .allocation(cancelled)
    }

    /// A lease of an allocation has ended: what was to be given together is not given in part, unless that will do.
    mutating func settleAllocation(after lease: Lease, _ context: inout Context) {
        guard let id = lease.allocation, lease.status == .rejected || lease.status == .expired,
            let allocation = allocations[id], !allocation.acceptsPart
        else { return }
        for id in allocation.leases {
            guard let sibling = leases[id], sibling.status == .pending || sibling.status == .granted else { continue }
            end(sibling, .cancelled, .sharingCancelled, "allocation_incomplete", &context)
        }
        if let left = allocations[id], left.waiting != nil { leaveQueue(left, .allocationCancelled, &context) }
    }
}

/// Which step of the engine answered.
enum AllocationStep: String {
    case bestCandidate = "best_candidate"
    case otherUnit = "other_unit"
    case otherWindow = "other_window"
    case part
    case preemption
    case queue
    case refusal
}
