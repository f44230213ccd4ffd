import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import SQLiteBackend
import ServiceLifecycle
import Testing

/// The writer on a real SQLite, under random commands, a clock that jumps, commits that fail and restarts; everything
/// follows from a seed.
///
/// One command at a time, so that a seed always gives the same history.
struct Simulation {
    let seed: UInt64
    private(set) var scenario: LedgerScenario
    private let clock: VirtualClock
    private let database: FaultyDatabase
    private let store: Store
    /// What the writer held after the last step.
    private(set) var ledger = Ledger()
    /// All that was recorded, once the history is over.
    private(set) var log: [Event] = []
    private(set) var faults = 0
    private(set) var restarts = 0
    private(set) var replays = 0

    /// - Parameter steps: commands, faults and restarts of one history.
    static func run(seed: UInt64, steps: Int) async throws -> Simulation {
        var simulation = try await Simulation(seed: seed)
        var left = steps
        while left > 0 {
            // Until the next restart.
            let life = min(left, Int(simulation.scenario.random.int(in: 20...120)))
            left -= life
            try await simulation.live(for: life)
            simulation.restarts += 1
        }
        try await simulation.checkWhole()
        await simulation.database.close()
        return simulation
    }

    private init(seed: UInt64) async throws {
        self.seed = seed
        scenario = LedgerScenario(seed: seed)
        clock = VirtualClock(at: scenario.now, seed: seed << 20)
        database = FaultyDatabase(try await SQLiteDatabase.openInMemory())
        store = Store(database: database)
        try await store.migrate(now: scenario.now)
        for event in scenario.log { ledger.apply(event) }
        try await store.commit(Batch(events: scenario.log, changes: ledger.unconfirmed.changes))
        ledger.confirm()
    }

    // MARK: One life of the writer

    private mutating func live(for steps: Int) async throws {
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        let orchestrator = FederationOrchestrator(store: store, environment: clock.environment, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [orchestrator], logger: logger))
        let run = Task { try await group.run() }
        do {
            await orchestrator.tick()
            try await look(at: orchestrator)
            for _ in 0..<steps { try await step(orchestrator) }
        } catch {
            await group.triggerGracefulShutdown()
            try? await run.value
            throw error
        }
        await group.triggerGracefulShutdown()
        try await run.value
    }

    private mutating func step(_ orchestrator: FederationOrchestrator) async throws {
        let command = scenario.nextCommand()
        clock.advance(by: (scenario.now.milliseconds - clock.now.milliseconds) / 1000)
        let before = ledger
        let fault = scenario.random.chance(6) ? Fault.random(&scenario.random) : nil
        if let fault {
            faults += 1
            fault.set(on: database)
        }
        if ["advance", "drain", "hand on"].contains(command.name) {
            await orchestrator.tick()
        } else {
            try await submit(command, orchestrator, under: fault)
            // A crossing is recorded beside its command: under the same fault each time.
            await orchestrator.tick()
        }
        database.setFault(nil)
        database.setFaultAfterCommit(nil)
        // What a fault left for later is done now.
        if fault != nil { await orchestrator.tick() }
        try await look(at: orchestrator)
        Invariants(before: before, after: ledger, place: "seed \(seed), after \(command.name)").check()
    }

    private mutating func submit(
        _ command: LedgerCommand, _ orchestrator: FederationOrchestrator, under fault: Fault?
    ) async throws {
        let isDryRun = scenario.random.chance(10)
        let key: UInt128? = scenario.random.chance(30) ? UInt128(scenario.random.next()) : nil
        let sent = Command(
            operation: command.name, principal: command.context.principal, requestID: "simulation", dryRun: isDryRun,
            claim: key.map { IdempotencyClaim(key: $0, fingerprint: 7) }
        ) { (ledger, context) throws(FleetError) in Decision(try command.decide(&ledger, &context)) }
        let end = try await store.endOfLog()
        let answer = await Self.answer(of: sent, orchestrator)
        let place: Comment = "seed \(seed), \(command.name) under \(String(describing: fault))"
        switch answer {
        case .success(.decided(_, let position)):
            // Invariant 15: what was answered is in the log.
            #expect(try await store.endOfLog() >= position || isDryRun, place)
        case .success(.replayed): Issue.record("a key that was never used was answered as repeated: \(place)")
        case .failure(let error):
            guard error.code != .outcomeUnknown else { return }
            // What was refused did nothing; the clock alone may have gone on.
            let events = try await store.events(after: end, limit: 1000)
            let own = events.filter { $0.requestID == "simulation" && $0.entity.kind != .crossing }
            #expect(own.isEmpty, "\(place): \(error.code)")
        }
        guard let key, case .success(.decided(_, let position)) = answer, !isDryRun,
            try await store.idempotencyRecord(key) != nil
        else { return }
        // Invariant 10: one key, one effect.
        replays += 1
        database.setFault(nil)
        database.setFaultAfterCommit(nil)
        let again = await Self.answer(of: sent, orchestrator)
        guard case .success(.replayed(let same)) = again, same <= position else {
            Issue.record("\(place): a repeated key was answered with \(again)")
            return
        }
    }

    private static func answer(
        of command: Command, _ orchestrator: FederationOrchestrator
    ) async -> Result<Outcome, FleetError> {
        do throws(FleetError) { return .success(try await orchestrator.submit(command)) } catch {
            return .failure(error)
        }
    }

    private mutating func look(at orchestrator: FederationOrchestrator) async throws {
        ledger = try await orchestrator.inspect { $0 }
        scenario.goOn(from: ledger)
    }

    // MARK: Once a history

    /// Invariant 7: no gap in the log, the state is its fold, the tables are rebuilt from it to the byte.
    private mutating func checkWhole() async throws {
        let events = try await store.events(after: 0, limit: .max)
        log = events
        #expect(events.map(\.position) == Array(1...Int64(events.count)), "seed \(seed)")
        var folded = Ledger()
        for event in events { folded.apply(event) }
        let loaded = try await store.loadLedger()
        #expect(folded.differences(from: loaded).isEmpty, "seed \(seed)")
        // A crossing may have been recorded while the writer stopped.
        let differences = ledger.differences(from: loaded).filter {
            !$0.hasPrefix("position") && !$0.hasPrefix("lastTime")
        }
        #expect(differences.isEmpty, "seed \(seed)")
        let scratch = Store(database: try await SQLiteDatabase.openInMemory())
        try await scratch.migrate(now: VirtualClock.start)
        _ = try await scratch.rebuild(from: store)
        let stored = try await store.projectionDigests { row, bytes in bytes += row + [0] }
        let rebuilt = try await scratch.projectionDigests { row, bytes in bytes += row + [0] }
        for (one, other) in zip(stored, rebuilt) {
            #expect(one.hash == other.hash && one.rows == other.rows, "seed \(seed): \(one.table)")
        }
        await scratch.database.close()
    }
}

extension Store {
    /// `rebuild`, told from the scratch's side.
    fileprivate func rebuild(from store: Store) async throws -> Int64 { try await store.rebuild(into: self) }
}

/// What becomes of the commits of one step.
enum Fault: CaseIterable {
    case full, failed, conflict, unavailable, unknown, lostSuccess

    static func random(_ random: inout Generator) -> Fault { random.pick(allCases) }

    func set(on database: FaultyDatabase) {
        switch self {
        case .full: database.setFault { _ in .full }
        case .failed: database.setFault { _ in .failed("simulated") }
        case .conflict: database.setFault { _ in .conflict(constraint: "simulated") }
        case .unavailable: database.setFault { _ in .unavailable("simulated") }
        case .unknown: database.setFault { _ in .outcomeUnknown("simulated") }
        case .lostSuccess: database.setFaultAfterCommit { _ in .outcomeUnknown("simulated") }
        }
    }
}
