/// What was taken away by a stronger request waits again, ahead of its equals.
extension Ledger {
    /// A lease was taken away: the allocation that it was made for waits for what it lost, for the time that is left.
    func displaced(_ allocation: Allocation, by lease: Lease, at time: Timestamp) -> Allocation {
        var displaced = allocation
        guard lease.statusReason != Lease.givenUp, let left = lease.left(at: time),
            stays(lease.target, lease.federation),
            let policy = federations[lease.federation]?.policy
        else { return displaced }
        let attributes = allocation.items.first { item in
            item.type == lease.resourceType
                && candidate(of: lease).map { candidate in
                    item.attributes.allSatisfy { $0.admits(candidate.resource.attributes) }
                } == true
        }?.attributes
        let lost = AllocationItem(type: lease.resourceType, quantity: lease.quantity, attributes: attributes ?? [])
        var waiting =
            allocation.waiting
            ?? Waiting(
                items: [], duration: left.duration, earliest: left.start, latest: nil, since: time,
                until: time + policy.queueTTL, arrival: position)
        waiting.items.append(lost)
        waiting.duration = max(waiting.duration, left.duration)
        displaced.waiting = waiting
        displaced.explanation = .displaced(waiting)
        return displaced
    }

    /// Whether the fleet is a member that may wait for something.
    private func stays(_ fleet: Fleet.ID, _ federation: Federation.ID) -> Bool {
        let status = members[Member.Key(federation: federation, fleet: fleet)]?.status
        return status == .active || status == .suspended
    }

    /// A lease that was asked for by name was taken away: a new one like it waits.
    mutating func requeue(after lease: Lease, _ context: inout Context) {
        guard lease.status == .preempted, lease.allocation == nil, lease.statusReason != Lease.givenUp,
            stays(lease.target, lease.federation),
            // Of a lender that shows nothing, one does not wait for a resource by name.
            isolation(between: lease.source, lease.target, in: lease.federation) < .high,
            let left = lease.left(at: context.now),
            let federation = federations[lease.federation], federation.status == .active,
            let resource = resource(of: lease)
        else { return }
        var request = lease.request(of: resource, lasting: left.duration)
        request.purpose = lease.purpose
        request.reason = lease.reason
        let again = promise(
            request, of: Candidate(resource), startsAt: left.start, by: lease.requestedBy, isApproved: false,
            preemptions: lease.preemptions + 1, federation, &context)
        enqueue(again, consents: lease.wasApproved, federation, &context)
    }
}

extension Explanation {
    fileprivate static func displaced(_ waiting: Waiting) -> Explanation {
        let what = waiting.items.map { "\($0.quantity) of the type \($0.type)" }.joined(separator: " and ")
        return Explanation(
            code: "queued", step: AllocationStep.queue.rawValue,
            summary: "Queued until \(waiting.until): a stronger request took \(what) away.", constraint: nil,
            considered: 0, rejected: [:], counterfactual: nil, nearestWindows: [], searchedUntil: nil)
    }
}

extension Lease {
    /// Why one that was being taken away ended: its borrower gave it back for good.
    static let givenUp = "given_up_by_borrower"

    /// What of its window is left.
    fileprivate func left(at time: Timestamp) -> (start: Timestamp, duration: Seconds)? {
        let start = max(startsAt, time)
        let duration = (endsAt.milliseconds - start.milliseconds + 999) / 1000
        return duration > 0 ? (start, duration) : nil
    }
}
