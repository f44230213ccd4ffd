import DequeModule
import FleetJSON

/// The queue: who waits for what, in which order, and how what becomes free is handed on.
extension Ledger {
    // MARK: The order

    /// Where a group stands in its line: within its nominal comes first, then who has borrowed less for its weight.
    struct Rank: Comparable {
        let isWithinNominal: Bool
        let share: Share

        static func < (a: Rank, b: Rank) -> Bool {
            if a.isWithinNominal != b.isWithinNominal { return a.isWithinNominal }
            return a.share < b.share
        }
    }

    func rank(of group: Line.Group, in federation: Federation, _ lendable: inout [ResourceType: Int64], now: Timestamp)
        -> Rank
    {
        Rank(
            isWithinNominal: isWithinNominal(group.fleet, group.quantities, in: federation.id, at: now),
            share: borrowedShare(of: group.fleet, in: federation, &lendable, now: now))
    }

    /// Whether the fleet, with the quantities, would use no more than is its own at that instant.
    func isWithinNominal(
        _ fleet: Fleet.ID, _ quantities: [ResourceType: Int64], in federation: Federation.ID, at now: Timestamp
    ) -> Bool {
        quantities.allSatisfy { type, quantity in
            quantity <= headroom(of: quotaKey(fleet, type, federation), at: now)
        }
    }

    /// What is the member's own: by its quota, or what it offers where none is set.
    func nominal(of key: Quota.Key) -> Int64 {
        quotas[key]?.nominal ?? offers[OfferKey(fleet: key.member.fleet, type: key.type)]?.capacity ?? 0
    }

    /// What the member's nominal leaves at an instant; negative while it uses more.
    func headroom(of key: Quota.Key, at now: Timestamp) -> Int64 {
        let offer = OfferKey(fleet: key.member.fleet, type: key.type)
        return nominal(of: key) - (borrowed[key]?.level(at: now) ?? 0) - (ownUse[offer]?.level(at: now) ?? 0)
    }

    /// What it leaves at every instant of a window, at least.
    func headroom(of key: Quota.Key, over window: Window) -> Int64 {
        let offer = OfferKey(fleet: key.member.fleet, type: key.type)
        return nominal(of: key) - (borrowed[key]?.peak(over: window) ?? 0) - (ownUse[offer]?.peak(over: window) ?? 0)
    }

    /// What the fleet has borrowed, as it fades, of what can be lent, for the type of which that is most; divided by
    /// its weight. With a weight of 0 it is infinite.
    ///
    /// The share of Kueue's fair sharing, taken over time; what it has lent counts against it as far as the policy says.
    ///
    /// - Parameter lendable: of types already asked for, kept over a pass.
    private func borrowedShare(
        of fleet: Fleet.ID, in federation: Federation, _ lendable: inout [ResourceType: Int64], now: Timestamp
    ) -> Share {
        let member = Member.Key(federation: federation.id, fleet: fleet)
        var most = Share.none
        for type in typesOfMember[member] ?? [] {
            let key = Quota.Key(member: member, type: type)
            guard let balance = balances[key]?.adding(at: now, halfLife: federation.policy.fairnessHalfLife),
                case let owed = balance.borrowed(less: federation.policy.reciprocity), owed > 0
            else { continue }
            let all = lendable[type] ?? self.lendable(of: type, in: federation.id)
            lendable[type] = all
            most = max(most, Share(owed, of: all, weight: quotas[key]?.weight ?? 1))
        }
        return most
    }

    /// What all members together may lend of a type.
    private func lendable(of type: ResourceType, in federation: Federation.ID) -> Int64 {
        (fleetsOfFederation[federation] ?? []).reduce(0) { sum, fleet in
            let offered = offers[OfferKey(fleet: fleet, type: type)]?.capacity ?? 0
            return sum + min(offered, quotas[quotaKey(fleet, type, federation)]?.lendable ?? offered)
        }
    }

    func quotaKey(_ fleet: Fleet.ID, _ type: ResourceType, _ federation: Federation.ID) -> Quota.Key {
        Quota.Key(member: Member.Key(federation: federation, fleet: fleet), type: type)
    }

    // MARK: Handing on

    /// How far a round has got with a line.
    struct Pass: Sendable {
        /// Of each group, how many were asked and could not be served.
        var passed: [Line.Group: Int] = [:]
        /// For what was asked for from the moment on and could not be given: for how long at least.
        var failed: [String: Seconds] = [:]
    }

    /// Whether something may have become free for those who wait.
    package var hasStirred: Bool { !stirred.isEmpty }

    /// Gives what has become free to those who wait for it, in the order of their lines.
    ///
    /// - Parameter limit: of waiters that are asked; the rest is for the next round.
    /// - Returns: how many were asked.
    @discardableResult
    package mutating func handOn(limit: Int = QueueLimits.triesPerRound, _ context: inout Context) -> Int {
        var triesLeft = limit
        for key in stirred.keys.sorted() where triesLeft > 0 {
            guard var pass = stirred.removeValue(forKey: key) else { continue }
            let isDone = serve(key, &pass, &triesLeft, &context)
            stirred[key] = isDone ? nil : pass
        }
        return limit - triesLeft
    }

    private mutating func serve(
        _ key: Line.Key, _ pass: inout Pass, _ triesLeft: inout Int, _ context: inout Context
    ) -> Bool {
        guard let federation = federations[key.federation], federation.status != .suspended else { return true }
        var free = free(of: key, now: context.now)
        while triesLeft > 0 {
            guard let (group, ticket) = next(in: key, pass, federation, free: free, now: context.now)
            else { return true }
            triesLeft -= 1
            if serve(ticket.waiter, &pass, &context) {
                free = self.free(of: key, now: context.now)
            } else {
                pass.passed[group, default: 0] += 1
            }
        }
        return false
    }

    /// The next in the line that was not asked in this pass.
    ///
    /// - Parameter free: who asks for more than that from the moment on need not be asked.
    private func next(
        in key: Line.Key, _ pass: Pass, _ federation: Federation, free: Int64, now: Timestamp
    ) -> (Line.Group, Ticket)? {
        var lendable: [ResourceType: Int64] = [:]
        var shares: [Fleet.ID: Share] = [:]
        var first: (group: Line.Group, ticket: Ticket, rank: Rank)?
        for (group, tickets) in lines[key]?.groups ?? [:] {
            let passed = pass.passed[group] ?? 0
            guard passed < tickets.count,
                group.isLater || group.needs(of: key.type) <= free || isOver(for: group.fleet, in: key.federation)
            else { continue }
            let ticket = tickets[passed]
            let share = shares[group.fleet] ?? borrowedShare(of: group.fleet, in: federation, &lendable, now: now)
            shares[group.fleet] = share
            let rank = Rank(
                isWithinNominal: isWithinNominal(group.fleet, group.quantities, in: key.federation, at: now),
                share: share)
            if let other = first, !(rank < other.rank || !(other.rank < rank) && ticket < other.ticket) { continue }
            first = (group, ticket, rank)
        }
        return first.map { ($0.group, $0.ticket) }
    }

    /// At most how much of the type is there at this moment, whoever may have it.
    private func free(of key: Line.Key, now: Timestamp) -> Int64 {
        (fleetsOfFederation[key.federation] ?? []).reduce(0) { sum, fleet in
            sum + (offers[OfferKey(fleet: fleet, type: key.type)]?.free(at: now) ?? 0)
        }
    }

    /// - Returns: whether it left the queue.
    private mutating func serve(_ waiter: Waiter, _ pass: inout Pass, _ context: inout Context) -> Bool {
        switch waiter {
        case .allocation(let id):
            guard let allocation = allocations[id] else { return true }
            guard !asideAllocations.contains(id) else { return false }
            guard !isOver(for: allocation.target, in: allocation.federation) else {
                leaveQueue(allocation, .allocationCancelled, &context)
                return true
            }
            let shape = allocation.shape
            if let shape, let failed = pass.failed[shape.text], shape.duration >= failed { return false }
            if serve(allocation, &context) { return true }
            if let shape { pass.failed[shape.text] = shape.duration }
            return false
        case .lease(let id):
            guard let lease = leases[id] else { return true }
            guard !aside.contains(id) else { return false }
            guard !isOver(for: lease.target, in: lease.federation) else {
                end(lease, .cancelled, .sharingCancelled, "member_left", &context)
                return true
            }
            return serve(lease, &context)
        }
    }

    /// Whether the fleet can no longer be given anything in the federation, however long it waits.
    func isOver(for fleet: Fleet.ID, in federation: Federation.ID) -> Bool {
        let member = members[Member.Key(federation: federation, fleet: fleet)]
        let isMember = member?.status == .active || member?.status == .suspended
        let status = federations[federation]?.status
        return !isMember || status == .dissolving || status == .dissolved
    }

    /// The allocation waits no longer, and got nothing for it.
    mutating func leaveQueue(_ allocation: Allocation, _ type: EventType, _ context: inout Context) {
        var allocation = allocation
        allocation.waiting = nil
        if allocation.leases.allSatisfy({ leases[$0] == nil }) {
            let unused: AllocationStatus = type == .allocationExpired ? .expired : .cancelled
            allocation.status = allocation.hasBegun ? .ended : unused
        }
        allocation.version += 1
        allocation.updatedAt = context.now
        record(type, .allocation(allocation), &context)
    }

    // MARK: What may have become free

    /// Everybody who waits is asked again: what was noted of it could not be stored.
    package mutating func stirAll() {
        for key in lines.keys { stirred[key] = Pass() }
    }

    /// Something of the type may have become free in the federation.
    mutating func stir(_ federation: Federation.ID, _ type: ResourceType) {
        let key = Line.Key(federation: federation, type: type)
        if lines[key] != nil { stirred[key] = Pass() }
    }

    /// Something of the type may have become free of the fleet, in whichever federation.
    mutating func stir(_ fleet: Fleet.ID, _ type: ResourceType) {
        guard !lines.isEmpty else { return }
        for federation in federationsOfFleet[fleet] ?? [] { stir(federation, type) }
    }

    /// What holds in the federation has changed.
    mutating func stir(_ federation: Federation.ID) {
        for key in lines.keys where key.federation == federation { stirred[key] = Pass() }
    }
}

extension Line.Group {
    /// The least of the type with which any of them could be served.
    fileprivate func needs(of type: ResourceType) -> Int64 { acceptsPart ? 1 : quantities[type] ?? 1 }
}

extension Allocation {
    /// What it waits for, if it can be compared with what others wait for: from the moment on.
    fileprivate var shape: (text: String, duration: Seconds)? {
        guard let waiting, entry?.group.isLater == false else { return nil }
        return ("\(target) \(acceptsPart) " + waiting.items.map(\.json.text).joined(), waiting.duration)
    }
}
