import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("A keyed command")
struct IdempotentWriterTests {
    @Test("Invariant 10: sent twice in one batch, it has one effect")
    func sameBatch() async throws {
        try await RunningWriter.run { writer in
            let twin = Command.found("once", claim: .key(1))
            let tasks = try await writer.holdBatch(after: "first", [twin, twin, .register("other"), twin])
            writer.database.openGate()
            var answers: [Answer] = []
            for task in tasks { answers.append(await task.value) }
            #expect(answers.map(\.isReplay) == [false, true, false, true])
            #expect(answers.map(\.code) == [nil, nil, nil, nil])
            #expect(answers[1].position == answers[0].position)
            #expect(try await writer.effects(of: "once") == 1)
        }
    }

    @Test("Invariant 10: sent again later, it has one effect; with another request its key is refused")
    func acrossBatches() async throws {
        try await RunningWriter.run { writer in
            let first = await writer.submit(.found("once", claim: .key(1)))
            let again = await writer.submit(.found("once", claim: .key(1)))
            #expect(!first.isReplay && again.isReplay)
            #expect(again.position == first.position)
            let other = await writer.submit(.found("twice", claim: .key(1, fingerprint: 9)))
            #expect(other.code == .idempotencyKeyReused)
            let effects = try await (once: writer.effects(of: "once"), twice: writer.effects(of: "twice"))
            #expect(effects == (once: 1, twice: 0))
            #expect(await writer.submit(.found("once", claim: .key(2))).isReplay == false)
        }
    }

    @Test("Invariant 10: sent again after an unknown outcome, it has one effect, whether the first had it or not")
    func afterUnknown() async throws {
        for happened in [false, true] {
            try await RunningWriter.run { writer in
                if happened {
                    writer.database.loseSuccess()
                } else {
                    writer.database.failNext(with: .outcomeUnknown("lost"))
                }
                #expect(await writer.submit(.found("once", claim: .key(1))).code == .outcomeUnknown)
                let again = await writer.submit(.found("once", claim: .key(1)))
                #expect(again.code == nil && again.isReplay == happened)
                #expect(again.position == 1)
                #expect(try await writer.effects(of: "once") == 1)
                try await writer.expectSound()
            }
        }
    }

    @Test("Invariant 10: sent again after a restart, it has one effect, and its neighbours theirs")
    func afterRestart() async throws {
        let database = try await RunningWriter.freshDatabase()
        try await RunningWriter.run(on: database) { writer in
            #expect(await writer.submit(.found("once", claim: .key(1))).code == nil)
        }
        try await RunningWriter.run(on: database) { writer in
            let tasks = try await writer.holdBatch(
                after: "first", [.register("a"), .found("once", claim: .key(1)), .register("b")])
            writer.database.openGate()
            var answers: [Answer] = []
            for task in tasks { answers.append(await task.value) }
            #expect(answers.map(\.code) == [nil, nil, nil])
            #expect(answers.map(\.isReplay) == [false, true, false])
            #expect(answers[1].position == 1)
            let other = await writer.submit(.found("twice", claim: .key(1, fingerprint: 9)))
            #expect(other.code == .idempotencyKeyReused)
            #expect(try await writer.effects(of: "once") == 1)
            try await writer.expectSound()
        }
        await database.close()
    }

    @Test("A refused command and a dry run leave no record: the key is still to be had")
    func noEffectNoRecord() async throws {
        try await RunningWriter.run { writer in
            _ = await writer.submit(.register("a"))
            #expect(await writer.submit(.register("a", claim: .key(1))).code == .fleetExists)
            #expect(await writer.submit(.register("b", dryRun: true, claim: .key(1))).code == nil)
            let record = try await writer.store.idempotencyRecord(1)
            #expect(record == nil)
            let real = await writer.submit(.register("b", claim: .key(1)))
            #expect(real.code == nil && !real.isReplay)
        }
    }

    @Test("A key is free again a day later, and what outlived its day is swept on the side")
    func expired() async throws {
        try await RunningWriter.run { writer in
            _ = await writer.submit(.found("once", claim: .key(1)))
            _ = await writer.submit(.found("other", claim: .key(2)))
            writer.clock.advance(by: IdempotencyRecord.lifetime)
            let claim = IdempotencyClaim(key: 1, fingerprint: 0, replacesExpired: true)
            let again = await writer.submit(.found("once", claim: claim))
            #expect(again.code == nil && !again.isReplay)
            #expect(try await writer.effects(of: "once") == 2)
            try await eventually("the other is swept") { try await writer.store.idempotencyRecord(2) == nil }
            #expect(try await writer.store.idempotencyRecord(1)?.position == again.position)
        }
    }

    @Test("Invariant 10: one key, one effect, however often it is sent and whatever fails or restarts in between")
    func anyHistory() async throws {
        for seed in Generator.seeds(Effort.seeds(8, slow: 200)) {
            let random = Generator(seed: seed)
            let database = try await RunningWriter.freshDatabase()
            let clock = VirtualClock(seed: seed)
            var history = KeyedHistory(random: random)
            for _ in 0..<4 {
                history = try await RunningWriter.run(on: database, clock: clock) { [history] writer in
                    var history = history
                    for _ in 0..<12 { await history.step(writer) }
                    writer.database.heal()
                    return history
                }
            }
            try await RunningWriter.run(on: database, clock: clock) { [history] writer in
                try await history.check(writer)
            }
            await database.close()
        }
    }
}

/// Few keys, sent over and over by callers that repeat what failed.
private struct KeyedHistory: Sendable {
    static let keys: ClosedRange<Int64> = 1...6

    var random: Generator
    /// Where each key's effect was said to stand.
    private var positions: [Int64: Int64] = [:]

    init(random: Generator) { self.random = random }

    mutating func step(_ writer: RunningWriter) async {
        trouble(writer.database)
        let keys = (0..<random.int(in: 1...4)).map { _ in random.int(in: Self.keys) }
        let answers = await withTaskGroup(of: (Int64, Answer).self) { group in
            for key in keys { group.addTask { (key, await writer.submit(Self.command(key))) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (key, answer) in answers {
            let comment: Comment = "seed \(random.seed): key \(key)"
            if let position = answer.position {
                #expect(positions[key] == nil || positions[key] == position, comment)
                positions[key] = position
            } else {
                let expected: [ErrorCode?] = [.internalError, .storageFull, .storageUnavailable, .outcomeUnknown]
                #expect(expected.contains(answer.code), comment)
            }
        }
    }

    private static func command(_ key: Int64) -> Command {
        .found("effect-\(key)", claim: .key(UInt128(key)))
    }

    private mutating func trouble(_ database: FaultyDatabase) {
        let count = Int(random.int(in: 1...2))
        database.heal()
        switch random.int(in: 0...9) {
        case 0: database.failNext(count, with: .outcomeUnknown("lost"))
        case 1, 2: database.loseSuccess(count)
        case 3: database.failNext(count, with: .unavailable("gone"))
        case 4: database.failNext(count, with: .full)
        case 5: database.failNext(count, with: .conflict(constraint: "some"))
        default: break
        }
    }

    /// Every key has one effect in the end, where it was said to be.
    func check(_ writer: RunningWriter) async throws {
        for key in Self.keys {
            let comment: Comment = "seed \(random.seed): key \(key)"
            let answer = await writer.submit(Self.command(key))
            #expect(answer.code == nil, comment)
            if let position = positions[key] { #expect(answer.position == position, comment) }
            #expect(try await writer.effects(of: "effect-\(key)") == 1, comment)
        }
        try await writer.expectSound("seed \(random.seed)")
    }
}

extension RunningWriter {
    /// How often the federation was made.
    fileprivate func effects(of federation: String) async throws -> Int {
        try await log().count { event in
            if case .federation(let made) = event.entity { return made.name == federation }
            return false
        }
    }
}
