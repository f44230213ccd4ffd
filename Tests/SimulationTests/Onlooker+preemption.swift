import FleetDomain

/// Invariant 5: what may be taken away, and what becomes of it.
extension Onlooker {
    /// Whether the event takes the lease away: what is handed back later was taken before.
    func isTaken(_ lease: Lease, _ was: Lease?) -> Bool {
        lease.status == .preempting && was?.status == .active || lease.status == .preempted && was?.status == .granted
    }

    /// What a command takes away: told from its events alone.
    func victims(among events: [Event]) -> [Lease] {
        events.filter { $0.type == .sharingPreempting || $0.type == .sharingPreempted }.compactMap(\.entity.asLease)
    }

    /// What a command gives to who asked.
    func claims(among events: [Event]) -> [Lease] {
        events.filter { $0.type == .sharingGranted || $0.type == .sharingActivated }.compactMap(\.entity.asLease)
            .filter { $0.version == 1 }
    }

    /// - Parameter own: the events of the command that took it.
    func judgeVictim(_ lease: Lease, _ own: [Event], at now: Timestamp, _ place: Place) {
        guard let was = ledger.leases[lease.id], let claim = claims(among: own).first,
            let policy = ledger.federations[lease.federation]?.policy
        else { return place.expect(false, "invariant 5, taken away for nobody") }
        let count = was.allocation.flatMap { ledger.allocations[$0]?.preemptions } ?? was.preemptions
        place.expect(policy.preemption, "invariant 5, taken away where the policy forbids it")
        // One claim may take several leases of one request.
        let together = own.prefix { $0.entity.asLease?.id != lease.id }.count { event in
            was.allocation != nil && event.entity.asLease?.allocation == was.allocation
                && (event.type == .sharingPreempting || event.type == .sharingPreempted)
        }
        place.expect(count - Int64(together) < 2, "invariant 5, taken away a third time")
        place.expect(
            claim.federation == was.federation && claim.target != was.target && was.source != was.target,
            "invariant 5, taken away from its own")
        place.expect(
            isInterruptible(was), "invariant 5, it is not to be interrupted")
        place.expect(
            was.priority < claim.priority || was.source == claim.target, "invariant 5, taken away by no stronger one")
        if was.status == .active, let begun = was.activatedAt {
            place.expect(now >= begun + policy.minimumTenure, "invariant 5, taken away within its minimum tenure")
        }
        guard claim.priority != .emergency else { return }
        place.expect(isBeyondNominal(was, at: now), "invariant 5, taken away within its holder's nominal")
    }

    /// That its holder uses its nominal and more at each instant that is left of the lease.
    private func isBeyondNominal(_ lease: Lease, at now: Timestamp) -> Bool {
        let uses = ledger.leases.values.filter { isUse($0, of: lease.target, lease.resourceType, in: lease.federation) }
        let start = max(lease.startsAt, now)
        let instants = [start] + uses.map(\.occupied.end).filter { start <= $0 && $0 < lease.endsAt }
        let least = nominal(of: lease.target, lease.resourceType, in: lease.federation) + lease.quantity
        return instants.allSatisfy { instant in
            uses.filter { $0.occupied.contains(instant) }.reduce(0) { $0 + $1.quantity } >= least
        }
    }

    func isUse(_ lease: Lease, of fleet: Fleet.ID, _ type: ResourceType, in federation: Federation.ID) -> Bool {
        lease.target == fleet && lease.resourceType == type && Self.holding.contains(lease.status)
            && (lease.source == fleet || lease.federation == federation)
    }

    func nominal(of fleet: Fleet.ID, _ type: ResourceType, in federation: Federation.ID) -> Int64 {
        let key = Quota.Key(member: Member.Key(federation: federation, fleet: fleet), type: type)
        let offered = ledger.resources.values.filter {
            $0.key.fleet == fleet && $0.type == type && $0.status == .available
        }
        return ledger.quotas[key]?.nominal ?? offered.reduce(0) { $0 + $1.capacity }
    }

    /// After a command: what it took is promised to who asked, of whom it was taken.
    func judgePromises(_ own: [Event], _ place: Place) {
        let claims = claims(among: own)
        for victim in own.filter({ $0.type == .sharingPreempting }).compactMap(\.entity.asLease) {
            let promised = claims.filter { $0.source == victim.source && $0.resourceType == victim.resourceType }
            place.expect(!promised.isEmpty, "invariant 5, taken away and promised to nobody")
            for claim in promised where claim.isUnit && claim.terms == nil && claim.resourceKey == victim.resourceKey {
                place.expect(
                    ledger.leases[claim.id]?.status == .granted && ledger.leases[claim.id]?.awaitingReturn == true,
                    "invariant 5, it does not wait for what it took")
            }
        }
    }
}
