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
    /// Reads along what is recorded.
    private(set) var onlooker: Onlooker
    /// All that was recorded.
    private(set) var log: [Event] = []
    /// Where the log ended when a command was refused, in the step in which it was.
    private var refusedAt: Int?
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
        scenario = LedgerScenario(seed: seed, isCrowded: (4...5).contains(seed % 12))
        clock = VirtualClock(at: scenario.now, seed: seed << 20)
        database = FaultyDatabase(try await TestDatabase.open())
        store = Store(database: database)
        try await store.migrate(now: scenario.now)
        for event in scenario.log { ledger.apply(event) }
        try await store.commit(Batch(events: scenario.log, changes: ledger.unconfirmed.changes))
        ledger.confirm()
        onlooker = Onlooker(ledger)
        log = scenario.log
    }

    // MARK: One life of the writer

    private mutating func live(for steps: Int) async throws {
        let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        let orchestrator = FederationOrchestrator(store: store, environment: clock.environment, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [orchestrator], logger: logger))
        let run = Task { try await group.run() }
        onlooker.maySetAside = false
        do {
            await orchestrator.tick()
            try await look(at: orchestrator)
            try await judge(Place(seed: seed, step: "a restart"))
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
        refusedAt = nil
        let fault = scenario.random.chance(6) ? Fault.random(&scenario.random) : nil
        if let fault {
            faults += 1
            fault.set(on: database)
            if fault == .failed || fault == .conflict { onlooker.maySetAside = true }
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
        let place = Place(seed: seed, step: fault.map { "\(command.name) under \($0)" } ?? command.name)
        Invariants(before: before, after: ledger, maySetAside: onlooker.maySetAside, place: place).check()
        try await judge(place)
        // What failed, or was taken back, is nowhere to be seen, and does not come up later.
        if let refusedAt, log[refusedAt...].contains(where: { isOwn($0) }) {
            place.expect(false, "invariant 15, refused and in the log all the same")
        }
        guard fault != nil || scenario.seed % 8 == 0 else { return }
        for difference in ledger.differences(from: onlooker.ledger) {
            place.expect(false, "invariant 7, the writer does not hold what the log says: \(difference.prefix(60))")
        }
    }

    /// Reads what was recorded since the last time.
    private mutating func readOn() async throws {
        log += try await store.events(after: log.last?.position ?? 0, limit: .max)
    }

    /// Has the onlooker judge what was read since it was asked last.
    private mutating func judge(_ place: Place) async throws {
        try await readOn()
        let new = log.reversed().prefix { $0.position > onlooker.ledger.position }
        onlooker.follow(new.reversed(), command: Self.requestID, place)
    }

    private static let requestID = "simulation"

    private func isOwn(_ event: Event) -> Bool {
        event.requestID == Self.requestID && event.entity.kind != .crossing
    }

    private mutating func submit(
        _ command: LedgerCommand, _ orchestrator: FederationOrchestrator, under fault: Fault?
    ) async throws {
        let isDryRun = scenario.random.chance(10)
        let key: UInt128? = scenario.random.chance(30) ? UInt128(scenario.random.next()) : nil
        func sent(fingerprint: UInt128 = 7) -> Command {
            Command(
                operation: command.name, principal: command.context.principal, requestID: Self.requestID,
                dryRun: isDryRun, claims: key.map { [IdempotencyClaim(key: $0, fingerprint: fingerprint)] } ?? []
            ) { (ledger, context) throws(FleetError) in Decision(try command.decide(&ledger, &context)) }
        }
        let end = log.count
        let answer = await Self.answer(of: sent(), orchestrator)
        let place = Place(seed: seed, step: fault.map { "\(command.name) under \($0)" } ?? command.name)
        try await readOn()
        let own = log[end...].filter { isOwn($0) }
        switch answer {
        case .success(.decided(_, let position)):
            place.expect(
                log.last?.position ?? 0 >= position || isDryRun, "invariant 15, answered and not in the log")
            place.expect(own.isEmpty || !isDryRun, "invariant 8, a dry run did something")
        case .success(.replayed): place.expect(false, "invariant 10, a new key was answered as repeated")
        case .failure(let error):
            guard error.code != .outcomeUnknown else { return }
            // The scenario gives all keys the same digest, which the store refuses.
            let isOfKeys = command.name == "make or revoke key"
            // What was refused did nothing; the clock alone may have gone on.
            refusedAt = end
            place.expect(own.isEmpty, "invariant 15, refused with \(error.code) and yet in the log")
            place.expect(fault != nil || error.code != .internalError || isOfKeys, "the store refused what was decided")
        }
        guard let key, case .success(.decided(_, let position)) = answer, !isDryRun, !own.isEmpty else { return }
        // Invariant 10: one key, one effect.
        let isKept = try await store.idempotencyRecord(key) != nil
        place.expect(isKept, "invariant 10, a key was not kept with its effect")
        replays += 1
        database.setFault(nil)
        database.setFaultAfterCommit(nil)
        let again = await Self.answer(of: sent(), orchestrator)
        if case .success(.replayed(let same)) = again, same <= position {
            let other = await Self.answer(of: sent(fingerprint: 8), orchestrator)
            guard case .failure(let error) = other, error.code == .idempotencyKeyReused else {
                return place.expect(false, "invariant 10, another request was answered with the outcome of the first")
            }
        } else {
            place.expect(false, "invariant 10, a repeated key was answered anew")
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
        let place = Place(seed: seed, step: "all")
        try await judge(place)
        place.expect(log.map(\.position) == Array(1...Int64(log.count)), "invariant 7, a gap in the log")
        let loaded = try await store.loadLedger()
        for difference in onlooker.ledger.differences(from: loaded) {
            place.expect(false, "invariant 7, the tables do not hold what the log says: \(difference.prefix(60))")
        }
        // A crossing may have been recorded while the writer stopped.
        for difference in ledger.differences(from: loaded)
        where !difference.hasPrefix("position") && !difference.hasPrefix("lastTime") {
            place.expect(false, "invariant 7, the writer does not hold what the tables say: \(difference.prefix(60))")
        }
        let scratch = Store(database: try await TestDatabase.open())
        try await scratch.migrate(now: VirtualClock.start)
        _ = try await scratch.rebuild(from: store)
        let stored = try await store.projectionDigests { row, bytes in bytes += row + [0] }
        let rebuilt = try await scratch.projectionDigests { row, bytes in bytes += row + [0] }
        for (one, other) in zip(stored, rebuilt) {
            place.expect(
                one.hash == other.hash && one.rows == other.rows, "invariant 7, \(one.table) is no fold of the log")
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
