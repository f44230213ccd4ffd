import FleetDomain
import FleetStore
import FleetTestSupport

/// A random history in a real database, beside the state and the log that say what the lists must be.
struct PredicateWorld {
    let store: Store
    let ledger: Ledger
    let log: [Event]
    /// Every lease there was, live or final.
    let leases: [Lease]
    let metrics: [Metric]
    private(set) var random: Generator

    static func run(seed: UInt64, commands: Int, _ check: (inout PredicateWorld) async throws -> Void) async throws {
        let store = Store(database: try await TestDatabase.open())
        _ = try await store.migrate(now: VirtualClock.start)
        var scenario = LedgerScenario(seed: seed)
        var shadow = Ledger()
        try await commit(scenario.log, to: store, &shadow)
        for _ in 0..<commands {
            let step = scenario.step()
            try await commit(step.events, to: store, &shadow)
        }
        var world = PredicateWorld(store: store, scenario)
        try await check(&world)
        await store.database.close()
    }

    /// Commits events with the changes that they come to, as the writer does.
    private static func commit(_ events: [Event], to store: Store, _ shadow: inout Ledger) async throws {
        for event in events { shadow.apply(event) }
        try await store.commit(Batch(events: events, changes: shadow.unconfirmed.changes))
        shadow.confirm()
    }

    private init(store: Store, _ scenario: LedgerScenario) {
        self.store = store
        ledger = scenario.ledger
        log = scenario.log
        random = Generator(seed: scenario.seed &+ 1_000_003)
        let last = log.reduce(into: [Lease.ID: Lease]()) { leases, event in
            if case .lease(let lease) = event.entity { leases[lease.id] = lease }
        }
        leases = last.values.sorted { $0.id < $1.id }
        metrics = log.compactMap { if case .metric(let metric) = $0.entity { metric } else { nil } }
            .sorted { $0.id < $1.id }
    }

    // MARK: Readers

    /// Somebody with any roles, fleets, federations and scopes, sensible or not.
    mutating func reader() -> Principal {
        var roles: Set<Role> = [random.pick(Role.allCases)]
        if random.chance(25) { roles.insert(random.pick(Role.allCases)) }
        let most = random.pick([0, 20, 50])
        let fleets = LedgerScenario.fleets.filter { _ in random.chance(most) }
        let federations = ledger.federations.keys.sorted().filter { _ in random.chance(40) }
        let scopes = Permission.allCases.filter { _ in random.chance(50) }
        return Principal(
            subject: random.pick(["admin", "coordinator", "operator:north", "reader"]), roles: roles,
            fleets: Set(fleets), federations: Set(federations), scopes: Set(scopes))
    }

    mutating func pageSize() -> Int { Int(random.pick([1, 2, 3, 7, 100])) }
    mutating func chance(_ percent: Int) -> Bool { random.chance(percent) }
    mutating func pick<Choices: Collection>(_ choices: Choices) -> Choices.Element { random.pick(choices) }

    // MARK: What the view says

    func standing(of reader: Principal, in id: Federation.ID) -> Standing? {
        ledger.federations[id].map { ledger.standing(of: reader, in: $0) }
    }

    func federations(for reader: Principal) -> [Federation] {
        ledger.federations.values.filter { View(reader: reader).sees(ledger.standing(of: reader, in: $0)) }
            .sorted { $0.id < $1.id }
    }

    func members(of id: Federation.ID, for reader: Principal) -> [Member] {
        guard let standing = standing(of: reader, in: id) else { return [] }
        return ledger.members.values
            .filter {
                $0.key.federation == id && $0.status != .left && View(reader: reader).sees($0, in: standing)
            }
            .sorted { $0.key.fleet < $1.key.fleet }
    }

    func fleets(for reader: Principal) -> [Fleet] {
        ledger.fleets.values.filter { ledger.disclosure(of: $0.id, to: reader) >= .known }.sorted { $0.id < $1.id }
    }

    func leases(for reader: Principal) -> [Lease] {
        leases.filter { lease in
            let coordinates =
                standing(of: reader, in: lease.federation)
                .map { reader.holds(.sharingRead, coordinating: $0) } ?? false
            let sides = [lease.source, lease.target].map {
                ledger.members[Member.Key(federation: lease.federation, fleet: $0)]
            }
            return View(reader: reader).sees(lease, asCoordinator: coordinates && View.useIsOpen(sides[0], sides[1]))
        }
    }

    func metrics(for reader: Principal) -> [Metric] {
        metrics.filter { metric in
            standing(of: reader, in: metric.federation).map { reader.holds(.metricsRead, coordinating: $0) } ?? false
        }
    }

    func keys(for reader: Principal) -> [APIKey] {
        ledger.keys.values.filter { ledger.isVisible(.apiKey($0), to: reader, under: .keyManage) }.sorted {
            $0.id < $1.id
        }
    }
}
