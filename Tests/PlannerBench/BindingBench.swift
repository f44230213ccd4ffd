import FleetDomain

/// Measures late binding in one large class: to book a unit of it, and to bind what is due, by how much is booked.
///
/// Leases last an hour. They begin at every tenth of an hour, so that at each instant as many are booked as are meant
/// to be, and each batch of beginnings is bound in one go of the clock.
enum BindingBench {
    static func run() throws {
        print("units    booked    to book P50 µs     P99 µs   to bind P50 µs     P99 µs    refused µs")
        for (units, percent) in [(100, 50), (100, 100), (1000, 100), (10_000, 50), (10_000, 100)] {
            var world = try PooledFleet(units: units)
            var (booked, bound): ([Double], [Double]) = ([], [])
            let batch = units * percent / 1000
            for tenth in 0..<40 { booked += try world.book(batch, startingAt: Seconds(tenth) * 360 + 600) }
            let refused = try world.refuse(startingAt: 3700)
            while let times = try world.bindNext() { bound += times }
            (booked, bound) = (booked.sorted(), bound.sorted())
            let columns = [
                booked[booked.count / 2], booked[booked.count * 99 / 100], bound[bound.count / 2],
                bound[bound.count * 99 / 100], refused,
            ]
            print(
                PlannerBench.column("\(units)", 5) + PlannerBench.column("\(percent) %", 9)
                    + columns.map { PlannerBench.column(PlannerBench.decimal($0), 15) }.joined())
        }
    }
}

private struct PooledFleet {
    private static let type = ResourceType("dock")!
    private static let lender = Fleet.ID("lender")!
    private static let borrower = Fleet.ID("borrower")!
    private static let start = Timestamp(milliseconds: 1_790_000_000_000)

    private var ledger = Ledger()
    private var federation = Federation.ID(raw: 0)
    private var random = SystemSeeded(state: 11)
    private var now = PooledFleet.start
    private let admin = Principal(subject: "admin", roles: [.platformAdmin])

    init(units: Int) throws {
        var context = context()
        let draft = FederationDraft(name: "Bench", description: "", policy: FederationPolicy(), foundingFleet: nil)
        guard case .federation(let federation) = try ledger.create(draft, &context) else { return }
        self.federation = federation.id
        for fleet in [Self.lender, Self.borrower] {
            let member = MemberDraft(fleet: fleet, isolationLevel: IsolationLevel.none, resourceSharing: true)
            _ = try ledger.add(member, to: federation.id, &context)
        }
        for index in 0..<units {
            let key = Resource.Key(fleet: Self.lender, resource: Resource.ID("unit-\(index)")!)
            var draft = ResourceDraft(key: key, type: Self.type)
            draft.pooled = true
            _ = try ledger.register(draft, &context)
        }
        ledger.confirm()
    }

    private mutating func context() -> Context {
        Context(
            principal: admin, now: max(now, ledger.lastTime), requestID: "bench",
            ids: IDSource(seed: random.next(), random: random.next()))
    }

    private mutating func ask(startingAt delay: Seconds) throws -> (status: AllocationStatus?, microseconds: Double) {
        var context = context()
        let request = AllocationRequest(
            federation: federation, target: Self.borrower, items: [AllocationItem(type: Self.type, quantity: 1)],
            duration: 3600, earliest: Self.start + delay)
        let began = ContinuousClock.now
        let allocation = try ledger.allocate(request, &context).asAllocation
        return (allocation?.status, (ContinuousClock.now - began) / .microseconds(1))
    }

    /// - Returns: microseconds of each.
    mutating func book(_ count: Int, startingAt delay: Seconds) throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<count {
            let (status, time) = try ask(startingAt: delay)
            precondition(status == .granted)
            times.append(time)
            ledger.confirm()
        }
        return times
    }

    /// - Returns: microseconds of one, where everything may be booked.
    mutating func refuse(startingAt delay: Seconds) throws -> Double {
        let savepoint = ledger.savepoint
        defer { ledger.rollBack(to: savepoint) }
        return try ask(startingAt: delay).microseconds
    }

    /// Lets the clock go on to the next instant at which something is due.
    ///
    /// - Returns: microseconds for each lease that was bound; nil when nothing is due any more.
    mutating func bindNext() throws -> [Double]? {
        guard let next = ledger.nextDue else { return nil }
        now = max(now, next)
        var times: [Double] = []
        var isDone = false
        while !isDone {
            var context = context()
            let began = ContinuousClock.now
            isDone = ledger.advance(&context)
            let time = (ContinuousClock.now - began) / .microseconds(1)
            let bound = ledger.recorded.count { $0.type == .sharingBound }
            if bound > 0 { times += Array(repeating: time / Double(bound), count: bound) }
            ledger.confirm()
        }
        return times
    }
}
