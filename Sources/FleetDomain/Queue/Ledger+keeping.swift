import DequeModule

/// What is kept for a waiter within its nominal, of what is free and not yet enough for it.
struct Kept {
    let type: ResourceType
    let quantity: Int64
    /// Whether it is kept for another fleet than its owner.
    let isLent: Bool
    /// Whether who must leave it may know who waits.
    let isKnown: Bool
    /// From when it would use it to when it would be done at the latest.
    let window: Window
}

/// Nobody within its nominal waits behind a borrower who came later: what it could use is kept for it.
extension Ledger {
    typealias KeptUnits = [Supply: [Kept]]

    /// What a fleet that would borrow beyond its nominal has to leave to others.
    func kept(
        from fleet: Fleet.ID, asking quantities: [ResourceType: Int64], in federation: Federation, now: Timestamp
    ) -> KeptUnits {
        let keys = quantities.keys.map { Line.Key(federation: federation.id, type: $0) }.filter { lines[$0] != nil }
        guard !keys.isEmpty, !isWithinNominal(fleet, quantities, in: federation.id, at: now) else { return [:] }
        var kept: KeptUnits = [:]
        var seen: Set<Waiter> = []
        for key in keys.sorted() {
            for (group, ticket) in withinNominal(key, federation, now: now)
            where group.fleet != fleet && seen.insert(ticket.waiter).inserted {
                let isKnown = knows(fleet, group.fleet, in: federation.id)
                keep(for: ticket.waiter, isKnown: isKnown, federation, &kept, now: now)
            }
        }
        return kept
    }

    /// The same of who asks for a resource by name.
    func kept(
        from request: SharingRequest, _ resource: Resource, in federation: Federation, now: Timestamp
    ) -> KeptUnits {
        guard request.source != request.target else { return [:] }
        return kept(from: request.target, asking: [resource.type: request.quantity], in: federation, now: now)
    }

    /// The waiters of a line that all together are within the nominals of their fleets, in their order.
    private func withinNominal(
        _ key: Line.Key, _ federation: Federation, now: Timestamp
    ) -> [(group: Line.Group, ticket: Ticket)] {
        var lendable: [ResourceType: Int64] = [:]
        var groups: [(rank: Rank, group: Line.Group, first: Ticket)] = []
        for (group, tickets) in lines[key]?.groups ?? [:] {
            let member = members[Member.Key(federation: federation.id, fleet: group.fleet)]
            guard member?.status == .active, member?.resourceSharing == true, federation.status == .active,
                isWithinNominal(group.fleet, group.quantities, in: federation.id, at: now),
                let first = tickets.first
            else { continue }
            let rank = rank(of: group, in: federation, &lendable, now: now)
            groups.append((rank, group, first))
        }
        groups.sort { $0.rank < $1.rank || !($1.rank < $0.rank) && $0.first < $1.first }
        var left: [Quota.Key: Int64] = [:]
        var found: [(group: Line.Group, ticket: Ticket)] = []
        for (_, group, _) in groups {
            for ticket in lines[key]?.groups[group] ?? [] {
                let needs = group.quantities.map { (quotaKey(group.fleet, $0, key.federation), $1) }
                let fits = needs.allSatisfy { left[$0] ?? headroom(of: $0, at: now) >= $1 }
                guard fits, found.count < QueueLimits.keptFor else { break }
                for (quota, quantity) in needs {
                    left[quota] = (left[quota] ?? headroom(of: quota, at: now)) - quantity
                }
                found.append((group, ticket))
            }
        }
        return found
    }

    private func keep(
        for waiter: Waiter, isKnown: Bool, _ federation: Federation, _ kept: inout KeptUnits, now: Timestamp
    ) {
        switch waiter {
        case .allocation(let id):
            guard let allocation = allocations[id], let waiting = allocation.waiting else { return }
            let asked = AskedFor(allocation, waiting, now: now)
            var search = search(for: asked, federation, now: now)
            // Nothing is kept for what can never be given.
            guard canWait(search, asked) else { return }
            search.kept = kept
            let last = (waiting.latest ?? waiting.until) + waiting.duration
            for pick in attempt(search, at: asked.earliest).picks.all {
                let window = Window(start: asked.earliest, end: max(last, asked.earliest + 1) + pick.resource.buffer)
                kept[pick.candidate.supply, default: []].append(
                    Kept(
                        type: pick.resource.type, quantity: pick.quantity, isLent: pick.consent != .own,
                        isKnown: isKnown, window: window))
            }
        case .lease(let id):
            guard let lease = leases[id], let resource = resource(of: lease) else { return }
            let supply = Supply.resource(resource.key)
            let start = max(lease.startsAt, now)
            let until = max(lease.deadline ?? start, start) + lease.duration + resource.buffer
            let used = Window(start: start, end: start + lease.duration + resource.buffer)
            let free = resource.capacity - occupied(supply, over: used) - kept.quantity(of: supply, over: used)
            guard free > 0 else { return }
            kept[supply, default: []].append(
                Kept(
                    type: resource.type, quantity: min(free, lease.quantity), isLent: true, isKnown: isKnown,
                    window: Window(start: start, end: until)))
        }
    }

    /// Whether a fleet within its nominal waits for what the borrower of the lease would keep longer.
    func isAwaited(_ lease: Lease, _ resource: Resource, _ federation: Federation, now: Timestamp) -> Bool {
        let quota = quotaKey(lease.target, lease.resourceType, federation.id)
        guard lease.changesHands, headroom(of: quota, at: now) < 0 else { return false }
        let line = Line.Key(federation: federation.id, type: lease.resourceType)
        return withinNominal(line, federation, now: now).contains { group, ticket in
            group.fleet != lease.target && mayUse(resource, ticket.waiter, federation, now: now)
        }
    }

    private func mayUse(_ resource: Resource, _ waiter: Waiter, _ federation: Federation, now: Timestamp) -> Bool {
        switch waiter {
        case .lease(let id): return leases[id]?.resourceKey == resource.key
        case .allocation(let id):
            guard let allocation = allocations[id], let waiting = allocation.waiting else { return false }
            let search = search(for: AskedFor(allocation, waiting, now: now), federation, now: now)
            return zip(search.items, search.lenders).contains { item, lenders in
                item.type == resource.type && item.attributes.allSatisfy { $0.admits(resource.attributes) }
                    && lenders.contains { $0.fleet == resource.key.fleet }
            }
        }
    }
}

extension Ledger.KeptUnits {
    func quantity(of supply: Supply, over window: Window) -> Int64 {
        (self[supply] ?? []).reduce(0) { $1.window.overlaps(window) ? $0 + $1.quantity : $0 }
    }

    /// Whether who must leave it may know for whom it is kept.
    func areKnown(of supply: Supply) -> Bool { (self[supply] ?? []).allSatisfy(\.isKnown) }

    /// What is kept of a lender, which counts against what it may lend.
    func quantity(of type: ResourceType, lentBy fleet: Fleet.ID, over window: Window) -> Int64 {
        reduce(0) { sum, entry in
            guard entry.key.fleet == fleet else { return sum }
            return entry.value.reduce(sum) {
                $1.isLent && $1.type == type && $1.window.overlaps(window) ? $0 + $1.quantity : $0
            }
        }
    }
}
