import FleetDomain
import FleetJSON

#if canImport(Glibc)
    import Glibc
#endif

/// A federation of a hundred lenders and one borrower, with leases spread over a month.
struct SyntheticFederation {
    private static let lenders = 100
    private static let type = ResourceType("vehicle")!
    private static let borrower = Fleet.ID("borrower")!
    private static let start = Timestamp(milliseconds: 1_790_000_000_000)

    private var ledger = Ledger()
    private var federation = Federation.ID(raw: 0)
    private let resources: Int
    private var random = SystemSeeded(state: 1)
    private let admin = Principal(subject: "admin", roles: [.platformAdmin])

    init(resources: Int, leases: Int) throws {
        self.resources = resources
        var context = context()
        let made = try ledger.create(
            FederationDraft(name: "Bench", description: "", policy: FederationPolicy(), foundingFleet: nil), &context)
        guard case .federation(let federation) = made else { return }
        self.federation = federation.id
        try join(Self.borrower)
        for lender in 0..<Self.lenders { try join(Self.lender(lender)) }
        for index in 0..<resources {
            var context = self.context()
            _ = try ledger.register(ResourceDraft(key: Self.key(index), type: Self.type), &context)
            if index.isMultiple(of: 1000) { ledger.confirm() }
        }
        ledger.confirm()
    }

    private static func lender(_ index: Int) -> Fleet.ID { Fleet.ID("lender-\(index)")! }

    private static func key(_ index: Int) -> Resource.Key {
        Resource.Key(fleet: lender(index % lenders), resource: Resource.ID("unit-\(index)")!)
    }

    private mutating func context() -> Context {
        Context(
            principal: admin, now: max(Self.start, ledger.lastTime), requestID: "bench",
            ids: IDSource(seed: random.next(), random: random.next()))
    }

    private mutating func join(_ fleet: Fleet.ID) throws {
        var context = context()
        _ = try ledger.add(
            MemberDraft(fleet: fleet, isolationLevel: IsolationLevel.none, resourceSharing: true), to: federation,
            &context)
        ledger.confirm()
    }

    /// Books leases of an hour, one after the other on each unit, so that all units are as busy.
    mutating func book(_ leases: Int) throws {
        for index in 0..<leases {
            var context = context()
            let slot = index / resources
            let request = request(index % resources, startsIn: Seconds(slot * 7200 + 60))
            _ = try ledger.request(request, &context)
            if index.isMultiple(of: 1000) { ledger.confirm() }
        }
        ledger.confirm()
    }

    private func request(_ index: Int, startsIn delay: Seconds) -> SharingRequest {
        let key = Self.key(index)
        return SharingRequest(
            source: key.fleet, target: Self.borrower, resourceType: Self.type, resource: key.resource, duration: 3600,
            federation: federation, startsAt: Self.start + delay)
    }

    /// Decides, and takes it back, as often as told; gives the times in microseconds, ascending.
    mutating func measure(_ question: Question, _ decisions: Int) throws -> (times: [Double], granted: Int) {
        var times: [Double] = []
        var granted = 0
        for _ in 0..<decisions {
            let index = Int(random.next() % UInt64(resources))
            let delay = Seconds(random.next() % 86_400)
            var context = context()
            let savepoint = ledger.savepoint
            let began = ContinuousClock.now
            let entity = try? ask(question, index, delay, &context)
            times.append((ContinuousClock.now - began) / .microseconds(1))
            if entity?.asLease != nil || entity?.asAllocation.map({ $0.status == .granted }) == true { granted += 1 }
            ledger.rollBack(to: savepoint)
        }
        return (times.sorted(), granted)
    }

    private mutating func ask(
        _ question: Question, _ index: Int, _ delay: Seconds, _ context: inout Context
    ) throws(FleetError) -> Entity {
        if question == .named { return try ledger.request(request(index, startsIn: delay), &context) }
        var item = AllocationItem(type: Self.type, quantity: question == .ten ? 10 : 1)
        if question == .absent { item.attributes = [Requirement(name: "wings", rule: .equals(.bool(true)))] }
        let earliest = Self.start + delay
        var latest: Timestamp?
        if question == .later {
            // Where all units are busy at once, some of them are free again within the day.
            item.quantity = 200
            latest = earliest + 86_400
        }
        return try ledger.allocate(
            AllocationRequest(
                federation: federation, target: Self.borrower, items: [item], duration: 3600, earliest: earliest,
                latest: latest), &context)
    }
}

/// SplitMix64, seeded, so that runs compare.
struct SystemSeeded {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// What the process holds of memory.
func residentBytes() -> Int {
    #if canImport(Glibc)
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, 128, file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            .split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    #else
        return 0
    #endif
}
