/// Who waits for a resource that somebody has not brought back.
extension Ledger {
    /// Who may go on when the lease ends.
    func waiting(forEndOf lease: Lease, now: Timestamp) -> [Lease] {
        guard let key = lease.resourceKey, lease.status.possesses || lease.terms != nil else { return [] }
        return waiting(for: key, now: now)
    }

    /// Granted leases of the resource that were told to wait, or whose start has passed while they cannot begin; after
    /// them those that wait for another unit of its class. One that could begin and was only not fetched yet is not
    /// among them: its no-show clock runs.
    func waiting(for key: Resource.Key, now: Timestamp) -> [Lease] {
        let own = (leasesOfSupply[.resource(key)] ?? []).compactMap { leases[$0] }
            .filter {
                $0.status == .granted
                    && ($0.awaitingReturn || $0.startsAt < now && $0.endsAt > now && isBlocked($0))
            }
        let others = resources[key].flatMap(unitClass(of:))?.awaiting.compactMap { leases[$0] }
            .filter { $0.resource != key.resource }
        return [own, others ?? []].flatMap { $0.sorted { ($0.startsAt, $0.id) < ($1.startsAt, $1.id) } }
    }

    /// More is there: the leases that waited for it may begin, as far as it suffices.
    mutating func resume(_ waiting: [Lease], _ context: inout Context) {
        for var lease in waiting where leases[lease.id] == lease {
            if isBlocked(lease) {
                guard let unit = freeUnit(for: lease, now: context.now) else { continue }
                lease.resource = unit
                lease.awaitingReturn = false
                _ = save(.sharingBound, lease, &context)
                lease = leases[lease.id] ?? lease
            }
            lease.awaitingReturn = false
            lease.readyAt = lease.startsAt <= context.now ? context.now : nil
            if lease.handover == .automatic, lease.startsAt <= context.now {
                hand(&lease, at: context.now)
                _ = save(.sharingActivated, lease, &context)
            } else {
                _ = save(.sharingUpdated, lease, &context)
            }
        }
    }

    /// Tells whoever is next that the resource is not back.
    mutating func warnNext(after lease: Lease, _ context: inout Context) {
        guard let key = lease.resourceKey else { return }
        let next = (leasesOfSupply[.resource(key)] ?? []).compactMap { leases[$0] }
            .filter { $0.status == .granted && !$0.awaitingReturn }
            .min { ($0.startsAt, $0.id) < ($1.startsAt, $1.id) }
        if let next, isBlocked(next) { wait(next, &context) }
    }

    /// The lease cannot begin as its resource is not back, unless another unit will do.
    ///
    /// - Returns: the lease, if it can begin.
    @discardableResult
    mutating func wait(_ lease: Lease, _ context: inout Context) -> Lease? {
        var lease = lease
        if let unit = freeUnit(for: lease, now: context.now) {
            lease.resource = unit
            lease.awaitingReturn = false
            _ = save(.sharingBound, lease, &context)
            return leases[lease.id]
        }
        guard !lease.awaitingReturn else { return nil }
        lease.awaitingReturn = true
        lease.readyAt = nil
        _ = save(.sharingUpdated, lease, &context)
        return nil
    }
}
