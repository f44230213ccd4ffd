/// Later decisions on a lease that was asked for: the rules of a request, applied again.
extension Ledger {
    /// That the lease may last `duration`, which is longer than it lasts: a decision on the added time.
    func requireRoom(
        for lease: Lease, lasting duration: Seconds, _ sides: Sides, now: Timestamp
    ) throws(FleetError) {
        guard let federation = federations[lease.federation], let candidate = candidate(of: lease) else {
            throw FleetError.unavailable
        }
        try requireMeeting(of: lease, sides.source)
        // What is bound may still become another unit until it is handed over.
        let resource = lease.status.possesses ? resource(of: lease) ?? candidate.resource : candidate.resource
        let request = lease.request(of: resource, lasting: duration)
        let violations =
            standingViolations(of: request, federation)
            + policyViolations(
                asking: request.resourceType, of: resource.type, lasting: duration, startsAt: now, federation.policy,
                now: now)
            + offerViolations(of: request, resource, federation.policy)
            + extensionViolations(
                of: lease, asking: request, lasting: min(duration, federation.policy.leaseDurationMax), candidate,
                now: now)
        guard violations.isEmpty else {
            throw refusal(violations, hiding: concealed(from: sides, request, in: federation.id))
        }
    }

    /// What is promised to others, and what quotas leave, in the time that an extension adds.
    private func extensionViolations(
        of lease: Lease, asking request: SharingRequest, lasting duration: Seconds, _ candidate: Candidate,
        now: Timestamp
    ) -> [Violation] {
        guard duration > lease.duration else { return [] }
        var added = Window(start: lease.occupied.end, end: lease.startsAt + duration + lease.buffer)
        var violations: [Violation] = []
        if let clash = clash(with: lease, over: added, candidate) {
            let longest = (clash.milliseconds - lease.startsAt.milliseconds) / 1000 - lease.buffer
            let isPart = longest > lease.duration
            if isPart { added = Window(start: added.start, end: lease.startsAt + longest + lease.buffer) }
            violations.append(
                Violation(
                    code: lease.isUnit ? .windowConflict : .capacityExceeded, concern: .resource, field: "duration",
                    value: isPart ? "\(longest)" : nil, sentence: "the resource is taken in the added time",
                    limit: candidate.capacity))
        }
        violations += quotaViolations(
            of: request, type: lease.resourceType, in: lease.federation, quantity: lease.quantity, over: added)
        if let federation = federations[lease.federation], isAwaited(lease, candidate.resource, federation, now: now) {
            violations.append(
                Violation(
                    code: .queuedAhead, concern: .resource, field: "duration", value: nil,
                    sentence: "who is within its nominal quota waits for the resource"))
        }
        return violations
    }

    /// The first instant of `added` at which there is no room for what the lease holds.
    private func clash(with lease: Lease, over added: Window, _ candidate: Candidate) -> Timestamp? {
        let isPooled = lease.terms != nil
        // Who comes next in a class is not left with a unit that is not back.
        let calendar = calendar(of: candidate, withoutLate: isPooled)
        let capacity = isPooled ? candidate.capacity - late(of: candidate) : candidate.resource.capacity
        if capacity < lease.quantity { return added.start }
        return calendar.steps(over: added).first { $0.level + lease.quantity > capacity }?.window.start
    }

    /// Towards a fleet that was sealed meanwhile nothing goes on but what was granted.
    private func requireMeeting(of lease: Lease, _ isLender: Bool) throws(FleetError) {
        guard lease.changesHands, isolation(between: lease.source, lease.target, in: lease.federation) == .sealed
        else { return }
        throw FleetError.notFound(.fleetNotFound, crossing: isLender ? lease.target : lease.source)
    }

    /// A hold is granted only while its federation and both its fleets could still ask for it.
    func requireStanding(of lease: Lease, _ principal: Principal) throws(FleetError) {
        guard let federation = federations[lease.federation] else { throw FleetError.unavailable }
        try requireMeeting(of: lease, principal.holds(.sharingManage, for: lease.source))
        guard let resource = candidate(of: lease)?.resource else { throw FleetError.unavailable }
        let request = lease.request(of: resource, lasting: lease.duration)
        let violations = standingViolations(of: request, federation)
        guard violations.isEmpty else {
            let sides = Sides(
                source: principal.holds(.sharingManage, for: lease.source),
                target: principal.holds(.sharingManage, for: lease.target))
            throw refusal(violations, hiding: concealed(from: sides, request, in: federation.id))
        }
    }
}

extension Lease {
    /// The request that would ask for it, lasting `duration`.
    ///
    /// - Parameter resource: it, or one of those of which it gets one.
    func request(of resource: Resource, lasting duration: Seconds) -> SharingRequest {
        SharingRequest(
            source: source, target: target, resourceType: resourceType, resource: resource.key.resource,
            duration: duration,
            priority: priority, federation: federation, startsAt: startsAt, quantity: quantity)
    }
}
