import FleetDomain
import FleetTestSupport

/// The invariants of DESIGN that can be read off the state before and after a step, written down again.
struct Invariants {
    let before: Ledger
    let after: Ledger
    /// Whether something may have been set aside, because what happened to it could not be stored.
    let maySetAside: Bool
    let place: Place

    private static let holding: Set<LeaseStatus> = [.pending, .granted, .active, .overdue, .revoking]
    private static let live: Set<LeaseStatus> = holding.union([.queued, .preempting])

    func check() {
        checkPromises()
        checkQuotas()
        checkTokens()
        checkTransitions()
        checkAllocations()
        checkLines()
        if !maySetAside { checkIntents() }
    }

    private func level(_ leases: [Lease], at instant: Timestamp) -> Int64 {
        leases.filter {
            Self.holding.contains($0.status) && $0.startsAt <= instant
                && instant < $0.startsAt + $0.duration + $0.buffer
        }
        .reduce(0) { $0 + $1.quantity }
    }

    /// 1: no unit is promised twice at once, no pool beyond its capacity.
    private func checkPromises() {
        for double in after.doublePromises { place.expect(false, "invariant 1, \(double)") }
    }

    /// 2: nobody lends or borrows beyond a limit, save what was there before it was lowered.
    private func checkQuotas() {
        for quota in after.quotas.values {
            for (isLender, limit) in [(true, quota.lendable), (false, quota.borrowingLimit ?? .max)] {
                func counted(_ ledger: Ledger) -> [Lease] {
                    ledger.leases.values.filter { lease in
                        lease.source != lease.target && lease.resourceType == quota.key.type
                            && lease.federation == quota.key.member.federation
                            && (isLender ? lease.source : lease.target) == quota.key.member.fleet
                    }
                }
                let (now, then) = (counted(after), counted(before))
                for instant in now.map(\.startsAt) {
                    let level = level(now, at: instant)
                    place.expect(
                        level <= max(limit, self.level(then, at: instant)),
                        "invariant 2, \(quota.key.member.fleet) \(isLender ? "lends" : "borrows") too much")
                }
            }
        }
    }

    /// 4: a token only rises.
    private func checkTokens() {
        for (key, resource) in after.resources {
            place.expect(
                resource.fencingToken >= before.resources[key]?.fencingToken ?? 0, "invariant 4, a token of \(key) fell"
            )
        }
        for lease in after.leases.values {
            let id = lease.id
            guard let earlier = before.leases[id]?.fencingToken else { continue }
            place.expect((lease.fencingToken ?? 0) >= earlier, "invariant 4, the token of \(id) fell")
        }
    }

    /// 6: what was final stays so, and nothing goes back.
    private func checkTransitions() {
        let rank: [LeaseStatus: Int] = [
            .queued: -1, .pending: 0, .granted: 1, .active: 2, .overdue: 3, .revoking: 4, .preempting: 4,
        ]
        for lease in after.leases.values {
            let id = lease.id
            guard let earlier = before.leases[id] else { continue }
            place.expect((rank[lease.status] ?? 9) >= (rank[earlier.status] ?? 9), "invariant 6, \(id) went back")
            place.expect(lease.version >= earlier.version, "invariant 6, the version of \(id) fell")
        }
        for lease in after.leases.values {
            place.expect(Self.live.contains(lease.status), "invariant 6, \(lease.id) is over and goes on")
        }
    }

    /// A live allocation has a live lease, and is pending exactly while one of them is.
    private func checkAllocations() {
        for allocation in after.allocations.values {
            let leases = allocation.leases.compactMap { after.leases[$0] }
            place.expect(!leases.isEmpty || allocation.waiting != nil, "allocation \(allocation.id) lives on nothing")
            let isPending = leases.contains { $0.status == .pending }
            place.expect((allocation.status == .pending) == isPending, "allocation \(allocation.id) is not pending")
            place.expect(
                leases.allSatisfy { $0.allocation == allocation.id }, "allocation \(allocation.id) has another's")
            let isQueued = leases.isEmpty && allocation.waiting != nil
            place.expect((allocation.status == .queued) == isQueued, "allocation \(allocation.id) is not queued")
        }
    }

    /// Whoever waits stands in the line of each type that it waits for, and nobody else does.
    private func checkLines() {
        let queued = after.leases.values.count { $0.status == .queued }
        let places = after.allocations.values.reduce(queued) { $0 + Set($1.waiting?.items.map(\.type) ?? []).count }
        let standing = after.lines.values.reduce(0) { $0 + $1.count }
        place.expect(standing == places, "the queue, \(standing) stand in line and \(places) wait")
    }

    /// An intent to end what is left of a federation is carried out at once, a slice in each batch.
    private func checkIntents() {
        for lease in after.leases.values where after.federations[lease.federation]?.status == .dissolving {
            place.expect(
                lease.status == .revoking || lease.status == .preempting,
                "\(lease.id) is \(lease.status) in a federation that dissolves")
        }
    }
}
