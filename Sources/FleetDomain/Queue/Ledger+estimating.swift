import DequeModule
import HeapModule

extension Ledger {
    /// The place of a waiter, or nil when it does not wait. The ledger is left as it was.
    package mutating func place(of waiter: Waiter, _ context: Context) -> Place? {
        guard let (entry, until) = entry(of: waiter) else { return nil }
        let start = estimatedStart(of: waiter, context)
        return Place(
            position: position(of: entry, now: context.now), estimatedStart: start,
            estimatedWait: start.map { max(0, $0.seconds(since: context.now)) }, until: until)
    }

    private func entry(of waiter: Waiter) -> (Entry, until: Timestamp)? {
        switch waiter {
        case .allocation(let id):
            guard let allocation = allocations[id], let waiting = allocation.waiting else { return nil }
            return allocation.entry.map { ($0, waiting.until) }
        case .lease(let id):
            guard let lease = leases[id], let until = lease.deadline else { return nil }
            return lease.entry.map { ($0, until) }
        }
    }

    /// In the line in which most stand before it, as far as its fleet knows them.
    private func position(of entry: Entry, now: Timestamp) -> Int {
        (entry.lines.map { count(before: entry, in: $0, onlyKnown: true, now: now) }.max() ?? 0) + 1
    }

    private func count(before entry: Entry, in key: Line.Key, onlyKnown: Bool, now: Timestamp) -> Int {
        guard let federation = federations[entry.federation] else { return 0 }
        var lendable: [ResourceType: Int64] = [:]
        let own = rank(of: entry.group, in: federation, &lendable, now: now)
        return (lines[key]?.groups ?? [:]).reduce(0) { count, other in
            guard !onlyKnown || knows(entry.group.fleet, other.key.fleet, in: federation.id) else { return count }
            let rank = rank(of: other.key, in: federation, &lendable, now: now)
            if rank < own { return count + other.value.count }
            return own < rank ? count : count + other.value.place(of: entry.ticket)
        }
    }

    /// Whether the one fleet is told that the other is a member.
    func knows(_ fleet: Fleet.ID, _ other: Fleet.ID, in federation: Federation.ID) -> Bool {
        fleet == other || isolation(between: fleet, other, in: federation) <= .medium
    }

    /// When the waiter begins if nothing else comes: the clock and the queue are let go on, and taken back. What is
    /// booked is taken to be fetched and brought back in time; what is already late is not waited for.
    mutating func estimatedStart(of waiter: Waiter, _ context: Context) -> Timestamp? {
        if let last = lastEstimate, last.waiter == waiter, last.position == position, last.now == context.now {
            return last.start
        }
        let start = foreseenStart(of: waiter, context)
        lastEstimate = Estimate(waiter: waiter, position: position, now: context.now, start: start)
        return start
    }

    private mutating func foreseenStart(of waiter: Waiter, _ context: Context) -> Timestamp? {
        // Each that is served before it is an event at least.
        guard let (entry, _) = entry(of: waiter),
            entry.lines.allSatisfy({
                count(before: entry, in: $0, onlyKnown: false, now: context.now) < QueueLimits.foreseenMax
            })
        else { return nil }
        let start = savepoint
        outlook = Outlook(
            federation: entry.federation, fleets: fleetsOfFederation[entry.federation] ?? [],
            types: Set(entry.group.quantities.keys))
        defer {
            rollBack(to: start)
            outlook = nil
            for entry in foreseenDue { due.insert(entry) }
            foreseenDue = []
        }
        var (now, triesLeft) = (context.now, QueueLimits.foreseenTries)
        while position - start.position < QueueLimits.foreseenMax, foreseenDue.count < QueueLimits.foreseenInstants {
            var then = Context(
                principal: Principal(subject: Event.clock, roles: []), now: now, requestID: Event.clock,
                ids: context.ids)
            _ = advance(limit: 64, &then)
            while hasStirred, position - start.position < QueueLimits.foreseenMax {
                guard triesLeft > 0 else { return nil }
                triesLeft -= max(1, handOn(limit: triesLeft, &then))
            }
            switch startOfServed(waiter) {
            case .waits: break
            case .gone: return nil
            case .begins(let begins): return begins
            }
            guard let next = due.min?.at else { return nil }
            now = max(now, next)
        }
        return nil
    }

    /// Whether what comes up may make a difference to who is looked out for; what others do with other things does not,
    /// and does not use up how far is looked.
    func concerns(_ outlook: Outlook, _ due: Due) -> Bool {
        switch due.subject {
        case .ending(let id), .beginning(let id):
            leases[id].map { outlook.fleets.contains($0.source) && outlook.types.contains($0.resourceType) } ?? false
        case .lapse(let id): allocations[id]?.federation == outlook.federation
        case .silence: false
        case .cooled(let key): outlook.fleets.contains(key.fleet)
        }
    }

    private enum Foreseen {
        case waits, gone
        case begins(Timestamp)
    }

    private func startOfServed(_ waiter: Waiter) -> Foreseen {
        switch waiter {
        case .allocation(let id):
            guard let allocation = allocations[id] else { return .gone }
            guard allocation.waiting == nil else { return .waits }
            let begins = allocation.leases.compactMap { leases[$0]?.startsAt }.max()
            return begins.map(Foreseen.begins) ?? .gone
        case .lease(let id):
            guard let lease = leases[id] else { return .gone }
            return lease.status == .queued ? .waits : .begins(lease.startsAt)
        }
    }
}

/// Whose turn is looked out for: what is not of these types and these fleets makes no difference.
struct Outlook {
    let federation: Federation.ID
    let fleets: Set<Fleet.ID>
    let types: Set<ResourceType>
}

/// When a waiter would begin, as of an instant and of an end of the log.
struct Estimate {
    let waiter: Waiter
    let position: Int64
    let now: Timestamp
    let start: Timestamp?
}
