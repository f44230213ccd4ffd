package import FleetStore
package import Logging
package import ServiceLifecycle
import Synchronization

/// This process among those that serve one database.
///
/// One of them is elected to decide: it runs the writer and whatever must run once. The others follow the log, serve
/// reads, and forward the rest to it. Where the database is a file of this process's own, it decides without an election.
///
/// An election is a row with a time limit by the database's clock (`WriterSeat`). Nothing rests on the limit alone: each
/// batch of the writer begins with a guard in the database that fails it whole once another was elected.
package final class Replica: Service {
    package struct Limits: Sendable {
        /// Seconds for which an election holds unless it is renewed: how long nobody decides when the writer is killed.
        package var lease: Int64 = 3
        /// How often the writer renews it: two renewals may be lost.
        package var renewal = Duration.seconds(1)
        /// How often the others look at the seat and at the log.
        package var look = Duration.milliseconds(500)
        package var poll = Duration.milliseconds(50)
        /// How often those who follow the log are woken though nothing happens, as the writer wakes its own.
        package var pulse = Duration.seconds(5)
        /// How long it may not reach the database before it is not ready any more: longer than a fail-over usually takes.
        package var isolation = Duration.seconds(5)
        /// How long copies of objects count from a look at the log: many looks, but no freeze.
        package var trust = Duration.seconds(1)

        package init() {}
    }

    package enum Role: Sendable, Equatable {
        /// It does not know yet.
        case none
        /// It was elected, and loads the state.
        case elected
        case writer(epoch: Int64)
        /// Where the writer is found; nil while there is none.
        case follower(of: String?)
    }

    /// Names this process in elections.
    package let name: String
    /// Where the others find it.
    private let url: String
    private let store: Store
    private let orchestrator: FederationOrchestrator
    /// What runs once for all, besides the writer; stopped in the reverse order.
    private let duties: [any Service]
    private let onElected: @Sendable () async throws -> Void
    private let limits: Limits
    private let logger: Logger
    private let state = Mutex((role: Role.none, isLoaded: false))
    /// When the database answered last.
    private let reached = Mutex(ContinuousClock.now)

    /// - Parameters:
    ///   - onElected: runs when this process has begun to decide, before anybody is told.
    package init(
        name: String, url: String, store: Store, orchestrator: FederationOrchestrator, duties: [any Service],
        limits: Limits = Limits(), logger: Logger, onElected: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.name = name
        self.url = url
        self.store = store
        self.orchestrator = orchestrator
        self.duties = duties
        self.limits = limits
        self.logger = logger
        self.onElected = onElected
    }

    package var role: Role { state.withLock { $0.role } }

    /// Whether another process decides, or nobody.
    package var isFollower: Bool {
        switch role {
        case .elected, .follower: true
        case .none, .writer: false
        }
    }

    /// Whether requests can be answered: as the writer when its state is loaded, as another when it follows the log, and as
    /// long as the database is reached.
    package var isReady: Bool {
        isLoaded && (!store.isShared || ContinuousClock.now - reached.withLock { $0 } < limits.isolation)
    }

    private var isLoaded: Bool { state.withLock { $0.isLoaded } }

    private func become(_ role: Role, isLoaded: Bool) {
        let before = state.withLock { state in
            defer { state = (role, isLoaded) }
            return state.role
        }
        guard before != role else { return }
        switch role {
        case .writer(let epoch): logger.info("decides from now on", metadata: ["epoch": "\(epoch)"])
        case .follower(let url): logger.info("follows", metadata: ["writer": "\(url ?? "nobody")"])
        case .none, .elected: break
        }
    }

    package func run() async throws {
        guard store.isShared else {
            return try await withThrowingTaskGroup(of: Void.self) { group in
                let leading = lead(epoch: 0)
                group.addTask { try await leading.run() }
                group.addTask { try await self.begin(epoch: 0) }
                try await group.waitForAll()
            }
        }
        await takePart()
    }

    // MARK: Deciding

    private func lead(epoch: Int64) -> ServiceGroup {
        orchestrator.prepare(epoch: epoch)
        let services = [orchestrator as any Service] + duties
        return ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
                logger: logger))
    }

    private func begin(epoch: Int64) async throws {
        while !orchestrator.isReady { try await Task.sleep(for: .milliseconds(1)) }
        try await onElected()
        become(.writer(epoch: epoch), isLoaded: true)
    }

    // MARK: Elections

    /// What runs while this process decides.
    private final class Term: Sendable {
        let epoch: Int64
        let group: ServiceGroup
        private let hasEnded = Atomic(false)
        private let task = Mutex<Task<Void, Never>?>(nil)

        init(epoch: Int64, _ group: ServiceGroup) {
            self.epoch = epoch
            self.group = group
        }

        /// Whether it ended by itself, which it should not.
        var isOver: Bool { hasEnded.load(ordering: .acquiring) }

        func begin(_ body: @escaping @Sendable () async -> Void) {
            // Not of a group: it ends when the election says so, and `end` waits for it.
            let new = Task {
                await body()
                hasEnded.store(true, ordering: .releasing)
            }
            task.withLock { $0 = new }
        }

        func end() async {
            await group.triggerGracefulShutdown()
            await task.withLock { $0 }?.value
        }
    }

    private static let renewalsAtStop = 3

    private func takePart() async {
        var term: Term?
        var complaint = Complaint()
        var follower: Task<Void, Never>?
        while !Task.isCancelled, !Task.isShuttingDownGracefully {
            do throws(StoreError) {
                let seat = try await seat(isHolder: term != nil)
                complaint.end()
                reached.withLock { $0 = .now }
                var isHolder = seat.holder == name && seat.isHeld
                // After a fail-over everything that was remembered is dropped, the places of the sinks, too.
                let isElsewhere = term != nil && !seat.isOnTimeline
                if isElsewhere { logger.warning("another server carries the log on; all is read anew") }
                if let current = term, !isHolder || current.epoch != seat.epoch || current.isOver || isElsewhere {
                    become(.follower(of: nil), isLoaded: true)
                    let endedByItself = current.isOver
                    await end(current)
                    term = nil
                    // Another may fare better.
                    if endedByItself, isHolder {
                        try await store.leaveSeat(holder: name)
                        isHolder = false
                    }
                }
                if isHolder, term == nil {
                    become(.elected, isLoaded: isLoaded)
                    follower?.cancel()
                    await follower?.value
                    follower = nil
                    try await store.beginTimeline(epoch: seat.epoch)
                    term = begin(seat)
                }
                if !isHolder {
                    if follower == nil {
                        orchestrator.standAside()
                        follower = Task { await self.follow() }
                    }
                    become(.follower(of: seat.isHeld && seat.holder != name ? seat.url : nil), isLoaded: isLoaded)
                }
                if case .writer = role { orchestrator.noteListening() }
            } catch {
                if !error.isOfReaching { reached.withLock { $0 = .now } }
                if error.isOfReaching, term != nil { orchestrator.loseHearing() }
                if complaint.isNews(error) {
                    logger.error("the election cannot be looked at", metadata: ["error": "\(error)"])
                }
            }
            let pause = term == nil ? limits.look : limits.renewal
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
        follower?.cancel()
        await follower?.value
        guard let term else { return }
        // What ends stores its places, and may take longer than an election holds; the others are not to wait for it for long.
        let renewing = Task {
            for _ in 0..<Self.renewalsAtStop {
                guard (try? await Task.sleep(for: limits.renewal)) != nil else { return }
                try? await store.renewSeat(holder: name, epoch: term.epoch, for: limits.lease)
            }
        }
        await term.end()
        renewing.cancel()
        await renewing.value
        // Else the others wait until its time is over.
        try? await store.leaveSeat(holder: name)
    }

    private func seat(isHolder: Bool) async throws(StoreError) -> WriterSeat {
        if !isHolder {
            let seat = try await store.writerSeat()
            if seat.isHeld, seat.holder != name { return seat }
            // Where it cannot be asked for, or may not, the election is tried all the same.
            if seat.holder != name { try? await store.endStalledBatches() }
        }
        let asked = ContinuousClock.now
        let seat = try await store.claimSeat(holder: name, url: url, for: limits.lease)
        if seat.holder == name { orchestrator.committed.changes.trust(until: asked + .seconds(limits.lease)) }
        return seat
    }

    private func begin(_ seat: WriterSeat) -> Term {
        let term = Term(epoch: seat.epoch, lead(epoch: seat.epoch))
        term.begin {
            await withTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    do { try await term.group.run() } catch {
                        self.logger.error("what decides has failed", metadata: ["error": "\(error)"])
                    }
                    return true
                }
                tasks.addTask {
                    do { try await self.begin(epoch: seat.epoch) } catch {
                        guard !(error is CancellationError) else { return false }
                        self.logger.error("cannot begin to decide", metadata: ["error": "\(error)"])
                        await term.group.triggerGracefulShutdown()
                    }
                    return false
                }
                for await isOver in tasks where isOver { tasks.cancelAll() }
            }
        }
        return term
    }

    /// Ends what runs while this process decides, because another does.
    private func end(_ term: Term) async {
        let (committed, pause) = (orchestrator.committed, limits.poll)
        // It may have been frozen for long; and until it follows the log, nothing is remembered for longer than it would be
        // behind then.
        let forgetting = Task {
            while !Task.isCancelled {
                committed.distrust()
                try? await Task.sleep(for: pause)
            }
        }
        await term.end()
        forgetting.cancel()
    }

    // MARK: Following

    /// Keeps what waits for the log informed of how far it is.
    private func follow() async {
        var complaint = Complaint()
        var isFirst = true
        var pulsed = ContinuousClock.now
        while !Task.isCancelled {
            // Who follows the log here is to hear that it still lives.
            if ContinuousClock.now - pulsed > limits.pulse {
                orchestrator.committed.tail.pulse()
                pulsed = .now
            }
            do throws(StoreError) {
                let isMore = try await read(isFirst: isFirst)
                isFirst = false
                complaint.end()
                state.withLock { $0.isLoaded = true }
                if isMore { continue }
            } catch {
                if complaint.isNews(error) {
                    logger.error("the log cannot be followed", metadata: ["error": "\(error)"])
                }
            }
            try? await Task.sleep(for: limits.poll)
        }
    }

    /// Events that are read in one go.
    private static let slice = 1000

    /// - Returns: whether there is more.
    private func read(isFirst: Bool) async throws(StoreError) -> Bool {
        let committed = orchestrator.committed
        let asked = ContinuousClock.now
        let end = try await store.logEnd()
        // After a fail-over to a standby that was behind, there is less than there was, or something else by now.
        let isSame = end.timeline == committed.timeline && end.position >= committed.position
        if isFirst || !isSame {
            // Of one that has begun since, it does not know yet where the log ends.
            let timelines = try await store.timelines().filter { $0.number <= end.timeline }
            committed.restart(at: end.position, on: timelines)
        }
        let isMore = end.position > committed.position
        let events = isMore ? try await store.events(after: committed.position, limit: Self.slice) : []
        committed.follow(events)
        committed.changes.trust(until: asked + limits.trust)
        return events.count == Self.slice
    }
}
