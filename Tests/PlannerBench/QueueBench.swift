import FleetDomain

/// Measures how long it takes to hand a freed unit on, by how many wait for one.
///
/// A hundred lenders have ten units each, all in use; fifty fleets wait, with different quantities, lengths and
/// priorities. Each time one unit comes back, goes to whom its turn has come, and nothing is left.
enum QueueBench {
    private static let units = 1000
    private static let rounds = 1000

    static func run() throws {
        print("waiting       to queue µs   return P50 µs     P99 µs   hand on P50 µs     P99 µs")
        for waiting in [1_000, 10_000, 100_000] {
            var world = try CrowdedFederation(units: units)
            let queued = try world.queue(waiting)
            let (returned, handed) = try world.handOn(rounds)
            let columns = [queued] + [returned, handed].flatMap { [$0[rounds / 2], $0[rounds * 99 / 100]] }
            print(
                PlannerBench.column("\(waiting)", 7)
                    + columns.map { PlannerBench.column(PlannerBench.decimal($0), 15) }.joined())
        }
    }
}

private struct CrowdedFederation {
    private static let type = ResourceType("vehicle")!
    private static let start = Timestamp(milliseconds: 1_790_000_000_000)
    private static let fleets = 50

    private var ledger = Ledger()
    private var federation = Federation.ID(raw: 0)
    private var random = SystemSeeded(state: 7)
    private var held: [Lease.ID] = []
    private let admin = Principal(subject: "admin", roles: [.platformAdmin])

    init(units: Int) throws {
        var policy = FederationPolicy()
        policy.queueTTL = 31_536_000
        var context = context()
        let made = try ledger.create(
            FederationDraft(name: "Bench", description: "", policy: policy, foundingFleet: nil), &context)
        guard case .federation(let federation) = made else { return }
        self.federation = federation.id
        for fleet in (0..<100).map(Self.lender) + (0..<Self.fleets).map(Self.fleet) {
            var context = self.context()
            _ = try ledger.add(
                MemberDraft(fleet: fleet, isolationLevel: IsolationLevel.none, resourceSharing: true),
                to: federation.id, &context)
        }
        for index in 0..<units {
            let key = Resource.Key(fleet: Self.lender(index % 100), resource: Resource.ID("unit-\(index)")!)
            var context = self.context()
            _ = try ledger.register(ResourceDraft(key: key, type: Self.type), &context)
            let request = SharingRequest(
                source: key.fleet, target: Self.fleet(index % Self.fleets), resourceType: Self.type,
                resource: key.resource, duration: 1_000_000, federation: federation.id)
            if let lease = try ledger.request(request, &context).asLease { held.append(lease.id) }
        }
        ledger.confirm()
    }

    private static func lender(_ index: Int) -> Fleet.ID { Fleet.ID("lender-\(index)")! }
    private static func fleet(_ index: Int) -> Fleet.ID { Fleet.ID("fleet-\(index)")! }

    private mutating func context() -> Context {
        Context(
            principal: admin, now: max(Self.start, ledger.lastTime), requestID: "bench",
            ids: IDSource(seed: random.next(), random: random.next()))
    }

    /// - Returns: microseconds that one took.
    mutating func queue(_ count: Int) throws -> Double {
        let start = ContinuousClock.now
        for index in 0..<count {
            var context = context()
            let request = AllocationRequest(
                federation: federation, target: Self.fleet(index % Self.fleets),
                items: [AllocationItem(type: Self.type, quantity: index.isMultiple(of: 9) ? 2 : 1)],
                duration: Seconds(600 + random.next() % 10_000),
                priority: [.low, .normal, .high][Int(random.next() % 3)], mayWait: true)
            let queued = try ledger.allocate(request, &context).asAllocation
            precondition(queued?.status == .queued)
            ledger.confirm()
        }
        return (ContinuousClock.now - start) / .microseconds(1) / Double(count)
    }

    /// - Returns: microseconds of the return and of handing on, ascending.
    mutating func handOn(_ rounds: Int) throws -> (returned: [Double], handed: [Double]) {
        var (returned, handed): ([Double], [Double]) = ([], [])
        for _ in 0..<rounds {
            let id = held.remove(at: Int(random.next() % UInt64(held.count)))
            var context = context()
            let start = ContinuousClock.now
            _ = try ledger.act(.return, on: id, &context)
            let back = ContinuousClock.now
            while ledger.hasStirred { ledger.handOn(&context) }
            handed.append((ContinuousClock.now - back) / .microseconds(1))
            returned.append((back - start) / .microseconds(1))
            held += ledger.recorded.compactMap(\.entity.asLease).filter { $0.status == .active }.map(\.id)
            ledger.confirm()
        }
        return (returned.sorted(), handed.sorted())
    }
}
