/// Allocations that wait.
extension Ledger {
    /// Whether waiting may help: it would be given, or a part of it if that will do, if nothing were promised.
    func canWait(_ search: Search, _ asked: AskedFor) -> Bool {
        var free = search
        free.ignoresPromises = true
        let attempt = attempt(free, at: asked.earliest)
        return attempt.isWhole || asked.request.acceptsPart && attempt.picks.quantity > 0
    }

    /// - Parameters:
    ///   - search: among those of whom the borrower may know.
    ///   - first: its attempt at the first start, where it was made already.
    mutating func enqueue(
        _ asked: AskedFor, _ federation: Federation, _ search: Search, knowing first: Attempt?,
        _ context: inout Context
    ) -> Entity {
        let request = asked.request
        let ttl = context.now + federation.policy.queueTTL
        let waiting = Waiting(
            items: request.items, duration: request.duration, earliest: asked.earliest, latest: request.latest,
            since: context.now, until: request.latest.map { min($0, ttl) } ?? ttl, arrival: position)
        var explanation = explanation(ofRefusing: asked, federation, search, knowing: first, now: context.now)
        guard waiting.until > context.now else {
            return decide(context.ids.next(at: context.now), asked, .refused, [], explanation, &context)
        }
        explanation.wait(until: waiting.until)
        let id: Allocation.ID = context.ids.next(at: context.now)
        // It has to stand in the queue before anything can be said of its turn.
        let start = savepoint
        _ = decide(id, asked, .queued, [], explanation, waiting: waiting, &context)
        let estimate = estimatedStart(of: .allocation(id), context)
        rollBack(to: start)
        explanation.estimatedWait = estimate.map { max(0, $0.seconds(since: context.now)) }
        let entity = decide(id, asked, .queued, [], explanation, waiting: waiting, &context)
        lastEstimate = Estimate(waiter: .allocation(id), position: position, now: context.now, start: estimate)
        return entity
    }

    /// Asks again for what the allocation waits for, as if it were asked for now.
    ///
    /// - Returns: whether it left the queue.
    mutating func serve(_ allocation: Allocation, _ context: inout Context) -> Bool {
        guard let waiting = allocation.waiting, let federation = federations[allocation.federation] else { return true }
        let asked = AskedFor(allocation, waiting, now: context.now)
        guard ruleViolations(against: asked, federation, now: context.now).isEmpty else { return false }
        var search = search(for: asked, federation, now: context.now)
        search.kept = kept(
            from: allocation.target, asking: asked.request.quantities, in: federation, now: context.now)
        search.looksMax = QueueLimits.looksPerTry
        guard let grant = grant(outlook == nil ? search : search.open, asked) else { return false }
        give(grant, to: allocation, asked, federation, &context)
        return true
    }

    private mutating func give(
        _ grant: Grant, to allocation: Allocation, _ asked: AskedFor, _ federation: Federation,
        _ context: inout Context
    ) {
        let leases = promise(grant, asked, for: allocation.id, federation, &context)
        let isPending = leases.contains { $0.status == .pending }
        var given = allocations[allocation.id] ?? allocation
        given.waiting = nil
        given.leases += leases.map(\.id)
        let live = given.leases.compactMap { self.leases[$0] }
        given.isPart = live.reduce(0) { $0 + $1.quantity } < given.quantity
        given.hasBegun = given.hasBegun || leases.contains { $0.status == .active }
        given.status = isPending ? .pending : given.isPart ? .partial : .granted
        given.explanation = .given(grant, asked, isPending: isPending, afterWaiting: true)
        given.version += 1
        given.updatedAt = context.now
        record(.allocationDecided, .allocation(given), &context)
    }
}

extension AllocationRequest {
    /// Of each type, all items together.
    var quantities: [ResourceType: Int64] { items.reduce(into: [:]) { $0[$1.type, default: 0] += $1.quantity } }
}

extension Explanation {
    /// The same of a request that waits rather than being refused.
    mutating func wait(until: Timestamp) {
        code = "queued"
        step = AllocationStep.queue.rawValue
        summary = "Queued until \(until): " + summary.dropFirst("Refused: ".count)
    }
}
