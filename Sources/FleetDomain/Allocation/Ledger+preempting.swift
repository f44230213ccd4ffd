/// Preemption: a stronger request takes away what weaker ones borrowed beyond their nominal.
extension Ledger {
    /// Who would take something away, and for which window.
    struct Claim {
        let target: Fleet.ID
        let priority: Priority
        let federation: Federation
        /// Of each type, so that it is known whether the fleet is below its nominal.
        let quantities: [ResourceType: Int64]
        let window: Window
    }

    /// Leases without which a claim can be met, of which none could stay.
    ///
    /// Candidates are tried from the weakest on until the claim can be met, each taken away in earnest and all of it
    /// taken back; then each that is not needed after all is let go.
    ///
    /// - Parameters:
    ///   - supplies: that would do.
    ///   - isMet: whether the claim can be met as things are, with the victims' resources taken as brought back.
    mutating func victims(
        of claim: Claim, among supplies: [Supply], _ context: Context, isMet: (Ledger, [Lease]) -> Bool
    ) -> [Lease]? {
        guard claim.federation.policy.preemption else { return nil }
        var context = context
        let start = savepoint
        var chosen: [Lease] = []
        var isFound = false
        for lease in candidates(for: claim, among: supplies, now: context.now) {
            // What was taken already may leave its holder no more than is its own.
            guard leases[lease.id] != nil, claim.priority == .emergency || isBeyondNominal(lease, now: context.now)
            else { continue }
            preempt(lease, for: claim, &context)
            chosen.append(lease)
            isFound = isMet(self, chosen)
            if isFound || chosen.count == PreemptionLimits.victimsMax { break }
        }
        rollBack(to: start)
        guard isFound else { return nil }
        for lease in chosen {
            let others = chosen.filter { $0.id != lease.id }
            for other in others { preempt(other, for: claim, &context) }
            if isMet(self, others) { chosen = others }
            rollBack(to: start)
        }
        return chosen
    }

    /// Those that the claim may take away, from the weakest on: of a lower priority, not begun yet, begun last.
    private func candidates(for claim: Claim, among supplies: [Supply], now: Timestamp) -> [Lease] {
        let ids = supplies.flatMap { Array(leasesOfSupply[$0] ?? []) }
        let able = ids.compactMap { leases[$0] }
            .filter { $0.occupied.overlaps(claim.window) && mayPreempt($0, for: claim, now: now) }
        let ordered = able.sorted { a, b in
            if a.priority != b.priority { return a.priority < b.priority }
            let (begunA, begunB) = (a.activatedAt ?? .distantFuture, b.activatedAt ?? .distantFuture)
            return begunA == begunB ? a.id < b.id : begunA > begunB
        }
        return Array(ordered.prefix(PreemptionLimits.candidatesMax))
    }

    /// Whether the claim may take the lease away, if its holder uses it beyond its nominal: by a higher priority, or as
    /// the owner that takes back its own while it is below its nominal.
    private func mayPreempt(_ lease: Lease, for claim: Claim, now: Timestamp) -> Bool {
        guard lease.federation == claim.federation.id, lease.changesHands,
            lease.target != claim.target, candidate(of: lease)?.resource.interruptible == true,
            preemptions(of: lease) < PreemptionLimits.perRequest
        else { return false }
        switch lease.status {
        case .granted: break
        case .active:
            // What is in use is not taken away for later.
            let tenure = claim.federation.policy.minimumTenure
            guard claim.window.start <= now, now >= (lease.activatedAt ?? lease.startsAt) + tenure else { return false }
        default: return false
        }
        return lease.priority < claim.priority || reclaims(claim, lease)
    }

    private func preemptions(of lease: Lease) -> Int64 {
        lease.allocation.flatMap { allocations[$0]?.preemptions } ?? lease.preemptions
    }

    /// Whether an owner takes back its own, which it has too little of.
    private func reclaims(_ claim: Claim, _ lease: Lease) -> Bool {
        lease.source == claim.target
            && claim.quantities.allSatisfy { type, quantity in
                quantity <= headroom(of: quotaKey(claim.target, type, claim.federation.id), over: claim.window)
            }
    }

    /// Whether at every instant that is left of it, its holder has its nominal without it.
    private func isBeyondNominal(_ lease: Lease, now: Timestamp) -> Bool {
        let quota = quotaKey(lease.target, lease.resourceType, lease.federation)
        let offer = OfferKey(fleet: lease.target, type: lease.resourceType)
        let start = max(lease.startsAt, now)
        guard start < lease.endsAt else { return false }
        let rest = Window(start: start, end: lease.endsAt)
        var use = Calendar()
        for calendar in [borrowed[quota], ownUse[offer]].compactMap({ $0 }) {
            for step in calendar.steps(over: rest) { use.add(step.level, over: step.window) }
        }
        // Where it is lowest: the windows in which it is no more than what has to be left.
        return use.gaps(
            of: 1, atMost: nominal(of: quota) + lease.quantity - 1, from: start, until: lease.endsAt, count: 1
        ).isEmpty
    }

    /// Takes the lease away: at once what has not begun; what is in use has to be handed back, and is promised to the
    /// claimant meanwhile.
    @discardableResult
    mutating func preempt(_ lease: Lease, for claim: Claim, _ context: inout Context) -> Entity? {
        guard var lease = leases[lease.id] else { return nil }
        let reason = lease.priority < claim.priority ? "preempted_by_priority" : "reclaimed_by_lender"
        guard lease.status == .active else { return end(lease, .preempted, .sharingPreempted, reason, &context) }
        lease.status = .preempting
        lease.statusReason = reason
        lease.deadline = context.now + lease.acknowledgeWithin
        lease.fencingToken = nextToken(for: lease, at: context.now)
        return save(.sharingPreempting, lease, &context)
    }

    // MARK: Claims of allocations

    /// Takes away what stands in the way of an allocation at its first start, if it may, and gives it.
    mutating func preempt(
        for asked: AskedFor, _ federation: Federation, _ search: Search, _ context: inout Context
    ) -> Grant? {
        guard federation.policy.preemption else { return nil }
        // Nobody's lease is taken away for a hold that its owner may reject.
        var search = search
        search.lenders = search.lenders.map { $0.filter { $0.consent != .asked } }
        let claim = Claim(
            target: search.target, priority: asked.request.priority, federation: federation,
            quantities: asked.request.quantities,
            window: Window(start: asked.earliest, end: asked.earliest + search.duration))
        let fixed = search
        let victims = victims(of: claim, among: supplies(for: search), context) { ledger, victims in
            ledger.attempt(fixed.claiming(victims), at: asked.earliest).isWhole
        }
        guard let victims else { return nil }
        for lease in victims { preempt(lease, for: claim, &context) }
        let attempt = attempt(search.claiming(victims), at: asked.earliest)
        return Grant(attempt: attempt, start: asked.earliest, step: .preemption)
    }

    private func supplies(for search: Search) -> [Supply] {
        var found: [Supply] = []
        for (item, lenders) in zip(search.items, search.lenders) {
            for lender in lenders {
                guard let offer = offers[OfferKey(fleet: lender.fleet, type: item.type)] else { continue }
                let left = AllocationLimits.looksMax - found.count
                found += candidates(of: offer, lender.fleet, atMost: left).map(\.supply)
            }
        }
        return found
    }

    // MARK: Claims of named requests

    /// The leases to take away so that nothing stands against a request by name; nil when that does not help, or the
    /// lender would have to be asked.
    mutating func victims(
        of request: SharingRequest, _ resource: Resource, startsAt: Timestamp, _ federation: Federation,
        _ context: Context
    ) -> (Claim, [Lease])? {
        let claim = Claim(
            target: request.target, priority: request.priority, federation: federation,
            quantities: [resource.type: request.quantity],
            window: Window(start: startsAt, end: startsAt + request.duration + resource.buffer))
        // What is taken goes to its claimant; who loses it does not keep it from it.
        let kept = kept(from: request, resource, in: federation, now: context.now)
        let victims = victims(of: claim, among: [.resource(resource.key)], context) { ledger, victims in
            let claimed = victims.reduce(0) { $0 + $1.possession }
            return ledger.violations(
                of: request, startsAt: startsAt, federation: federation, resource: resource, claimed: claimed,
                keeping: kept, now: context.now
            ).isEmpty
        }
        return victims.map { (claim, $0) }
    }
}

/// Bounds of preemption, so that it ends and a decision stays short.
enum PreemptionLimits {
    /// How often the same request is preempted at most, also after it was queued again.
    static let perRequest: Int64 = 2
    /// Leases that are tried, and that one claim takes away at most.
    static let candidatesMax = 256
    static let victimsMax = 32
}

extension Lease {
    /// What of it is in the borrower's hands.
    var possession: Int64 { status.possesses ? quantity : 0 }
}

extension Ledger.Search {
    /// The same, with what the victims have in their hands taken as brought back.
    fileprivate func claiming(_ victims: [Lease]) -> Ledger.Search {
        var search = self
        for lease in victims { search.claimed[lease.supply, default: 0] += lease.possession }
        return search
    }
}
