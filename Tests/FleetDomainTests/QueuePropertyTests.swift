import FleetDomain
import FleetTestSupport
import Testing

/// Four fleets that own a few vehicles each and keep asking for more than there are.
private struct Market {
    static let fleets: [Fleet.ID] = ["a", "b", "c", "d"].map { name($0) }
    static let vehicle: ResourceType = name("vehicle")
    static let nominal: Int64 = 3

    var ledger = Ledger()
    var now = VirtualClock.start
    var random: Generator
    private(set) var federation = Federation.ID(raw: 0)
    private var seed: UInt64 = 0

    /// - Parameter handovers: of the vehicles.
    init(seed: UInt64, handovers: [Handover]) {
        random = Generator(seed: seed)
        var policy = FederationPolicy()
        policy.queueTTL = 31_536_000
        for fleet in Self.fleets {
            act { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: fleet, name: "Fleet", organization: "Org"), &context)
            }
            for index in 0..<Int(Self.nominal) {
                var draft = ResourceDraft(
                    key: Resource.Key(fleet: fleet, resource: name("r\(index)")), type: Self.vehicle)
                draft.handover = random.pick(handovers)
                act { [draft] ledger, context throws(FleetError) in try ledger.register(draft, &context) }
            }
        }
        let draft = FederationDraft(name: "market", description: "", policy: policy)
        act { ledger, context throws(FleetError) in try ledger.create(draft, &context) }
        federation = ledger.federations.keys.first ?? federation
        let id = federation
        for fleet in Self.fleets {
            let member = MemberDraft(fleet: fleet, isolationLevel: IsolationLevel.none, resourceSharing: true)
            act { ledger, context throws(FleetError) in try ledger.add(member, to: id, &context) }
        }
    }

    /// - Returns: the events of the command, and what it answered.
    @discardableResult
    mutating func act(
        as principal: Principal = LedgerScenario.admin, _ decide: LedgerCommand.Decide
    ) -> (events: [Event], entity: Entity?) {
        seed += 1
        let before = ledger.recorded.count
        var context = Context(
            principal: principal, now: now, requestID: "market", ids: IDSource(seed: seed &* 977, random: 0))
        let start = ledger.savepoint
        do {
            let entity = try decide(&ledger, &context)
            return (Array(ledger.recorded[before...]), entity)
        } catch {
            ledger.rollBack(to: start)
            return ([], nil)
        }
    }

    /// Time passes; whoever waits is served at each instant at which something becomes free.
    ///
    /// - Parameter watch: told what happened at each such instant.
    mutating func wait(_ seconds: Seconds, _ watch: (Timestamp, [Event]) -> Void = { _, _ in }) {
        let end = now + seconds
        while let next = ledger.nextDue, next <= end {
            now = max(now, next)
            watch(now, look())
        }
        now = end
        watch(now, look())
    }

    /// What the writer does between two commands.
    mutating func look() -> [Event] { tick() + handOn() }

    mutating func tick() -> [Event] {
        act(as: Principal(subject: Event.clock, roles: [])) { ledger, context throws(FleetError) in
            ledger.advance(&context)
            return nil
        }.events
    }

    mutating func handOn() -> [Event] {
        act(as: Principal(subject: Event.clock, roles: [])) { ledger, context throws(FleetError) in
            while ledger.hasStirred { ledger.handOn(&context) }
            return nil
        }.events
    }

    mutating func request() -> AllocationRequest {
        AllocationRequest(
            federation: federation, target: random.pick(Self.fleets),
            items: [AllocationItem(type: Self.vehicle, quantity: random.int(in: 1...4))],
            duration: random.int(in: 60...4000), priority: random.pick([.low, .normal, .high, .critical]),
            acceptsPart: random.chance(5), mayWait: random.chance(90))
    }

    mutating func ask() -> (events: [Event], allocation: Allocation?) {
        let request = request()
        let (events, entity) = act(as: LedgerScenario.operatorOf(request.target)) {
            ledger, context throws(FleetError) in try ledger.allocate(request, &context)
        }
        return (events, entity?.asAllocation)
    }

    /// Ends something that is in use early.
    mutating func giveBack() -> [Event] {
        let used = ledger.leases.values.filter { $0.status == .active }.sorted { $0.id < $1.id }
        guard !used.isEmpty else { return [] }
        let lease = random.pick(used)
        return act(as: LedgerScenario.operatorOf(lease.target)) { ledger, context throws(FleetError) in
            try ledger.act(.return, on: lease.id, &context)
        }.events
    }

    /// What the fleet uses at this moment.
    func use(of fleet: Fleet.ID) -> Int64 {
        ledger.leases.values.filter { $0.target == fleet && $0.status != .queued && $0.window.contains(now) }
            .reduce(0) { $0 + $1.quantity }
    }

    /// Those who wait and would all together be within their fleets' nominals, as they came.
    var entitled: [Allocation] {
        var left = Self.fleets.reduce(into: [:]) { $0[$1] = Self.nominal - use(of: $1) }
        let waiting = ledger.allocations.values.filter { $0.waiting != nil }
        return waiting.sorted { ($0.priority, $1.createdAt) > ($1.priority, $0.createdAt) }.filter { allocation in
            guard let room = left[allocation.target], room >= allocation.quantity else { return false }
            left[allocation.target] = room - allocation.quantity
            return true
        }
    }
}

@Suite("The queue under load")
struct QueuePropertyTests {
    @Test("Who waits within its nominal is served before any borrower that came later, at full load")
    func noStarvation() {
        var counts = Counts()
        for seed in Generator.seeds(Effort.seeds(3, slow: 10)) {
            var market = Market(seed: seed, handovers: [.automatic])
            market.ledger.confirm()
            var shadow = market
            for _ in 0..<1000 {
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
        #expect(counts.served > 100 && counts.borrowed > 100 && counts.waits > 20 || Generator.seeds(2).count == 1)
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
        for seed in Generator.seeds(Effort.seeds(20, slow: 300)) {
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
        #expect(checked > 100 && unknown < checked || Generator.seeds(2).count == 1, "\(checked), \(unknown)")
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
