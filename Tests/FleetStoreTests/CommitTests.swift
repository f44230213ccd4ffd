import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("A commit to the store")
struct CommitTests {
    @Test("Positions begin at 1 and have no gaps, whatever was refused in between")
    func gapFree() async throws {
        for seed in Generator.seeds(Effort.seeds(5, slow: 50)) {
            let database = try await SQLiteDatabase.openInMemory()
            var history = try await CommittedHistory(seed: seed, in: database)
            try await history.commitBatches(15)
            let events = try await history.store.events(after: 0, limit: 100_000)
            #expect(events.map(\.position) == Array(1...Int64(events.count)), "seed \(seed)")
            #expect(events == history.scenario.log, "seed \(seed)")
            #expect(try await history.store.endOfLog() == history.ledger.position, "seed \(seed)")
            await database.close()
        }
    }

    @Test("The log is read in pages that neither skip nor repeat")
    func pages() async throws {
        let database = try await SQLiteDatabase.openInMemory()
        let history = try await CommittedHistory(seed: 1, in: database)
        var found: [Event] = []
        while true {
            let page = try await history.store.events(after: found.last?.position ?? 0, limit: 7)
            #expect(page.count <= 7)
            guard !page.isEmpty else { break }
            found += page
        }
        #expect(found == history.scenario.log)
        await database.close()
    }

    @Test("A second batch on a stale position fails whole: no event, no row and no record of it is left")
    func stalePosition() async throws {
        let store = try await Store.inMemory()
        var first = Ledger()
        var second = Ledger()
        register(["a"], in: &first)
        register(["b", "c"], in: &second)
        try await store.commit(first.unconfirmed)

        let record = IdempotencyRecord(key: 1, fingerprint: 1, position: 1, at: VirtualClock.start)
        let refused = await constraint { () throws(StoreError) in
            try await store.commit(second.unconfirmed, idempotency: [record])
        }
        #expect(refused == "events.position")
        #expect(try await store.endOfLog() == 1)
        #expect(try await store.fleet(name("a")) != nil)
        #expect(try await store.fleet(name("b")) == nil)
        #expect(try await store.fleet(name("c")) == nil)
        #expect(try await store.idempotencyRecord(1) == nil)
        await store.database.close()
    }

    @Test("A key that is taken fails the batch that brings it again")
    func takenKey() async throws {
        let store = try await Store.inMemory()
        var ledger = Ledger()
        register(["a"], in: &ledger)
        let record = IdempotencyRecord(key: 7, fingerprint: 1, position: 1, at: VirtualClock.start)
        try await store.commit(ledger.unconfirmed, idempotency: [record])
        ledger.confirm()
        register(["b"], in: &ledger)
        let again = IdempotencyRecord(key: 7, fingerprint: 2, position: 2, at: VirtualClock.start)
        let refused = await constraint { () throws(StoreError) in
            try await store.commit(ledger.unconfirmed, idempotency: [again])
        }
        #expect(refused == "idempotency_keys.key_hash")
        #expect(try await store.endOfLog() == 1)
        #expect(try await store.idempotencyRecord(7) == record)
        await store.database.close()
    }

    @Test("A batch in which nothing happened writes nothing")
    func emptyBatch() async throws {
        let database = FaultyDatabase(try await SQLiteDatabase.openInMemory())
        database.setFault { _ in .full }
        try await Store(database: database).commit(Batch(events: [], changes: []))
        await database.close()
    }

    private func register(_ fleets: [String], in ledger: inout Ledger) {
        for fleet in fleets {
            let command = LedgerCommand(
                name: "register",
                context: Context(
                    principal: LedgerScenario.admin, now: VirtualClock.start, requestID: "test",
                    ids: IDSource(seed: UInt64(ledger.position), random: 1))
            ) { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: name(fleet), name: fleet, organization: "org"), &context)
            }
            #expect(command.run(on: &ledger).refusal == nil)
        }
    }
}
