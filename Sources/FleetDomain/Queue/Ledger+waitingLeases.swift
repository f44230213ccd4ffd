/// Requests for a resource by name that wait for it.
extension Ledger {
    /// Whether waiting may help: whatever stands against the request passes by itself or with what others do, and it
    /// would be granted if nothing were promised.
    func canWait(
        _ request: SharingRequest, _ resource: Resource, _ violations: [Violation],
        hiding concealed: Set<Violation.Concern>, _ federation: Federation
    ) -> Bool {
        let passing: Set<ErrorCode> = [
            .unitNotReturned, .windowConflict, .capacityExceeded, .lendingLimit, .borrowingLimit, .queuedAhead,
        ]
        let lender = quotas[quotaKey(request.source, resource.type, federation.id)]?.lendable ?? .max
        let borrower = quotas[quotaKey(request.target, resource.type, federation.id)]?.borrowingLimit ?? .max
        return !violations.isEmpty && concealed.isDisjoint(with: [.resource, .lender])
            && violations.allSatisfy { passing.contains($0.code) }
            && request.quantity <= min(resource.capacity, lender, borrower)
    }

    /// - Parameter consents: whether the principal carries the consent of both sides.
    mutating func enqueue(
        _ request: SharingRequest, of resource: Resource, startsAt: Timestamp, by side: LeaseSide, consents: Bool,
        _ federation: Federation, _ context: inout Context
    ) -> Entity {
        let lease = promise(
            request, of: Candidate(resource), startsAt: startsAt, by: side, isApproved: false, federation, &context)
        return enqueue(lease, consents: consents, federation, &context)
    }

    @discardableResult
    mutating func enqueue(
        _ lease: Lease, consents: Bool, _ federation: Federation, _ context: inout Context
    ) -> Entity {
        var lease = lease
        lease.status = .queued
        lease.wasApproved = consents
        lease.deadline = context.now + federation.policy.queueTTL
        lease.arrival = position
        record(.sharingQueued, .lease(lease), &context)
        return .lease(lease)
    }

    /// Asks again for what the lease waits for, as if it were asked for now.
    ///
    /// - Returns: whether it left the queue.
    mutating func serve(_ lease: Lease, _ context: inout Context) -> Bool {
        guard let federation = federations[lease.federation], let resource = resource(of: lease) else {
            return false
        }
        var request = lease.request(of: resource, lasting: lease.duration)
        let startsAt = max(lease.startsAt, context.now)
        request.startsAt = startsAt
        guard isolation(between: lease.source, lease.target, in: lease.federation) < .sealed,
            violations(of: request, startsAt: startsAt, federation: federation, resource: resource, now: context.now)
                .isEmpty
        else { return false }
        let isApproved = lease.wasApproved || isApproved(request, by: lease.requestedBy, in: federation.id)
        var promised = lease
        promised.startsAt = startsAt
        promised.handover = resource.handover
        promised.buffer = resource.buffer
        promised.noShowAfter = federation.policy.noShowAfter
        promised.acknowledgeWithin = federation.policy.acknowledgeDeadline
        promised.status = isApproved ? .granted : .pending
        promised.wasApproved = isApproved
        promised.grantedAt = isApproved ? context.now : nil
        promised.deadline = isApproved ? nil : context.now + federation.policy.approvalTimeout
        if isApproved { begin(&promised, at: context.now) }
        _ = save(promised.eventOfItsBeginning, promised, &context)
        return true
    }
}
