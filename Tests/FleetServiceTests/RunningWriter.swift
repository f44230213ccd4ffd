import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import SQLiteBackend
import ServiceLifecycle
import Synchronization
import Testing

/// An orchestrator at work on a real SQLite in memory, whose commits can be made to fail or to wait, under a clock
/// that stands still.
struct RunningWriter: Sendable {
    let clock: VirtualClock
    let database: FaultyDatabase
    let store: Store
    let orchestrator: FederationOrchestrator
    let commits: CommitRecord
    private let group: ServiceGroup

    /// Runs a writer for as long as `body` takes, then stops it gracefully.
    ///
    /// - Parameter database: one that has served before goes on from there, and stays open; nil is a fresh one.
    static func run<Result: Sendable>(
        on database: FaultyDatabase? = nil, clock: VirtualClock = VirtualClock(),
        limits: FederationOrchestrator.Limits = .init(), signs: SignsOfLife? = nil,
        _ body: @Sendable (RunningWriter) async throws -> Result
    ) async throws -> Result {
        guard let database else {
            let fresh = try await freshDatabase()
            let result = await Swift.Result.catching {
                try await run(on: fresh, clock: clock, limits: limits, signs: signs, body)
            }
            await fresh.close()
            return try result.get()
        }
        let store = Store(database: database)
        try await store.migrate(now: clock.now)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let commits = CommitRecord()
        let orchestrator = FederationOrchestrator(
            store: store, environment: clock.environment, limits: limits, observer: commits.observer,
            signs: signs, logger: logger)
        // So that what it notes of changes goes through all that the tests do to a writer.
        orchestrator.committed.changes.arm()
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [orchestrator], logger: logger))
        let writer = RunningWriter(
            clock: clock, database: database, store: store, orchestrator: orchestrator, commits: commits,
            group: group)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            // The first round sweeps old records; the clock stands still, so that no later one does unasked.
            await writer.orchestrator.tick()
            let result = await Swift.Result.catching { try await body(writer) }
            database.openGate()
            await writer.stop()
            try await tasks.waitForAll()
            return try result.get()
        }
    }

    static func freshDatabase() async throws -> FaultyDatabase {
        FaultyDatabase(try await TestDatabase.open())
    }

    /// Asks for a graceful stop.
    func stop() async { await group.triggerGracefulShutdown() }
}

// MARK: What is asked of it

typealias Answer = Result<Outcome, FleetError>

extension RunningWriter {
    static let admin = LedgerScenario.admin

    func submit(_ command: Command) async -> Answer {
        do throws(FleetError) { return .success(try await orchestrator.submit(command)) } catch {
            return .failure(error)
        }
    }

    /// Has the commit of a command wait at the gate, so that what comes after it forms one batch.
    func holdCommit(_ marker: String) async throws -> Task<Answer, Never> {
        database.closeGate()
        let task = Task { await submit(.register(marker)) }
        try await waitForHeldCommit()
        return task
    }

    func waitForHeldCommit() async throws {
        try await eventually("a commit waits") { database.waitingCommits == 1 }
    }

    /// Sends commands one after the other into the mailbox of a writer that is held.
    func enqueue(_ commands: [Command]) async throws -> [Task<Answer, Never>] {
        var tasks: [Task<Answer, Never>] = []
        for command in commands {
            let depth = orchestrator.queueDepth
            tasks.append(Task { await submit(command) })
            try await eventually("a command waits") { orchestrator.queueDepth > depth }
        }
        return tasks
    }

    /// Decides `commands` as one batch and returns when its commit waits at the gate.
    ///
    /// The commands are preceded by another, which is committed before.
    func holdBatch(after marker: String, _ commands: [Command]) async throws -> [Task<Answer, Never>] {
        let first = try await holdCommit(marker)
        let tasks = try await enqueue(commands)
        database.letWaitingPass()
        #expect(await first.value.code == nil)
        try await waitForHeldCommit()
        return tasks
    }

    /// Everything in the log.
    func log() async throws -> [Event] { try await store.events(after: 0, limit: 1_000_000) }

    func ledger() async throws -> Ledger { try await orchestrator.inspect { $0 } }

    /// What the writer remembers is what the log and the tables say.
    func expectSound(_ comment: Comment? = nil) async throws {
        // Crossings that nobody waited for are recorded first.
        await orchestrator.tick()
        let differences = try await store.loadLedger().differences(from: ledger())
        #expect(differences.isEmpty, comment)
        let events = try await log()
        #expect(events.map(\.position) == events.indices.map { Int64($0) + 1 }, comment)
        var fold = Ledger()
        for event in events { fold.apply(event) }
        #expect(try await store.loadLedger().differences(from: fold).isEmpty, comment)
    }
}

extension Result where Failure == any Error {
    /// What `body` returns or throws.
    static func catching(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(_ what: String, _ condition: @Sendable () async throws -> Bool) async throws {
    let limit = ContinuousClock.now + .seconds(10)
    while try await !condition() {
        guard ContinuousClock.now < limit else { throw Overdue(what: what) }
        try await Task.sleep(for: .microseconds(200))
    }
}

struct Overdue: Error, CustomStringConvertible {
    let what: String
    var description: String { "waited in vain until \(what)" }
}

extension Answer {
    /// The code of a refusal or failure; nil for a success.
    var code: ErrorCode? { if case .failure(let error) = self { error.code } else { nil } }

    /// Where the effect stands, whether it was had now or before.
    var position: Int64? {
        switch self {
        case .success(.decided(_, let position)), .success(.replayed(let position)): position
        case .failure: nil
        }
    }

    var isReplay: Bool { if case .success(.replayed) = self { true } else { false } }

    var decision: Decision? { if case .success(.decided(let decision, _)) = self { decision } else { nil } }

    var fleet: Fleet? { if case .fleet(let fleet)? = decision?.entity { fleet } else { nil } }
}

/// What the writer told of its commits.
final class CommitRecord: Sendable {
    struct Commit: Sendable, Equatable {
        let commands: Int
        let events: Int
    }

    private let record = Mutex<(commits: [Commit], operations: [String])>(([], []))

    var all: [Commit] { record.withLock { $0.commits } }
    /// The operations that were answered, in any order.
    var operations: [String] { record.withLock { $0.operations } }

    var observer: WriterObserver {
        WriterObserver(
            onOutcome: { operation, _ in self.record.withLock { $0.operations.append(operation) } },
            onCommit: { commands, events, _ in
                self.record.withLock { $0.commits.append(Commit(commands: commands, events: events.count)) }
            })
    }
}
