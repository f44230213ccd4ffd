package import FleetDomain
package import FleetStore
package import Logging
import ServiceLifecycle
import Synchronization

/// The one writer of a database: it decides commands in memory, many in a row, and commits what they did as one
/// batch, so that one fsync serves many requests and a hot resource costs no lock.
///
/// No answer leaves before the state that it speaks of is durable.
package final class FederationOrchestrator: Service {
    /// Limits, each with its reason.
    package struct Limits: Sendable {
        /// Commands that may wait; beyond, a caller is told to come back rather than left to time out.
        package var mailbox = 4096
        /// Commands in a batch: a commit stays short enough for the next to form behind it.
        package var batch = 256
        /// How long a command may wait undecided.
        package var patience: Seconds = 10
        /// How often those who follow the log are woken though nothing happened.
        package var pulse: Duration = .seconds(5)

        package init() {}
    }

    package let committed = CommittedLog()
    package let observer: WriterObserver
    private let loaded = Mutex(false)
    private let election = Mutex<Int64>(0)
    private let store: Store
    private let environment: Environment
    private let limits: Limits
    private let logger: Logger
    private let mailbox: Mailbox
    private let crossings = CrossingLog()
    private let hearing: Hearing

    /// - Parameter signs: where those who decide one after the other leave word of the fleets that they heard.
    package init(
        store: Store, environment: Environment, limits: Limits = Limits(), observer: WriterObserver = .none,
        signs: SignsOfLife? = nil, logger: Logger
    ) {
        self.store = store
        self.environment = environment
        self.limits = limits
        self.observer = observer
        hearing = Hearing(signs, environment)
        self.logger = logger
        mailbox = Mailbox(capacity: limits.mailbox)
    }

    /// Whether the state has been loaded, so that commands are decided.
    package var isReady: Bool { loaded.withLock { $0 } }

    /// Of the election that it runs for, or ran for last: what runs beside it stores nothing under another.
    package var epoch: Int64 { election.withLock { $0 } }

    /// Commands that wait for the writer.
    package var queueDepth: Int { mailbox.count }

    /// Decides `command` and returns once the outcome is durable.
    package func submit(_ command: Command) async throws(FleetError) -> Outcome {
        let expiresAt = environment.now() + limits.patience
        let result = await withCheckedContinuation { continuation in
            mailbox.put(Mailbox.Letter(command: command, expiresAt: expiresAt, answer: continuation))
        }
        observer.onOutcome(command.operation, result)
        if case .failure(let error) = result, let owner = error.crossed {
            noteCrossing(
                .violationBlocked, by: command.principal, towards: owner, action: command.operation,
                object: command.object, requestID: command.requestID, dryRun: command.dryRun)
        }
        return try result.get()
    }

    /// Notes a crossing for the audit log without waiting for it. What a principal does to its own is none.
    package func noteCrossing(
        _ type: EventType, by principal: Principal, towards owner: Fleet.ID, action: String, object: String,
        requestID: String, dryRun: Bool = false
    ) {
        guard !principal.fleets.contains(owner) else { return }
        let isNew = crossings.note(
            type, by: principal.subject, towards: owner, action: action, object: object, requestID: requestID,
            dryRun: dryRun, at: environment.now())
        if isNew { mailbox.poke() }
    }

    /// Records all crossings that were noted, and returns when they are durable; those to come are not folded any more.
    package func flushCrossings() async {
        crossings.end()
        await tick()
    }

    /// Reads something off the writer's state, between two batches.
    ///
    /// - Throws: `shutting_down` when there is no writer any more.
    package func inspect<Value: Sendable>(
        _ read: @escaping @Sendable (Ledger) -> Value
    ) async throws(FleetError) -> Value {
        let value: Value? = await withCheckedContinuation { continuation in
            mailbox.put { ledger in continuation.resume(returning: ledger.map(read)) }
        }
        guard let value else { throw FleetError(.shuttingDown, "The service is stopping.") }
        return value
    }

    /// Has the clock looked at now, and returns when what was due is durable.
    package func tick() async {
        try? await inspect { _ in }
    }

    /// The fleet was heard now, and is to be heard again within `interval`.
    package func noteSign(of fleet: Fleet.ID, interval: Seconds) {
        hearing.note(fleet, interval: interval)
    }

    /// What fleets say is heard: it decides, and the database confirms it.
    package func noteListening() { hearing.noteListening() }

    /// The database could not be asked, so that what fleets said may have been refused.
    package func loseHearing() { hearing.lose() }

    /// Makes it ready to run, again if it ran before: commands wait for it from now on.
    ///
    /// - Parameter epoch: of the election that it runs for.
    package func prepare(epoch: Int64) {
        election.withLock { $0 = epoch }
        crossings.begin()
        mailbox.open()
        committed.inboxes.open()
    }

    /// Another process decides: nobody takes what is put in here, so nobody may wait for it. What comes is heard of all the
    /// same.
    package func standAside() {
        mailbox.end()
        committed.inboxes.open()
    }

    package func run() async throws {
        defer {
            loaded.withLock { $0 = false }
            mailbox.end()
        }
        var ledger = try await committed.takeUp(store)
        await hearing.begin(with: &ledger)
        var writer = Writer(
            ledger: ledger, epoch: epoch, store: store, committed: committed, environment: environment,
            hearing: hearing, observer: observer, logger: logger)
        loaded.withLock { $0 = true }
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                if let interval = environment.tickInterval {
                    group.addTask { [mailbox] in
                        while (try? await Task.sleep(for: interval)) != nil { mailbox.poke() }
                    }
                }
                group.addTask { [committed, pulse = limits.pulse] in
                    while (try? await Task.sleep(for: pulse)) != nil { committed.tail.pulse() }
                }
                await serve(&writer)
                group.cancelAll()
            }
        } onCancelOrGracefulShutdown: { [mailbox, committed] in
            committed.inboxes.close()
            mailbox.close()
        }
    }

    /// Takes what waits, decides and commits it, until the mailbox is closed and empty.
    private func serve(_ writer: inout Writer) async {
        while true {
            let delivery = await mailbox.take(limit: limits.batch)
            let before = writer.ledger.position
            let isLast = delivery.isClosed && delivery.letters.isEmpty
            let isConfirmed = await writer.process(
                delivery.letters, crossings: crossings, flushCrossings: isLast, isRead: !delivery.inspections.isEmpty)
            for inspection in delivery.inspections { inspection(isConfirmed ? writer.ledger : nil) }
            if isLast { return }
            // The rest of what expires at once follows in the next rounds; where nothing can be stored, when the clock is
            // looked at next.
            if writer.hasExpiredDeliveries, writer.ledger.position > before { mailbox.poke() }
        }
    }
}

/// Told what the writer does, for metrics.
package struct WriterObserver: Sendable {
    package let onOutcome: @Sendable (_ operation: String, Result<Outcome, FleetError>) -> Void
    package let onCommit: @Sendable (_ commands: Int, _ events: [Event], Duration) -> Void

    package init(
        onOutcome: @escaping @Sendable (String, Result<Outcome, FleetError>) -> Void,
        onCommit: @escaping @Sendable (Int, [Event], Duration) -> Void
    ) {
        self.onOutcome = onOutcome
        self.onCommit = onCommit
    }

    package static let none = WriterObserver(onOutcome: { _, _ in }, onCommit: { _, _, _ in })
}
