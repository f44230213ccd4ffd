/// Later decisions on a lease that was asked for: the rules of a request, applied again.
extension Ledger {
    /// That the lease may last `duration`, which is longer than it lasts: a decision on the added time.
    func requireRoom(
        for lease: Lease, lasting duration: Seconds, _ sides: Sides, now: Timestamp
    ) throws(FleetError) {
        guard let federation = federations[lease.federation], let resource = resources[lease.resourceKey] else {
            throw FleetError.unavailable
        }
        let request = lease.request(lasting: duration)
        let violations =
            standingViolations(of: request, federation)
            + policyViolations(of: request, resource: resource, startsAt: now, federation.policy, now: now)
            + offerViolations(of: request, resource, federation.policy)
            + extensionViolations(of: lease, lasting: min(duration, federation.policy.leaseDurationMax), resource)
        guard violations.isEmpty else {
            throw refusal(violations, hiding: concealed(from: sides, request, in: federation.id))
        }
    }

    /// What is promised to others in the time that an extension adds.
    private func extensionViolations(
        of lease: Lease, lasting duration: Seconds, _ resource: Resource
    ) -> [Violation] {
        guard duration > lease.duration else { return [] }
        let added = Window(start: lease.occupied.end, end: lease.startsAt + duration + lease.buffer)
        let steps = calendars[lease.resourceKey]?.steps(over: added) ?? []
        let clash = steps.first { $0.level + lease.quantity > resource.capacity }
        guard let clash else {
            guard occupied(resource, over: added) + lease.quantity > resource.capacity else { return [] }
            return [
                Violation(
                    code: .capacityExceeded, concern: .resource, field: "duration", value: nil,
                    sentence: "what was returned is not ready again", limit: resource.capacity)
            ]
        }
        let longest = (clash.window.start.milliseconds - lease.startsAt.milliseconds) / 1000 - lease.buffer
        return [
            Violation(
                code: lease.isUnit ? .windowConflict : .capacityExceeded, concern: .resource, field: "duration",
                value: longest > lease.duration ? "\(longest)" : nil,
                sentence: "the resource is taken in the added time", limit: resource.capacity)
        ]
    }

    /// A hold is granted only while its federation and both its fleets could still ask for it.
    func requireStanding(of lease: Lease, _ principal: Principal) throws(FleetError) {
        guard let federation = federations[lease.federation] else { throw FleetError.unavailable }
        let request = lease.request(lasting: lease.duration)
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
    fileprivate func request(lasting duration: Seconds) -> SharingRequest {
        SharingRequest(
            source: source, target: target, resourceType: resourceType, resource: resource, duration: duration,
            priority: priority, federation: federation, startsAt: startsAt, quantity: quantity)
    }
}
