import FleetDomain
package import FleetStore
package import Logging
import ServiceLifecycle

/// Hands the log on to the analytics store, in order. Runs once for a database.
///
/// Its cursor moves when a batch is kept there for good: killed at any step, it sends again what the store may have, which
/// counts nothing twice. It holds one batch, however far behind it is.
package final class AnalyticsSink: Service {
    package struct Limits: Sendable {
        package var feed = AnalyticsFeed.Limits()
        /// Batches begin at least this long apart while there is little: each makes the store a file per table.
        package var batchAge = Duration.milliseconds(500)
        /// After a failure.
        package var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))

        package init() {}
    }

    private let store: Store
    private let orchestrator: FederationOrchestrator
    private let analytics: any AnalyticsStore
    private let feed: AnalyticsFeed
    private let limits: Limits
    private let logger: Logger
    private let progress: SinkProgress

    /// - Parameter progress: where it tells how far it is, beside the other sinks.
    package init(
        store: Store, orchestrator: FederationOrchestrator, analytics: any AnalyticsStore, progress: SinkProgress,
        limits: Limits = Limits(), logger: Logger
    ) {
        self.store = store
        self.orchestrator = orchestrator
        self.analytics = analytics
        self.progress = progress
        feed = AnalyticsFeed(store: store, tail: orchestrator.committed.tail, limits: limits.feed)
        self.limits = limits
        self.logger = logger
    }

    package func run() async throws {
        // Before it has reached the store once, all of the log may wait.
        progress.note(.analytics, position: 0, depth: 0)
        defer {
            progress.forget(.analytics)
            analytics.standAside()
        }
        await cancelWhenGracefulShutdown {
            let follower = self.orchestrator.committed.tail.follow(as: nil)
            defer { follower.end() }
            var failures = 0
            var complaint = Complaint()
            while !Task.isCancelled {
                do {
                    try await self.serve(follower) {
                        failures = 0
                        complaint.end()
                    }
                } catch {
                    guard !Task.isCancelled else { break }
                    // An open circuit tells nothing new.
                    if !(error is CircuitBreaker.Open), complaint.isNews(error) {
                        self.logger.warning("events wait for the analytics store", metadata: ["reason": "\(error)"])
                    }
                    await self.rest(after: failures)
                    failures += 1
                }
            }
        }
    }

    /// Goes on from where the store is, until something fails.
    private func serve(_ follower: EventTail.Follower, onProgress: () -> Void) async throws {
        let (store, committed) = (store, orchestrator.committed)
        try await analytics.migrate(for: installation()) { try await store.holds($0.event, at: $0.position) }
        var position = try await start()
        var lastBatch = ContinuousClock.now - limits.batchAge
        while !Task.isCancelled {
            progress.note(.analytics, position: position, depth: 0)
            let end = position
            await follower.sleep { committed.position > end }
            guard committed.position > position else { continue }
            if committed.position - position < limits.feed.batchLength {
                try await Task.sleep(until: lastBatch + limits.batchAge, clock: .continuous)
            }
            lastBatch = .now
            guard let batch = try await feed.batch(after: position) else { continue }
            progress.note(.analytics, position: position, depth: batch.events.count)
            try await insert(batch)
            onProgress()
            try await store.keep([], of: .analytics, upTo: batch.end.position, epoch: orchestrator.epoch)
            position = batch.end.position
        }
    }

    /// Sends a batch until it is taken: the same, so that a store that remembers its token need not look at it twice.
    private func insert(_ batch: AnalyticsBatch) async throws {
        var failures = 0
        while true {
            do {
                return try await analytics.insert(batch)
            } catch {
                failures += 1
                // Then it may be another store by now, or none that is ready.
                guard failures < 3, !Task.isCancelled else { throw error }
                await rest(after: failures)
            }
        }
    }

    private func rest(after failures: Int) async {
        try? await Task.sleep(for: limits.backoff.pause(after: failures))
    }

    private static let installation = "analytics_installation"

    /// Names the log, for as long as its database exists.
    private func installation() async throws -> String {
        Self.text(try await store.setting(Self.installation) { (0..<16).map { _ in .random(in: 0...255) } })
    }

    /// The same, if the log was ever handed on.
    package static func installation(of log: Store) async throws -> String? {
        try await log.setting(installation).map(text)
    }

    private static func text(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Where both agree that everything before was taken.
    private func start() async throws -> Int64 {
        let cursor = try await store.cursor(of: .analytics) ?? 0
        let place = try await analytics.place()
        return min(cursor, place?.position ?? 0)
    }
}
