import FleetDomain
import FleetStore
import FleetTestSupport
import Testing

/// A reader that may call a list at all gets from the database exactly what the pure view lets it see.
@Suite("The store's predicates", .timeLimit(.minutes(Effort.minutes(5))))
struct PredicateTests {
    private static let seeds = Generator.seeds(Effort.seeds(8, slow: 60))
    private static let commands = 120
    private static let readers = 60

    /// Runs `check` for many readers of each of many worlds.
    private func forAllReaders(
        who may: Permission, _ check: (inout PredicateWorld, Principal, _ label: Comment) async throws -> Void
    ) async throws {
        for seed in Self.seeds {
            try await PredicateWorld.run(seed: seed, commands: Self.commands) { world in
                for _ in 0..<Self.readers {
                    let reader = world.reader()
                    guard reader.mayHold(may) else { continue }
                    try await check(&world, reader, "seed \(seed), \(describe(reader))")
                }
            }
        }
    }

    private func describe(_ reader: Principal) -> String {
        let roles = reader.roles.map(\.rawValue).sorted().joined(separator: "+")
        let fleets = reader.fleets.map(\.description).sorted().joined(separator: "+")
        return "\(reader.subject) \(roles) of \(fleets), \(reader.federations.count) federations, "
            + reader.scopes.map(\.rawValue).sorted().joined(separator: " ")
    }

    /// Reads page after page; each but the last must be full.
    private func all<Row: Sendable, Key: Equatable>(
        _ size: Int, by key: (Row) -> Key, _ label: Comment, _ page: (Key?) async throws -> Page<Row>
    ) async throws -> [Row] {
        var rows: [Row] = []
        while true {
            let page = try await page(rows.last.map(key))
            rows += page.rows
            guard page.hasMore else { return rows }
            #expect(page.rows.count == size, label)
            guard page.rows.count == size else { return rows }
        }
    }

    @Test("A list of federations has exactly those that the view shows, in order, in full pages")
    func federations() async throws {
        try await forAllReaders(who: .federationRead) { world, reader, label in
            var filter = FederationFilter()
            var expected = world.federations(for: reader)
            if world.chance(30) {
                let status = world.pick(FederationStatus.allCases)
                filter.status = status
                expected = expected.filter { $0.status == status }
            }
            if world.chance(30) {
                let fleet = world.pick(LedgerScenario.fleets)
                filter.fleet = fleet
                expected = expected.filter { federation in
                    world.members(of: federation.id, for: reader).contains { $0.key.fleet == fleet }
                }
            }
            if world.chance(30) {
                filter.text = "REN"
                expected = expected.filter { $0.name.lowercased().contains("ren") }
            }
            let size = world.pageSize()
            let (store, asked) = (world.store, filter)
            let found = try await all(size, by: \.federation.id, label) { after in
                try await store.federations(for: reader, asked, after: after, size: size)
            }
            #expect(found.map(\.federation) == expected, label)
            for standing in found {
                let known = world.standing(of: reader, in: standing.federation.id)
                #expect(Set(standing.members.map(\.key)) == Set(known?.members.map(\.key) ?? []), label)
            }
        }
    }

    @Test("A list of members has exactly those that the view shows")
    func members() async throws {
        try await forAllReaders(who: .federationRead) { world, reader, label in
            for id in world.ledger.federations.keys.sorted() {
                let size = world.pageSize()
                let store = world.store
                let found = try await all(size, by: \.key.fleet, label) { after in
                    try await store.members(of: id, for: reader, after: after, size: size)
                }
                #expect(found == world.members(of: id, for: reader), label)
            }
        }
    }

    @Test("A list of fleets has exactly those that the view discloses, and each as far as the ledger says")
    func fleets() async throws {
        try await forAllReaders(who: .fleetRead) { world, reader, label in
            let size = world.pageSize()
            let store = world.store
            let found = try await all(size, by: \.id, label) { after in
                try await store.fleets(for: reader, after: after, size: size)
            }
            #expect(found == world.fleets(for: reader), label)
            for fleet in LedgerScenario.fleets {
                let disclosure = try await store.disclosure(of: fleet, to: reader)
                #expect(disclosure == world.ledger.disclosure(of: fleet, to: reader), label)
            }
        }
    }

    @Test("A list of leases has exactly those that the view shows, whatever it is narrowed to")
    func leases() async throws {
        try await forAllReaders(who: .sharingRead) { world, reader, label in
            var filter = LeaseFilter()
            var expected = world.leases(for: reader)
            if world.chance(20), let lease = world.leases.last {
                filter.from = lease.startsAt
                filter.to = lease.endsAt
                expected = expected.filter { $0.endsAt > lease.startsAt && $0.startsAt < lease.endsAt }
            }
            if world.chance(20) {
                let fleet = world.pick(LedgerScenario.fleets)
                filter.fleet = fleet
                expected = expected.filter { $0.source == fleet || $0.target == fleet }
            }
            if world.chance(20) {
                let status = world.pick(LeaseStatus.allCases)
                filter.status = status
                expected = expected.filter { $0.status == status }
            }
            let size = world.pageSize()
            let (store, asked) = (world.store, filter)
            let found = try await all(size, by: \.id, label) { after in
                try await store.leases(for: reader, asked, after: after, size: size)
            }
            #expect(found == expected, label)
        }
    }

    @Test("A list of metrics has exactly those of the federations that the reader coordinates")
    func metrics() async throws {
        try await forAllReaders(who: .metricsRead) { world, reader, label in
            let size = world.pageSize()
            let store = world.store
            let found = try await all(size, by: \.id, label) { after in
                try await store.metrics(for: reader, MetricFilter(), after: after, size: size)
            }
            #expect(found == world.metrics(for: reader), label)
        }
    }

    @Test("A list of keys has exactly those that the reader made, or all")
    func keys() async throws {
        try await forAllReaders(who: .keyManage) { world, reader, label in
            let size = world.pageSize()
            let store = world.store
            let found = try await all(size, by: \.id, label) { after in
                try await store.keys(for: reader, after: after, size: size)
            }
            #expect(found == world.keys(for: reader), label)
        }
    }

    @Test("What the log is narrowed to for a reader leaves out nothing that the view shows")
    func events() async throws {
        try await forAllReaders(who: .eventRead) { world, reader, label in
            let (view, store) = (View(reader: reader), world.store)
            // Whoever sees everything is not narrowed.
            guard !reader.holdsEverywhere(.eventRead) else { return }
            let standings = try await store.standings(of: reader)
            var filter = EventFilter()
            filter.reader = reader
            let narrowed = try await store.events(
                matching: filter, after: 0, limit: world.log.count, standings: standings)
            let members = world.ledger.members
            func seen(_ events: [Event]) -> [Event] {
                events.filter {
                    view.sees($0, standings: standings, members: members)
                        || view.seesAudit(of: $0, standings: standings, members: members)
                }
            }
            #expect(seen(narrowed.events) == seen(world.log), label)
        }
    }
}
