extension Ledger {
    /// Answers a request for a named resource:
    ///
    /// 1. who asks, and for which side;
    /// 2. in which federation the two fleets meet;
    /// 3. which resource is meant, registered on the way if the owner asks;
    /// 4. everything that stands against it, all rules evaluated;
    /// 5. what can be done about it: taking away what a weaker request borrowed, or waiting, if it may;
    /// 6. whether both sides consent, now or by a rule: granted, or held for approval.
    ///
    /// - Throws: `same_fleet`, `permission_denied`, `fleet_not_found`, `federation_not_found`,
    ///   `federation_ambiguous`, `resource_not_found`, or a refusal with its explanation.
    package mutating func request(_ request: SharingRequest, _ context: inout Context) throws(FleetError) -> Entity {
        let principal = context.principal
        try requireSense(of: request, now: context.now)
        let sides = try sides(of: request, principal)
        context.actingFleet = sides.target ? request.target : request.source
        let federation = try meetingPlace(of: request, principal, sides)
        let level = isolation(between: request.source, request.target, in: federation.id)
        let startsAt = max(request.startsAt ?? context.now, context.now)
        let concealed = concealed(from: sides, request, in: federation.id)
        let mayName = sides.source || level <= .low && !concealed.contains(.resource)
        let resource = try findOrRegister(request, mayName: mayName, &context)

        let violations = violations(
            of: request, startsAt: startsAt, federation: federation, resource: resource, now: context.now)
        let consents = sides.source && sides.target
        let side: LeaseSide = sides.target ? .target : .source
        let isApproved = consents || isApproved(request, by: side, in: federation.id)
        if !violations.isEmpty, isApproved, sides.target, let resource,
            let (claim, victims) = victims(of: request, resource, startsAt: startsAt, federation, context)
        {
            for lease in victims { preempt(lease, for: claim, &context) }
            return grant(request, of: resource, startsAt: startsAt, sides, true, federation, &context)
        }
        if request.mayWait, let resource, canWait(request, resource, violations, hiding: concealed, federation) {
            return enqueue(
                request, of: resource, startsAt: startsAt, by: side, consents: consents, federation, &context)
        }
        guard violations.isEmpty, let resource else {
            throw refusal(
                violations, hiding: concealed,
                near: resource.flatMap {
                    nearest(to: request, startsAt: startsAt, of: $0, federation, violations, now: context.now)
                })
        }

        return grant(request, of: resource, startsAt: startsAt, sides, isApproved, federation, &context)
    }

    // MARK: 1. Who asks

    /// What no state can make right, all of it at once.
    private func requireSense(of request: SharingRequest, now: Timestamp) throws(FleetError) {
        var faults: [FleetError.Fault] = []
        if let startsAt = request.startsAt, startsAt < now - SharingLimits.startTolerance {
            faults.append(FleetError.Fault("/starts_at", "in_the_past", "is more than a minute ago"))
        }
        if request.priority == .emergency, request.reason?.isEmpty ?? true {
            faults.append(FleetError.Fault("/reason", "required", "An emergency says its reason."))
        }
        guard faults.isEmpty else { throw FleetError.invalid(faults) }
        guard request.source != request.target else {
            throw FleetError(.sameFleet, "A fleet does not borrow from itself.")
        }
    }

    /// The sides for which the principal may speak here.
    private func sides(of request: SharingRequest, _ principal: Principal) throws(FleetError) -> Sides {
        let source = principal.holds(.sharingRequest, for: request.source)
        let target = principal.holds(.sharingRequest, for: request.target)
        guard source || target else {
            throw FleetError.denied(.sharingRequest, crossing: fleets[request.source]?.id)
        }
        if request.priority == .emergency,
            !principal.holds(.sharingEmergency, for: target ? request.target : request.source)
        {
            throw FleetError.denied(.sharingEmergency)
        }
        return Sides(source: source, target: target)
    }

    // MARK: 2. Where they meet

    private func meetingPlace(
        of request: SharingRequest, _ principal: Principal, _ sides: Sides
    ) throws(FleetError) -> Federation {
        let other = sides.target ? request.source : request.target
        let own = sides.target ? request.target : request.source
        if let id = request.federation {
            let federation = try visibleFederation(id, principal).federation
            guard members[Member.Key(federation: id, fleet: own)]?.status.isPresent == true else {
                throw FleetError.notFound(.federationNotFound)
            }
            guard meet(own, other, in: id) else {
                throw FleetError.notFound(.fleetNotFound, crossing: fleets[other]?.id)
            }
            return federation
        }
        let shared = (federationsOfFleet[own] ?? []).intersection(federationsOfFleet[other] ?? [])
            .compactMap { federations[$0] }
            .filter { $0.status == .active && meet(own, other, in: $0.id) }
            .sorted { $0.id < $1.id }
        guard let only = shared.first else {
            throw FleetError.notFound(.fleetNotFound, crossing: fleets[other]?.id)
        }
        guard shared.count == 1 else {
            var error = FleetError(.federationAmbiguous, "The fleets meet in several federations; name one.")
            error.details["federation_ids"] = .list(shared.map(\.id.description))
            throw error
        }
        return only
    }

    /// Whether `own` may ask for something of `other`: a sealed fleet is as if absent, to whoever asks.
    private func meet(_ own: Fleet.ID, _ other: Fleet.ID, in id: Federation.ID) -> Bool {
        guard members[Member.Key(federation: id, fleet: own)]?.status.isPresent == true,
            members[Member.Key(federation: id, fleet: other)]?.status.isPresent == true
        else { return false }
        return isolation(between: own, other, in: id) < .sealed
    }

    func isolation(between a: Fleet.ID, _ b: Fleet.ID, in id: Federation.ID) -> IsolationLevel {
        let levels = [a, b].map { members[Member.Key(federation: id, fleet: $0)]?.isolationLevel ?? .sealed }
        return max(levels[0], levels[1])
    }

    // MARK: 3. Which resource

    /// The resource; nil where the caller may not name what it was not shown, and it is absent or not what the
    /// request says: both are then refused alike.
    private mutating func findOrRegister(
        _ request: SharingRequest, mayName: Bool, _ context: inout Context
    ) throws(FleetError) -> Resource? {
        let key = Resource.Key(fleet: request.source, resource: request.resource)
        if let resource = resources[key] {
            let isAsked =
                resource.status == .available && resource.type == request.resourceType && !resource.pooled
            return mayName || isAsked ? resource : nil
        }
        if context.principal.holds(.fleetOperate, for: request.source) {
            let actingFleet = context.actingFleet
            _ = try register(ResourceDraft(key: key, type: request.resourceType), &context)
            context.actingFleet = actingFleet
            return resources[key]
        }
        guard mayName else { return nil }
        throw FleetError.notFound(.resourceNotFound)
    }

    // MARK: 4. What stands against it

    /// All rules, each judged with the ones before it lifted, so that the whole set, once lifted, is enough.
    func violations(
        of request: SharingRequest, startsAt: Timestamp, federation: Federation, resource: Resource?,
        claimed: Int64 = 0, keeping: KeptUnits? = nil, now: Timestamp
    ) -> [Violation] {
        standingViolations(of: request, federation)
            + policyViolations(
                asking: request.resourceType, of: resource?.type, lasting: request.duration, startsAt: startsAt,
                federation.policy, now: now)
            + resourceViolations(
                of: request, startsAt: startsAt, resource: resource, federation, claimed: claimed, keeping: keeping,
                now: now)
    }

    private func resourceViolations(
        of request: SharingRequest, startsAt: Timestamp, resource: Resource?, _ federation: Federation,
        claimed: Int64, keeping: KeptUnits?, now: Timestamp
    ) -> [Violation] {
        let policy = federation.policy
        guard let resource else {
            return [
                Violation(
                    code: .resourceUnavailable, concern: .resource, field: "resource_id", value: nil,
                    sentence: "the resource is not available")
            ]
        }
        let lifted = request.within(policy, startsAt: startsAt, now: now)
        let kept = keeping ?? kept(from: request, resource, in: federation, now: now)
        var violations = offerViolations(of: request, resource, policy)
        if resource.pooled {
            violations.append(
                Violation(
                    code: .resourceUnavailable, concern: .resource, field: "resource.pooled",
                    value: maySpare(resource, keeping: kept, now: now) ? "false" : nil,
                    sentence: "the resource is pooled: its owner does not lend it by name"))
        }
        if let blocked = returnViolation(
            of: resource, quantity: request.quantity, lifted.start, lifted.end.seconds(since: lifted.start),
            claimed: claimed, now: now)
        {
            violations.append(blocked)
        }
        var window = Window(start: lifted.start, end: lifted.end + resource.buffer)
        var quantity = request.quantity
        let supply = Supply.resource(resource.key)
        let unpromised = resource.capacity - occupied(supply, over: window)
        let free = unpromised - kept.quantity(of: supply, over: window)
        if quantity > free {
            let clash = capacityViolation(
                of: request, resource, free: free, isKept: quantity <= unpromised && kept.areKnown(of: supply),
                keeping: kept[supply] ?? [],
                startsAt: startsAt, policy, now: now)
            violations.append(clash.violation)
            if clash.violation.field == "quantity", free > 0 { quantity = free }
            if let next = clash.next { window = window.moved(to: next) }
        }
        return violations
            + quotaViolations(
                of: request, type: resource.type, in: federation.id, quantity: quantity, over: window)
    }

    /// Whether the resource is on offer, as what the request takes it for.
    func offerViolations(
        of request: SharingRequest, _ resource: Resource, _ policy: FederationPolicy
    ) -> [Violation] {
        var violations: [Violation] = []
        if resource.status != .available {
            violations.append(
                Violation(
                    code: .resourceUnavailable, concern: .resource, field: "resource.status",
                    value: resource.status == .retired ? nil : "available",
                    sentence: "the resource is not available"))
        }
        if resource.type != request.resourceType {
            let isLiftable = policy.allows(resource.type) || !policy.allows(request.resourceType)
            violations.append(
                Violation(
                    code: .resourceUnavailable, concern: .resource, field: "resource_type",
                    value: isLiftable ? resource.type.description : nil,
                    sentence: "the resource is not of the type \(request.resourceType)"))
        }
        return violations
    }

    /// A unit that somebody has not brought back cannot be given out from now on, though its window is free.
    private func returnViolation(
        of resource: Resource, quantity: Int64, _ startsAt: Timestamp, _ duration: Seconds, claimed: Int64,
        now: Timestamp
    ) -> Violation? {
        guard startsAt <= now, isHeldLate(.resource(resource.key)),
            case let window = Window(start: startsAt, end: startsAt + duration + resource.buffer),
            occupiedOrLate(Candidate(resource), over: window).level - claimed + quantity > resource.capacity
        else { return nil }
        return Violation(
            code: .unitNotReturned, concern: .resource, field: "starts_at", value: nil,
            sentence: "an earlier borrower has not returned the resource")
    }

    /// - Parameter isKept: whether it would fit but for those who wait.
    private func capacityViolation(
        of request: SharingRequest, _ resource: Resource, free: Int64, isKept: Bool, keeping kept: [Kept],
        startsAt: Timestamp, _ policy: FederationPolicy, now: Timestamp
    ) -> (violation: Violation, next: Timestamp?) {
        if free > 0 || request.quantity > resource.capacity {
            let violation = Violation(
                code: isKept ? .queuedAhead : .capacityExceeded, concern: .resource, field: "quantity",
                value: free > 0 ? "\(free)" : nil,
                sentence: "at most \(max(0, free)) of \(resource.capacity) are free in this window",
                limit: resource.capacity)
            return (violation, nil)
        }
        let lifted = request.within(policy, startsAt: startsAt, now: now)
        // Where the policy moves the start forward, any start before that one will do as well.
        let next = gaps(
            of: resource, quantity: request.quantity, lifted.end.seconds(since: lifted.start),
            from: lifted.start < startsAt ? now : startsAt, policy, keeping: kept, now: now
        ).windows.first.flatMap { $0.start <= now && isHeldLate(.resource(resource.key)) ? nil : $0 }
        let taken = isKept ? "kept for those who wait within their nominal" : "taken"
        let violation = Violation(
            code: isKept ? .queuedAhead : resource.isUnit ? .windowConflict : .capacityExceeded, concern: .resource,
            field: "starts_at", value: next?.start.description,
            sentence: next.map { "the resource is \(taken) in this window, and free from \($0.start)" }
                ?? "the resource is \(taken) in this window", limit: resource.capacity)
        return (violation, next?.start)
    }

    // MARK: 6. Consent

    /// Whether the lender consents without being asked: by its level, or by a rule.
    func isApproved(_ request: SharingRequest, by side: LeaseSide, in federation: Federation.ID) -> Bool {
        isolation(between: request.source, request.target, in: federation) <= .low
            || side == .target && isApprovedByRule(request, in: federation)
    }

    private func isApprovedByRule(_ request: SharingRequest, in federation: Federation.ID) -> Bool {
        members[Member.Key(federation: federation, fleet: request.source)]?.rules.contains {
            $0.approves(
                request.target, request.resourceType, quantity: request.quantity, duration: request.duration)
        } ?? false
    }

    private mutating func grant(
        _ request: SharingRequest, of resource: Resource, startsAt: Timestamp, _ sides: Sides,
        _ isApproved: Bool, _ federation: Federation, _ context: inout Context
    ) -> Entity {
        let lease = promise(
            request, of: Candidate(resource), startsAt: startsAt, by: sides.target ? .target : .source,
            isApproved: isApproved,
            federation, &context)
        record(lease.eventOfItsBeginning, .lease(lease), &context)
        return .lease(lease)
    }

    /// The lease that the request leads to: booked or begun, or held until it is approved.
    func promise(
        _ request: SharingRequest, of candidate: Candidate, startsAt: Timestamp, by side: LeaseSide, isApproved: Bool,
        preemptions: Int64 = 0, _ federation: Federation, _ context: inout Context
    ) -> Lease {
        let policy = federation.policy
        let resource = candidate.resource
        let terms = candidate.supply.unitClass?.terms
        var lease = Lease(
            id: context.ids.next(at: context.now), federation: federation.id, source: request.source,
            target: request.target, resourceType: resource.type,
            resource: terms == nil ? resource.key.resource : nil, terms: terms, quantity: request.quantity,
            startsAt: startsAt, duration: request.duration,
            grantedAt: isApproved ? context.now : nil,
            activatedAt: nil, endedAt: nil,
            priority: request.priority, purpose: request.purpose, reason: request.reason,
            status: isApproved ? .granted : .pending, requestedBy: side, statusReason: nil,
            awaitingReturn: false, fencingToken: nil,
            handover: resource.handover, buffer: resource.buffer, isUnit: resource.isUnit,
            noShowAfter: policy.noShowAfter, acknowledgeWithin: policy.acknowledgeDeadline,
            deadline: isApproved ? nil : context.now + policy.approvalTimeout,
            bindsAt: terms == nil ? nil : startsAt - policy.bindLead, readyAt: nil, allocation: nil,
            wasApproved: isApproved, arrival: nil, preemptions: preemptions, version: 1, createdAt: context.now,
            updatedAt: context.now)
        if isApproved { begin(&lease, at: context.now) }
        return lease
    }
}

extension Lease {
    /// What its first event is called, by how far it got at once.
    var eventOfItsBeginning: EventType {
        switch status {
        case .granted: .sharingGranted
        case .active: .sharingActivated
        default: .sharingRequested
        }
    }
}

/// The sides of a lease for which a principal speaks.
struct Sides {
    let source: Bool
    let target: Bool
}

extension SharingRequest {
    /// The window that it would ask for if it kept to the policy.
    func within(_ policy: FederationPolicy, startsAt: Timestamp, now: Timestamp) -> Window {
        let start = min(startsAt, now + policy.bookingHorizon)
        return Window(start: start, end: start + min(duration, policy.leaseDurationMax))
    }
}

extension FederationPolicy {
    func allows(_ type: ResourceType) -> Bool { allowedResourceTypes?.contains(type) ?? true }
}

extension Timestamp {
    func seconds(since earlier: Timestamp) -> Seconds { (milliseconds - earlier.milliseconds) / 1000 }
}
