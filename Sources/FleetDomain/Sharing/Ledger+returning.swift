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
        for lease in waiting where leases[lease.id] == lease {
            guard !isBlocked(lease) else {
                _ = rebind(lease, &context)
                continue
            }
            var lease = lease
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

    /// Tells whoever is next that the resource is not back, or gives it another.
    mutating func warnNext(after lease: Lease, _ context: inout Context) {
        guard let key = lease.resourceKey else { return }
        let granted = (leasesOfSupply[.resource(key)] ?? []).compactMap { leases[$0] }
            .filter { $0.status == .granted && !$0.awaitingReturn }
        for next in granted.sorted(by: { ($0.startsAt, $0.id) < ($1.startsAt, $1.id) }) where isBlocked(next) {
            guard rebind(next, &context) == nil else { continue }
            wait(next, &context)
            break
        }
    }

    /// The lease cannot begin as its resource is not back.
    mutating func wait(_ lease: Lease, _ context: inout Context) {
        var lease = lease
        lease.awaitingReturn = true
        lease.readyAt = nil
        _ = save(.sharingUpdated, lease, &context)
    }

    /// The lease with another unit of its class, where its own is not back or not available; as it is when there is none.
    mutating func atBest(_ lease: Lease, _ context: inout Context) -> Lease {
        guard lease.terms != nil, context.now < lease.endsAt,
            isBlocked(lease) || resource(of: lease)?.status != .available
        else { return lease }
        return rebind(lease, &context) ?? lease
    }
}
