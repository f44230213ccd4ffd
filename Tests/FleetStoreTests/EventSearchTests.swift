import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("A search of the log")
struct EventSearchTests {
    @Test("A rare event far away is found stretch by stretch, each of bounded length")
    func rareEvent() async throws {
        let store = try await Store.inMemory()
        let last = 2 * Store.stretchLength + 10
        try await fill(store, upTo: last - 1)
        try await append(.fleetRetired, at: last, to: store)
        var filter = EventFilter()
        filter.types = [.fleetRetired]

        var ends: [Int64] = []
        var found: [Event] = []
        while ends.last ?? 0 < last {
            let stretch = try await store.events(matching: filter, after: ends.last ?? 0, limit: 10)
            found += stretch.events
            #expect(stretch.end > ends.last ?? 0, "a search that stands still never ends")
            guard stretch.end > ends.last ?? 0 else { break }
            ends.append(stretch.end)
        }
        #expect(ends == [Store.stretchLength, 2 * Store.stretchLength, last])
        #expect(found.map(\.position) == [last])
        let beyond = try await store.events(matching: filter, after: last, limit: 10)
        #expect(beyond.events.isEmpty && beyond.end == last)
        await store.database.close()
    }

    @Test("Any filter finds in pages of any size just what it finds by reading the whole log")
    func pagesOfMatches() async throws {
        for seed in Generator.seeds(Effort.seeds(3, slow: 30)) {
            let database = try await SQLiteDatabase.openInMemory()
            var history = try await CommittedHistory(seed: seed, in: database)
            try await history.commitBatches(15)
            let log = history.scenario.log
            for _ in 0..<20 {
                let filter = anyFilter(over: log, &history)
                let size = Int(history.draw { $0.int(in: 1...9) })
                var found: [Event] = []
                var end: Int64 = 0
                while end < log.count {
                    let stretch = try await history.store.events(matching: filter, after: end, limit: size)
                    #expect(stretch.events.count <= size && stretch.end > end, "seed \(seed)")
                    guard stretch.end > end else { break }
                    found += stretch.events
                    end = stretch.end
                }
                #expect(found.map(\.position) == log.filter(filter.matches).map(\.position), "seed \(seed): \(filter)")
            }
            await database.close()
        }
    }

    @Test("A reader's search misses no event that was for one of its fleets")
    func readerMissesNothing() async throws {
        let database = try await SQLiteDatabase.openInMemory()
        var history = try await CommittedHistory(seed: 2, in: database)
        try await history.commitBatches(15)
        for fleet in LedgerScenario.fleets {
            var filter = EventFilter()
            filter.reader = LedgerScenario.operatorOf(fleet)
            let found = try await history.store.events(matching: filter, after: 0, limit: 100_000).events
            let meant = history.scenario.log.filter {
                $0.audience.parties.contains(fleet) || $0.audience.witnesses.contains(fleet)
            }
            #expect(!meant.isEmpty)
            #expect(Set(meant.map(\.position)).isSubset(of: Set(found.map(\.position))), "\(fleet)")
            #expect(found.count < history.scenario.log.count, "\(fleet) is shown the whole log")
        }
        await database.close()
    }

    // MARK: What they are made with

    private func anyFilter(over log: [Event], _ history: inout CommittedHistory) -> EventFilter {
        history.draw { random in
            var filter = EventFilter()
            if random.chance(60) { filter.types = (0..<3).map { _ in random.pick(EventType.allCases) } }
            if random.chance(30) { filter.actor = random.pick(log).actor }
            if random.chance(30) { filter.from = random.pick(log).at }
            if random.chance(30) { filter.to = random.pick(log).at }
            return filter
        }
    }

    /// Events that nobody looks for, too many to make one by one.
    private func fill(_ store: Store, upTo last: Int64) async throws {
        try await store.database.commit([
            SQL(
                "test.fill",
                """
                INSERT INTO events (position, event_id, type, actor, request_id, at, audience, data) \
                WITH RECURSIVE n(position) AS (SELECT 1 UNION ALL SELECT position + 1 FROM n WHERE position < \(last)) \
                SELECT position, x'00', 'fleet.updated', 'filler', '', 0, '', '' FROM n
                """)
        ])
    }

    private func append(_ type: EventType, at position: Int64, to store: Store) async throws {
        var ledger = Ledger(position: position - 1)
        var context = Context(
            principal: LedgerScenario.admin, now: VirtualClock.start, requestID: "test",
            ids: IDSource(seed: 1, random: 1))
        let fleet = FleetDraft(id: name("rare"), name: "Rare", organization: "Org")
        guard case .fleet(let made) = try ledger.register(fleet, &context) else { return }
        ledger.confirm()
        ledger = Ledger(position: position - 1)
        ledger.record(type, .fleet(made), &context)
        try await store.commit(ledger.unconfirmed)
    }
}

extension EventFilter {
    /// The rule again, in words of its own.
    fileprivate func matches(_ event: Event) -> Bool {
        types?.contains(event.type) != false && actor.map { $0 == event.actor } != false
            && from.map { event.at >= $0 } != false && to.map { event.at < $0 } != false
    }
}
