import FleetDomain
import FleetTestSupport
import Testing

@Suite("The queue under load")
struct QueuePropertyTests {
    @Test("Who waits within its nominal is served before any borrower that came later, at full load")
    func noStarvation() {
        var counts = Counts()
        for seed in Generator.seeds(Effort.seeds(1, slow: 10)) {
            var market = Market(seed: seed, handovers: [.automatic])
            market.ledger.confirm()
            var shadow = market
            for _ in 0..<(Effort.isSlow ? 1000 : 300) {
                switch market.random.int(in: 0...9) {
                case 0..<5: check(&shadow, market.now, market.ask().events + market.look(), &counts)
                case 5..<6: check(&shadow, market.now, market.giveBack() + market.look(), &counts)
                default: market.wait(market.random.int(in: 0...900)) { check(&shadow, $0, $1, &counts) }
                }
                market.ledger.confirm()
            }
            // When nobody asks any more, everybody's turn comes.
            market.wait(2_000_000)
            #expect(market.ledger.allocations.isEmpty, "seed \(seed): \(market.ledger.allocations.count) still wait")
        }
        #expect(counts.served > 20 && counts.borrowed > 20 && counts.waits > 2 || Generator.areFew)
    }

    private struct Counts {
        var (served, borrowed, waits) = (0, 0, 0)
    }

    /// That no borrower was given anything while somebody who had come before it waited within its nominal.
    ///
    /// - Parameter shadow: the state before the events; afterwards, behind them.
    private func check(_ shadow: inout Market, _ now: Timestamp, _ events: [Event], _ counts: inout Counts) {
        // Event by event, so that each grant is judged by what held when it was made.
        shadow.now = now
        var leases: [Lease] = []
        for event in events {
            if let lease = event.entity.asLease { leases.append(lease) }
            let waited = event.entity.asAllocation.flatMap { shadow.ledger.allocations[$0.id] }
            shadow.ledger.apply(event)
            guard let given = event.entity.asAllocation, given.status == .granted, waited?.status != .granted else {
                continue
            }
            counts.served += 1
            let isBorrower = shadow.use(of: given.target) > Market.nominal
            guard isBorrower, leases.contains(where: { $0.allocation == given.id && $0.source != $0.target }) else {
                continue
            }
            counts.borrowed += 1
            for waiting in shadow.entitled where waiting.target != given.target && waiting.createdAt < given.createdAt {
                Issue.record("\(given.target) got \(given.quantity) before \(waiting.target) \(waiting.quantity)")
            }
        }
        shadow.ledger.confirm()
        counts.waits = max(counts.waits, shadow.ledger.allocations.values.count { $0.waiting != nil })
    }

    @Test("An estimate is when it begins, if nothing else comes and everybody keeps to the windows")
    func estimates() {
        var (checked, unknown) = (0, 0)
        for seed in Generator.seeds(Effort.seeds(3, slow: 60)) {
            var market = Market(seed: seed, handovers: Handover.allCases)
            for _ in 0..<40 {
                if market.random.chance(40) { market.wait(market.random.int(in: 0...600)) }
                market.ledger.confirm()
                let (_, asked) = market.ask()
                _ = market.look()
                guard let asked, asked.status == .queued else { continue }
                guard let estimate = asked.explanation.estimatedWait else {
                    unknown += 1
                    continue
                }
                checked += 1
                let real = market.goingOn(until: asked.id)
                #expect(
                    real == asked.createdAt + estimate,
                    "seed \(seed): \(String(describing: real)) is not \(estimate) s after \(asked.createdAt)")
            }
        }
        #expect(checked > 10 && unknown < checked || Generator.areFew, "\(checked), \(unknown)")
    }
}

extension Market {
    /// When the allocation begins, if nobody asks for anything more: each fleet fetches and returns on time.
    fileprivate func goingOn(until id: Allocation.ID) -> Timestamp? {
        var copy = self
        for _ in 0..<5000 {
            _ = copy.tick()
            while copy.keepToWindows() {}
            _ = copy.handOn()
            while copy.keepToWindows() {}
            guard let allocation = copy.ledger.allocations[id] else { return nil }
            if allocation.waiting == nil {
                return allocation.leases.compactMap { copy.ledger.leases[$0]?.startsAt }.max()
            }
            let ends = copy.ledger.leases.values.filter { $0.status == .active || $0.status == .granted }.map(\.endsAt)
            guard let next = (ends + [copy.ledger.nextDue].compactMap { $0 }).filter({ $0 > copy.now }).min() else {
                return nil
            }
            copy.now = next
        }
        return nil
    }

    /// - Returns: whether anybody had anything to do.
    private mutating func keepToWindows() -> Bool {
        let due = ledger.leases.values.filter { lease in
            lease.handover == .confirmed
                && (lease.status == .granted && lease.startsAt <= now
                    || [.active, .overdue].contains(lease.status) && lease.endsAt <= now)
        }
        for lease in due.sorted(by: { $0.id < $1.id }) {
            let action: LeaseAction = lease.status == .granted ? .activate : .return
            act(as: LedgerScenario.operatorOf(lease.target)) { ledger, context throws(FleetError) in
                try ledger.act(action, on: lease.id, &context)
            }
        }
        return !due.isEmpty
    }
}
