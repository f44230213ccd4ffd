package import Logging
import ServiceLifecycle
import Synchronization

/// What the service reaches across a network. Without a remote database nothing is decided; without any other it goes on.
package protocol Dependency: Sendable {
    var name: DependencyName { get }
    var breaker: CircuitBreaker { get }
    /// Asks for the least that shows that it can be used now. It may hang; whoever asks keeps the time.
    ///
    /// - Throws: what stands in the way; its description goes to the log and to those who may see everything, and so
    ///   holds no secret.
    func check() async throws
}

package enum DependencyName: String, Sendable, CaseIterable {
    case database, redis, kafka, clickhouse
}

/// How a dependency is.
package struct DependencyHealth: Sendable, Equatable {
    package let name: DependencyName
    package var isReachable: Bool
    package var circuit: CircuitBreaker.State
    /// Why it cannot be used; nil when it can.
    package var reason: String?
}

/// Asks the dependencies how they are, again and again, so that nobody who wants to know has to wait for one.
package final class DependencyMonitor: Service {
    /// With `patience`, no answer is older than this and that together.
    package static let interval = Duration.milliseconds(500)
    package static let patience = Duration.seconds(1)

    private static let up = MetricsRegistry.Name(
        "fleet_dependency_up", help: "Whether the dependency answered when it was asked last.")
    private static let circuit = MetricsRegistry.Name(
        "fleet_dependency_circuit", help: "Whether the circuit to the dependency is in this state.")

    package let dependencies: [any Dependency]
    private let logger: Logger
    /// By dependency why it could not be used when it was asked last.
    private let reasons = Mutex<[DependencyName: String]>([:])

    package init(_ dependencies: [any Dependency], logger: Logger) {
        self.dependencies = dependencies
        self.logger = logger
    }

    /// Asks each once, then again at each interval, until it is told to stop.
    package func run() async throws {
        guard !dependencies.isEmpty else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for dependency in self.dependencies {
                    group.addTask {
                        while !Task.isCancelled {
                            await self.check(dependency)
                            try? await Task.sleep(for: Self.interval)
                        }
                    }
                }
            }
        }
    }

    private func check(_ dependency: any Dependency) async {
        var reason: String?
        do {
            try await withDeadline(Self.patience) { try await dependency.check() }
        } catch is CancellationError {
            return
        } catch is DeadlineExceeded {
            reason = "no answer within \(Self.patience)"
        } catch {
            reason = "\(error)"
        }
        let before = reasons.withLock { reasons in
            defer { reasons[dependency.name] = reason }
            return reasons[dependency.name]
        }
        switch (before, reason) {
        case (nil, let reason?):
            logger.warning(
                "a dependency cannot be used", metadata: ["dependency": "\(dependency.name)", "reason": "\(reason)"])
        case (_?, nil): logger.info("a dependency is back", metadata: ["dependency": "\(dependency.name)"])
        default: break
        }
    }

    /// How the dependencies are, without asking them.
    package var health: [DependencyHealth] {
        let reasons = reasons.withLock { $0 }
        return dependencies.map {
            DependencyHealth(
                name: $0.name, isReachable: reasons[$0.name] == nil, circuit: $0.breaker.state,
                reason: reasons[$0.name])
        }
    }

    package func gauges() -> [MetricsRegistry.Gauge] {
        let health = health
        var gauges: [MetricsRegistry.Gauge] = health.map {
            (Self.up, ["dependency": $0.name.rawValue], $0.isReachable ? 1 : 0)
        }
        for dependency in health {
            for state in CircuitBreaker.State.allCases {
                gauges.append(
                    (
                        Self.circuit, ["dependency": dependency.name.rawValue, "state": state.rawValue],
                        dependency.circuit == state ? 1 : 0
                    ))
            }
        }
        return gauges
    }
}
