import FleetDomain
package import FleetStore
package import Logging
import ServiceLifecycle
import Synchronization

/// Publishes the log to a bus, from the first event on. One at a time for a database, beside its writer; it can be run
/// again after it has ended.
///
/// It reads the log by a cursor, which moves when the bus has stored what was handed over and never beyond: killed at any
/// step, it publishes again what it does not know to be stored. What waits while the bus is away is kept by the log; in
/// memory is one batch, however long the log is.
package final class BusSink: Service {
    package struct Limits: Sendable {
        /// Events that are handed over in one go, and bytes of contents after which no more are.
        package var batch = 1000
        package var weight = 4 << 20
        /// Events that are read from the store in one go: their contents may be large.
        package var slice = 64
        /// How often it is stored how far it has come: a kill has so much published again, and the writer's disk is not
        /// kept busy.
        package var keepInterval = Duration.milliseconds(250)
        /// After a failure.
        package var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))

        package init() {}
    }

    /// What it works with.
    struct Parts: Sendable {
        let bus: any EventBus
        let topics: BusTopics
        let store: Store
        let orchestrator: FederationOrchestrator
        let progress: SinkProgress
        let metrics: MetricsRegistry
        let limits: Limits
        let logger: Logger
    }

    private let parts: Parts

    /// - Parameter progress: where it tells how far it is, beside the other sinks.
    package init(
        _ bus: any EventBus, topics: BusTopics, store: Store, orchestrator: FederationOrchestrator,
        progress: SinkProgress, metrics: MetricsRegistry, limits: Limits = Limits(), logger: Logger
    ) {
        parts = Parts(
            bus: bus, topics: topics, store: store, orchestrator: orchestrator, progress: progress, metrics: metrics,
            limits: limits, logger: logger)
    }

    package func run() async throws {
        defer { parts.bus.standAside() }
        await cancelWhenGracefulShutdown { await self.publish() }
    }

    /// Follows the log until its task is cancelled.
    private func publish() async {
        let follower = parts.orchestrator.committed.tail.follow(as: nil)
        defer { follower.end() }
        var pauses = Pauses(parts.limits.backoff)
        guard let first = await firstPosition(&pauses) else { return }
        let place = Place(first)
        var run = BusRun(parts, place)
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: self.parts.limits.keepInterval)) != nil { await self.keep(place) }
            }
            while !Task.isCancelled {
                do {
                    if try await !run.turn() { await run.sleep(follower) }
                    pauses.end()
                } catch is CircuitBreaker.Open {
                    await pauses.wait()
                } catch  where Task.isCancelled {
                    break
                } catch {
                    note(error, &pauses, after: place.reached)
                    await pauses.wait()
                }
            }
            group.cancelAll()
        }
        // Of its own: a commit that a cancelled task waits for may not happen.
        await Task { await keep(place) }.value
    }

    /// - Returns: nil when it was cancelled.
    private func firstPosition(_ pauses: inout Pauses) async -> Int64? {
        while !Task.isCancelled {
            do { return try await parts.store.cursor(of: .kafka) ?? 0 } catch {
                note(error, &pauses, after: 0)
                await pauses.wait()
            }
        }
        return nil
    }

    private func keep(_ place: Place) async {
        guard let position = place.unkept else { return }
        do {
            try await parts.store.keep([], of: .kafka, upTo: position, epoch: parts.orchestrator.epoch)
            place.keep(position)
        } catch  where place.isFirstFailure() {
            parts.logger.error("how far a sink has come could not be stored", metadata: ["error": "\(error)"])
        } catch {}
    }

    /// Once for a failure that goes on.
    private func note(_ error: any Error, _ pauses: inout Pauses, after position: Int64) {
        // What stands behind the colon differs from try to try.
        guard pauses.isFirst("\(error)".prefix { $0 != ":" }) else { return }
        parts.logger.warning(
            "events wait to be published", metadata: ["reason": "\(error)", "after": "\(position)"])
    }

    /// How far it has come, and how far of that is stored.
    final class Place: Sendable {
        private let positions: Mutex<(reached: Int64, kept: Int64, hasFailed: Bool)>

        init(_ position: Int64) { positions = Mutex((position, position, false)) }

        var reached: Int64 { positions.withLock { $0.reached } }
        /// nil when all is.
        var unkept: Int64? { positions.withLock { $0.reached > $0.kept ? $0.reached : nil } }
        func reach(_ position: Int64) { positions.withLock { $0.reached = max($0.reached, position) } }
        func keep(_ position: Int64) {
            positions.withLock { positions in
                positions.kept = max(positions.kept, position)
                positions.hasFailed = false
            }
        }

        /// Whether nothing has failed since something was kept.
        func isFirstFailure() -> Bool {
            positions.withLock { positions in
                defer { positions.hasFailed = true }
                return !positions.hasFailed
            }
        }
    }
}

/// Waits after failures, and what the last one was.
private struct Pauses {
    private let backoff: Backoff
    private var failures = 0
    private var reason: Substring?

    init(_ backoff: Backoff) { self.backoff = backoff }

    /// Whether the reason is another than before.
    mutating func isFirst(_ new: Substring) -> Bool {
        defer { reason = new }
        return reason != new
    }

    mutating func wait() async {
        try? await Task.sleep(for: backoff.pause(after: failures))
        failures += 1
    }

    mutating func end() {
        failures = 0
        reason = nil
    }
}
