import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("A copy of an object")
struct ObjectReaderTests {
    /// A writer with a reader beside it, and a fleet of which there is a copy.
    private static func run(
        cache: any SharedCache = InProcessCache(),
        _ body: @Sendable (RunningWriter, ObjectReader) async throws -> Void
    ) async throws {
        try await RunningWriter.run { writer in
            let reader = ObjectReader(
                writer.store, writer.orchestrator.committed, cache: cache, seal: CacheSeal(secret: [1, 2, 3]),
                isDatabaseRemote: true)
            for fleet in ["a", "b"] { #expect(await writer.submit(.register(fleet)).code == nil) }
            for fleet in ["a", "b"] { #expect(try await reader.fleet(name(fleet))?.name == fleet) }
            try await body(writer, reader)
        }
    }

    /// Whether it is read without the database.
    private static func isCopied(_ fleet: String, _ writer: RunningWriter, _ reader: ObjectReader) async -> Bool {
        writer.database.setReadFault(.unavailable("test"))
        defer { writer.database.setReadFault(nil) }
        return (try? await reader.fleet(name(fleet))) != nil
    }

    @Test("serves until the object changes, and only then not")
    func changes() async throws {
        try await Self.run { writer, reader in
            #expect(await Self.isCopied("a", writer, reader))
            #expect(await writer.submit(.rename("a")).code == nil)
            #expect(!(await Self.isCopied("a", writer, reader)))
            #expect(await Self.isCopied("b", writer, reader))
            let renamed = try await reader.fleet(name("a"))
            #expect(renamed?.name == "renamed")
            #expect(await Self.isCopied("a", writer, reader))
        }
    }

    @Test("does not serve while a change of the object is being committed, and serves again when it failed")
    func underway() async throws {
        try await Self.run { writer, reader in
            writer.database.closeGate()
            let renaming = Task { await writer.submit(.rename("a")) }
            try await writer.waitForHeldCommit()
            #expect(!(await Self.isCopied("a", writer, reader)))
            #expect(await Self.isCopied("b", writer, reader))
            // What the database answers meanwhile may be from before and after.
            #expect(try await reader.fleet(name("a"))?.name == "a")
            writer.database.setFault { _ in .full }
            writer.database.openGate()
            #expect(await renaming.value.code == .storageFull)
            writer.database.setFault(nil)
            #expect(await Self.isCopied("a", writer, reader))
        }
    }

    @Test("does not serve after a commit whose outcome is unknown until the object has changed again")
    func unknown() async throws {
        try await Self.run { writer, reader in
            writer.database.setFaultAfterCommit { _ in .outcomeUnknown("test") }
            #expect(await writer.submit(.rename("a")).code == .outcomeUnknown)
            writer.database.setFaultAfterCommit(nil)
            for _ in 0..<2 {
                let fleet = try await reader.fleet(name("a"))
                #expect(fleet?.name == "renamed")
            }
            #expect(!(await Self.isCopied("a", writer, reader)))
            #expect(await writer.submit(.rename("a")).code == nil)
            _ = try await reader.fleet(name("a"))
            #expect(await Self.isCopied("a", writer, reader))
        }
    }

    @Test("serves another process that reads the same log, and none that has another")
    func another() async throws {
        let cache = InProcessCache()
        let database = try await RunningWriter.freshDatabase()
        for _ in 0..<2 {
            // The second is a start of the service: it reads the end of the log before it trusts a copy.
            try await RunningWriter.run(on: database) { writer in
                let reader = ObjectReader(
                    writer.store, writer.orchestrator.committed, cache: cache, seal: CacheSeal(secret: [1, 2, 3]),
                    isDatabaseRemote: true)
                _ = await writer.submit(.register("a"))
                _ = await writer.submit(.register("b"))
                _ = try await reader.fleet(name("a"))
                #expect(await Self.isCopied("a", writer, reader))
            }
        }
        await database.close()
        try await Self.run(cache: cache) { writer, reader in
            let other = ObjectReader(
                writer.store, writer.orchestrator.committed, cache: cache, seal: CacheSeal(secret: [4]),
                isDatabaseRemote: true)
            #expect(!(await Self.isCopied("a", writer, other)))
        }
    }

    @Test("is not asked for where the database is embedded")
    func embedded() async throws {
        try await Self.run { writer, _ in
            let cache = InProcessCache()
            let reader = ObjectReader(
                writer.store, writer.orchestrator.committed, cache: cache, seal: CacheSeal(secret: [1]),
                isDatabaseRemote: false)
            for _ in 0..<2 {
                let fleet = try await reader.fleet(name("a"))
                #expect(fleet != nil)
            }
            #expect(cache.count == 0)
        }
    }
}

@Suite("What is known of changes")
struct ChangeIndexTests {
    private func event(_ position: Int64, _ fleet: String, id: UInt128? = nil) -> Event {
        var ledger = Ledger(position: position - 1)
        var context = Context(
            principal: RunningWriter.admin, now: VirtualClock.start, requestID: "test",
            ids: IDSource(seed: UInt64(id ?? UInt128(position)), random: 1))
        _ = try? ledger.register(FleetDraft(id: name(fleet), name: fleet, organization: "org"), &context)
        return ledger.recorded[0]
    }

    private func index(_ events: [Event]) -> ChangeIndex {
        let index = ChangeIndex()
        index.arm()
        index.follow(events)
        return index
    }

    @Test("tells a process that follows the log which copies are too old, and which it cannot judge")
    func follows() throws {
        let index = index([event(10, "a"), event(11, "b")])
        let eleven = try #require(index.stamp)
        let b = ObjectKey.fleet(name("b"))
        #expect(eleven.position == 11 && index.areCurrent([(b, eleven)]))
        index.follow([event(12, "b")])
        #expect(!index.areCurrent([(b, eleven)]))
        let twelve = try #require(index.stamp)
        #expect(index.areCurrent([(b, twelve), (.fleet(name("a")), twelve)]))
        // From before it began to follow, and from where it has not come to.
        #expect(!index.areCurrent([(.fleet(name("c")), .init(position: 9, tag: eleven.tag))]))
        #expect(!index.areCurrent([(.fleet(name("c")), .init(position: 13, tag: twelve.tag))]))
        // Others may have changed it while this process stood still.
        index.trust(until: .now - .milliseconds(1))
        #expect(!index.areCurrent([(b, twelve)]))
        index.trust(until: .now + .seconds(60))
        #expect(index.areCurrent([(b, twelve)]))
    }

    @Test("refuses copies from a past that is not this log's")
    func otherPast() throws {
        let past = index([event(10, "a"), event(11, "b", id: 1)])
        let now = index([event(10, "a"), event(11, "c", id: 2), event(12, "d")])
        let stamp = try #require(past.stamp)
        #expect(past.areCurrent([(.fleet(name("a")), stamp)]))
        #expect(!now.areCurrent([(.fleet(name("a")), stamp)]))
    }

    @Test("forgets, and refuses, what is very long ago")
    func bounded() throws {
        let first = event(1, "a")
        let index = index([first])
        let stamp = try #require(index.stamp)
        let other = event(2, "b")
        for position in 2...Int64(ChangeIndex.capacity) {
            index.follow([
                Event(
                    position: position, id: other.id, type: other.type, entity: other.entity, actor: "",
                    actingFleet: nil,
                    isPrivileged: false, requestID: "", at: other.at, audience: other.audience)
            ])
        }
        #expect(index.areCurrent([(.fleet(name("z")), stamp)]))
        index.follow([event(Int64(ChangeIndex.capacity) + 1, "b")])
        #expect(!index.areCurrent([(.fleet(name("z")), stamp)]))
    }

    @Test("An event names every object that is another since: who follows the log misses no change")
    func everyChange() {
        for seed in Generator.seeds(Effort.seeds(20, slow: 400)) {
            var scenario = LedgerScenario(seed: seed)
            let index = ChangeIndex()
            index.arm()
            for step in 0..<80 {
                let before = scenario.ledger
                let outcome = scenario.step()
                var ledger = before
                for event in outcome.events {
                    ledger.confirm()
                    ledger.apply(event)
                    let (stamp, place) = (index.stamp, Comment("seed \(seed), step \(step), \(event.type)"))
                    index.follow([event])
                    let changed = Set(ledger.unconfirmed.changes.compactMap { ObjectKey($0.new) })
                    #expect(changed.isSubset(of: ObjectKey.changed(by: event)), place)
                    guard let stamp else { continue }
                    for key in changed { #expect(!index.areCurrent([(key, stamp)]), place) }
                }
            }
        }
    }
}

@Suite("The seal of a shared memory")
struct CacheSealTests {
    private let seal = CacheSeal(secret: [1, 2, 3])

    @Test("opens only what was sealed with the same secret, for the same thing and version")
    func opens() throws {
        let place = seal.place("object", "a")
        let value = place.seal([7, 8], version: 5)
        #expect(place.open(value) == [7, 8])
        #expect(seal.place("object", "a").open(value) == [7, 8])
        #expect(seal.place("object", "b").open(value) == nil)
        #expect(seal.place("other", "a").open(value) == nil)
        #expect(CacheSeal(secret: [1]).place("object", "a").open(value) == nil)
        #expect(place.open(CachedValue(version: 6, bytes: value.bytes)) == nil)
        #expect(place.open(CachedValue(version: 5, bytes: value.bytes.dropLast())) == nil)
        #expect(place.open(CachedValue(version: 5, bytes: [])) == nil)
    }

    @Test("gives each thing a name of its own, from which it cannot be told")
    func names() {
        let names = [("a", "bc"), ("ab", "c"), ("a", "b"), ("1:a", "")].map { seal.place($0, $1).name }
        #expect(Set(names).count == names.count)
        #expect(seal.place("a", "bc").name == seal.place("a", "bc").name)
        #expect(CacheSeal(secret: [1]).place("a", "bc").name != names[0])
    }
}
