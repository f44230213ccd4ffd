import FleetDomain
package import FleetStore
package import Logging
import ServiceLifecycle
import Synchronization

/// Keeps a sink running for each webhook that is active, and for each replay to one.
package final class WebhookSinks: Service {
    /// How long the log of deliveries remembers what ended, and how much is removed in one go.
    private static let memory: Seconds = 7 * 86_400
    private static let removalSlice = 1000
    private static let removalInterval = Duration.seconds(600)
    /// How long a sink that failed waits before it begins again with what is stored.
    private static let pause = Duration.seconds(1)

    private let parts: WebhookSink.Parts
    package let progress = SinkProgress()

    package init(
        store: Store, orchestrator: FederationOrchestrator, vault: Vault, sealer: Sealer, environment: Environment,
        policy: WebhookPolicy, metrics: MetricsRegistry, logger: Logger
    ) {
        parts = WebhookSink.Parts(
            store: store, orchestrator: orchestrator, vault: vault,
            positions: Positions(sealer, orchestrator.committed, store), environment: environment,
            policy: policy, metrics: metrics, progress: progress, logger: logger)
    }

    private struct Running {
        let version: Int64
        let task: Task<Void, Never>
    }

    package func run() async throws {
        let committed = parts.orchestrator.committed
        let follower = committed.tail.follow(as: nil)
        defer { follower.end() }
        var running: [SinkName: Running] = [:]
        await withTaskCancellationOrGracefulShutdownHandler {
            var lastRemoval: ContinuousClock.Instant?
            while !follower.isEnded, !Task.isCancelled {
                let generation = committed.sinkGeneration
                guard let wanted = await wanted() else {
                    try? await Task.sleep(for: Self.pause)
                    continue
                }
                await reconcile(&running, with: wanted)
                if lastRemoval.map({ ContinuousClock.now - $0 > Self.removalInterval }) ?? true {
                    lastRemoval = .now
                    await remove()
                }
                while committed.sinkGeneration == generation, !follower.isEnded, !Task.isCancelled {
                    await follower.sleep { committed.sinkGeneration != generation }
                    if lastRemoval.map({ ContinuousClock.now - $0 > Self.removalInterval }) == true { break }
                }
            }
        } onCancelOrGracefulShutdown: {
            follower.end()
        }
        for sink in running.values { sink.task.cancel() }
        for sink in running.values { await sink.task.value }
    }

    /// The sinks that are to run; nil while the writer cannot say so.
    private func wanted() async -> (sinks: [SinkName: WebhookSink.Subject], known: Set<SinkName>)? {
        let state = try? await parts.orchestrator.inspect { ($0.webhooks, $0.replays) }
        guard let (webhooks, replays) = state else { return nil }
        var sinks: [SinkName: WebhookSink.Subject] = [:]
        var known: Set<SinkName> = []
        for webhook in webhooks.values {
            // Of one that takes no messages any more the place goes: warnings that it takes again are for what comes.
            let names =
                [SinkName.webhook(webhook.id)] + (webhook.takes(.messageAccepted) ? [.warnings(webhook.id)] : [])
            known.formUnion(names)
            guard webhook.status == .active else { continue }
            for name in names { sinks[name] = WebhookSink.Subject(webhook: webhook) }
        }
        for replay in replays.values {
            known.insert(.replay(replay.id))
            guard let id = replay.webhook, let webhook = webhooks[id], webhook.status == .active else { continue }
            sinks[.replay(replay.id)] = WebhookSink.Subject(webhook: webhook, replay: replay)
        }
        return (sinks, known)
    }

    private func reconcile(
        _ running: inout [SinkName: Running],
        with wanted: (sinks: [SinkName: WebhookSink.Subject], known: Set<SinkName>)
    ) async {
        let outdated = running.filter { wanted.sinks[$0.key]?.webhook.version != $0.value.version }
        for sink in outdated.values { sink.task.cancel() }
        for (name, sink) in outdated {
            await sink.task.value
            running[name] = nil
            progress.forget(name)
        }
        await settlePlaces(wanted.sinks, known: wanted.known)
        for (name, subject) in wanted.sinks where running[name] == nil {
            let parts = parts
            // Not of a group, which could not end one alone; `run` waits for all of them.
            let task = Task {
                while !Task.isCancelled {
                    let connection = WebhookConnection(parts.policy)
                    var sink = WebhookSink(name, subject, parts, connection)
                    var failure: (any Error)?
                    do { try await sink.run() } catch { failure = error }
                    await connection.close()
                    // What comes after a change of the webhook is for the sink of the new one.
                    guard let failure, !sink.isReplaced, !Task.isCancelled else { return }
                    parts.logger.error(
                        "a sink begins again", metadata: ["sink": "\(name.text)", "error": "\(failure)"])
                    try? await Task.sleep(for: Self.pause)
                }
            }
            running[name] = Running(version: subject.webhook.version, task: task)
        }
    }

    /// Removes the places of sinks that are over. Stores where those for warnings begin that have never run, before the other
    /// sink of their webhook goes on: from its place they would leave out what it is ahead.
    private func settlePlaces(_ wanted: [SinkName: WebhookSink.Subject], known: Set<SinkName>) async {
        let epoch = parts.orchestrator.epoch
        do throws(StoreError) {
            let placed = Set(try await parts.store.sinks())
            for name in placed where name.isOfWebhook && !known.contains(name) {
                try await parts.store.retire(name, at: parts.environment.now(), epoch: epoch)
            }
            for (name, subject) in wanted where !placed.contains(name) {
                guard case .warnings = name else { continue }
                let start = try await subject.start(of: name, parts.store)
                try await parts.store.keep([], of: name, upTo: start, epoch: epoch)
            }
        } catch {
            parts.logger.error("the places of sinks could not be settled", metadata: ["error": "\(error)"])
        }
    }

    private func remove() async {
        let now = parts.environment.now()
        do throws(StoreError) {
            // Slice by slice, so that the writer's commits come between.
            while !Task.isCancelled, try await parts.store.hasPushes(endedBefore: now - Self.memory) {
                try await parts.store.removePushes(endedBefore: now - Self.memory, limit: Self.removalSlice)
            }
        } catch {
            parts.logger.error("the log of deliveries could not be cut", metadata: ["error": "\(error)"])
        }
    }

    /// How far the sinks are behind the log, and what they are to try again.
    package func gauges() -> [MetricsRegistry.Gauge] { progress.gauges(end: parts.orchestrator.committed.position) }
}

/// How far each sink has come, for who measures it.
package final class SinkProgress: Sendable {
    private static let lag = MetricsRegistry.Name(
        "fleet_sink_lag_events", help: "Positions that the sink furthest behind has not read yet.")
    private static let depth = MetricsRegistry.Name(
        "fleet_sink_depth", help: "What sinks have read and are still to hand on.")

    private struct Place {
        var position: Int64
        var depth: Int
    }

    private let places = Mutex<[SinkName: Place]>([:])

    package init() {}

    func note(_ sink: SinkName, position: Int64, depth: Int) {
        places.withLock { $0[sink] = Place(position: position, depth: depth) }
    }

    func forget(_ sink: SinkName) { places.withLock { $0[sink] = nil } }

    package func gauges(end: Int64) -> [MetricsRegistry.Gauge] {
        let places = places.withLock { $0 }
        var lags: [MetricsRegistry.Gauge] = []
        var depths: [MetricsRegistry.Gauge] = []
        // Those of webhooks always; of the others those that run.
        let kinds = ["webhook", "warnings", "replay"]
        for kind in kinds + Set(places.keys.map(\.kind)).subtracting(kinds).sorted() {
            let some = places.filter { $0.key.kind == kind }.values
            // A replay is not to reach the end.
            let lag = kind == "replay" ? 0 : some.map { max(0, end - $0.position) }.max() ?? 0
            lags.append((Self.lag, ["sink": kind], Double(lag)))
            depths.append((Self.depth, ["sink": kind], Double(some.reduce(0) { $0 + $1.depth })))
        }
        return lags + depths
    }
}
