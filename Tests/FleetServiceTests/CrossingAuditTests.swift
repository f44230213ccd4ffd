import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("Denied crossings in the audit log")
struct CrossingAuditTests {
    private static let fleets = ["north", "south", "east"]

    @Test("The first of a minute is recorded at once, the others of that minute together when it is over")
    func folded() async throws {
        try await RunningWriter.run { writer in
            try await writer.found(Self.fleets)
            for _ in 0..<5 { #expect(await writer.submit(.trespass(on: "south", by: "north")).code != nil) }
            await writer.orchestrator.tick()
            #expect(try await writer.crossings().map(\.count) == [1])
            writer.clock.advance(by: 59)
            await writer.orchestrator.tick()
            #expect(try await writer.crossings().map(\.count) == [1])
            writer.clock.advance(by: 1)
            await writer.orchestrator.tick()
            #expect(try await writer.crossings().map(\.count) == [1, 4])
            writer.clock.advance(by: 120)
            await writer.orchestrator.tick()
            #expect(try await writer.crossings().map(\.count) == [1, 4])
        }
    }

    @Test("The record says who tried what on whose object, and that it was blocked")
    func content() async throws {
        try await RunningWriter.run { writer in
            try await writer.found(Self.fleets)
            _ = await writer.submit(.trespass(on: "south", by: "north"))
            await writer.orchestrator.tick()
            let event = try #require(try await writer.log().last)
            #expect(event.type == .violationBlocked)
            #expect(event.requestID == "trespass")
            #expect(
                event.entity
                    == .crossing(
                        Crossing(
                            principal: "operator:north", protected: name("south"), action: "fleet.patch",
                            object: "/fleets/south", count: 1, dryRun: false)))
        }
    }

    @Test("What a principal does to its own is no crossing")
    func ownIsNone() async throws {
        try await RunningWriter.run { writer in
            try await writer.found(Self.fleets)
            writer.orchestrator.noteCrossing(
                .violationBlocked, by: LedgerScenario.operatorOf(name("north")), towards: name("north"),
                action: "fleet.patch", object: "/fleets/north", requestID: "own")
            await writer.orchestrator.tick()
            #expect(try await writer.crossings().isEmpty)
        }
    }

    @Test("Invariant 12: every denied crossing is in exactly one record, whatever commits fail in between")
    func exactlyOnce() async throws {
        for seed in Generator.seeds(Effort.seeds(8, slow: 200)) {
            let database = try await RunningWriter.freshDatabase()
            let denied = try await RunningWriter.run(on: database) { writer in
                try await writer.found(Self.fleets)
                var random = Generator(seed: seed)
                var denied: [Pair: Int64] = [:]
                for _ in 0..<60 {
                    if random.chance(20) { writer.clock.advance(by: random.int(in: 1...90)) }
                    writer.database.heal()
                    if random.chance(15) { writer.database.failNext(with: random.pick(Self.failures)) }
                    if random.chance(5) { writer.database.loseSuccess() }
                    let (by, on) = (random.pick(Self.fleets), random.pick(Self.fleets))
                    let answer = await writer.submit(.trespass(on: on, by: by))
                    if case .failure(let error) = answer, error.crossed != nil { denied[Pair(by, on), default: 0] += 1 }
                }
                writer.database.heal()
                return denied
            }
            // The stop has written what was still folded.
            let recorded = try await Store(database: database).events(after: 0, limit: 10_000)
                .compactMap(\.entity.crossing)
                .reduce(into: [Pair: Int64]()) { $0[Pair($1), default: 0] += $1.count }
            #expect(recorded == denied, "seed \(seed)")
            #expect(denied.count > 2, "seed \(seed): hardly anything was denied")
            await database.close()
        }
    }

    @Test("Those of a batch that another process has superseded are recorded, once")
    func superseded() async throws {
        try await RunningWriter.run { writer in
            try await writer.found(Self.fleets)
            // What the other has decided meanwhile.
            var ledger = try await writer.store.loadLedger()
            var context = Context(
                principal: RunningWriter.admin, now: writer.clock.now, requestID: "other",
                ids: IDSource(seed: 9, random: 9))
            _ = try ledger.register(FleetDraft(id: name("west"), name: "W", organization: "O"), &context)
            try await writer.store.commit(ledger.unconfirmed)
            writer.database.failNext(with: .superseded("another"))
            writer.noteCrossing()
            for _ in 0..<2 { await writer.orchestrator.tick() }
            let counts = try await writer.crossings().map(\.count)
            #expect(counts == [1])
            try await writer.expectSound()
        }
    }

    @Test("Those of a batch of which nobody knew for a while that it was stored are recorded once")
    func doubted() async throws {
        for isStored in [true, false] {
            try await RunningWriter.run { writer in
                try await writer.found(Self.fleets)
                let lost = StoreError.outcomeUnknown("lost")
                writer.database.setReadFault(.unavailable("away"))
                if isStored {
                    writer.database.setFaultAfterCommit { _ in lost }
                } else {
                    writer.database.setFault { _ in lost }
                }
                writer.noteCrossing()
                await writer.orchestrator.tick()
                writer.database.heal()
                writer.database.setFaultAfterCommit(nil)
                writer.database.setReadFault(nil)
                for _ in 0..<2 { await writer.orchestrator.tick() }
                let counts = try await writer.crossings().map(\.count)
                #expect(counts == [1], "\(isStored)")
                try await writer.expectSound()
            }
        }
    }

    @Test("A flood of them folds again where the process decides anew")
    func again() async throws {
        try await RunningWriter.run { writer in
            try await writer.found(Self.fleets)
            await writer.orchestrator.flushCrossings()
            writer.orchestrator.prepare(epoch: 0)
            for _ in 0..<5 {
                #expect(await writer.submit(.trespass(on: "south", by: "north")).code != nil)
                await writer.orchestrator.tick()
            }
            #expect(try await writer.crossings().map(\.count) == [1])
        }
    }

    private static let failures: [StoreError] = [
        .full, .unavailable("gone"), .conflict(constraint: "some"), .outcomeUnknown("lost"),
    ]
}

private struct Pair: Hashable {
    let principal: String
    let protected: String

    init(_ by: String, _ on: String) { (principal, protected) = ("operator:\(by)", on) }

    init(_ crossing: Crossing) { (principal, protected) = (crossing.principal, crossing.protected.description) }
}

extension RunningWriter {
    fileprivate func found(_ fleets: [String]) async throws {
        for fleet in fleets { #expect(await submit(.register(fleet)).code == nil) }
    }

    /// As a read that was refused does.
    fileprivate func noteCrossing() {
        orchestrator.noteCrossing(
            .violationBlocked, by: LedgerScenario.operatorOf(name("north")), towards: name("south"),
            action: "fleet:read", object: "/fleets/south", requestID: "read")
    }

    fileprivate func crossings() async throws -> [Crossing] { try await log().compactMap(\.entity.crossing) }
}

extension Entity {
    fileprivate var crossing: Crossing? { if case .crossing(let crossing) = self { crossing } else { nil } }
}
