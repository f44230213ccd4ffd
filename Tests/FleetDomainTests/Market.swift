import FleetDomain
import FleetTestSupport

/// Four fleets that own a few vehicles each and keep asking for more than there are.
struct Market {
    static let fleets: [Fleet.ID] = ["a", "b", "c", "d"].map { name($0) }
    static let vehicle: ResourceType = name("vehicle")
    static let nominal: Int64 = 3

    var ledger = Ledger()
    var now = VirtualClock.start
    var random: Generator
    private(set) var federation = Federation.ID(raw: 0)
    private var seed: UInt64 = 0

    /// - Parameters:
    ///   - handovers: of the vehicles.
    ///   - fights: whether stronger requests take away what weaker ones hold, of whom some are entitled to nothing.
    init(seed: UInt64, handovers: [Handover], fights: Bool = false) {
        random = Generator(seed: seed)
        var policy = FederationPolicy()
        policy.queueTTL = fights ? 4000 : 31_536_000
        policy.preemption = fights
        policy.minimumTenure = random.int(in: 1...900)
        for fleet in Self.fleets {
            act { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: fleet, name: "Fleet", organization: "Org"), &context)
            }
            for index in 0..<Int(Self.nominal) {
                var draft = ResourceDraft(
                    key: Resource.Key(fleet: fleet, resource: name("r\(index)")), type: Self.vehicle)
                draft.handover = random.pick(handovers)
                draft.interruptible = !fights || random.chance(85)
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
            guard fights, random.chance(70) else { continue }
            let key = Quota.Key(member: Member.Key(federation: id, fleet: fleet), type: Self.vehicle)
            let quota = QuotaDraft(nominal: random.int(in: 0...Self.nominal), weight: random.int(in: 0...2))
            act { ledger, context throws(FleetError) in try ledger.setQuota(key, quota, &context) }
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
