package import FleetStore
import Synchronization

/// Stops asking a dependency that does not answer, and tries it again after a while, one call first.
///
/// Closed, every call goes through. After `Limits.failures` failures in a row it opens: calls are refused at once, so
/// that nobody waits for what will not come. When its wait is over it is half open: one call goes through, and its
/// outcome closes the circuit or opens it for longer. Waits double up to a bound and are drawn at random below it (full
/// jitter), so that many processes do not come back at once. What is tried again within a call has a budget.
package final class CircuitBreaker: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case closed, open
        case halfOpen = "half_open"
    }

    package struct Limits: Sendable {
        /// In a row, to open.
        package var failures = 3
        package var firstWait = Duration.milliseconds(500)
        /// Short, because a dependency that is back should be used soon.
        package var longestWait = Duration.seconds(2)

        package init() {}
    }

    /// The call was refused: the dependency did not answer lately.
    package struct Open: Error {}

    /// Thrown by a call that says nothing about the dependency.
    package struct Inconclusive: Error { package init() {} }

    private struct Circuit {
        var failures = 0
        /// Openings since it was closed last.
        var openings = 0
        var opensUntil: ContinuousClock.Instant?
        var isProbing = false
    }

    private let limits: Limits
    private let now: @Sendable () -> ContinuousClock.Instant
    private let random: @Sendable (ClosedRange<Double>) -> Double
    private let retries: RetryBudget
    private let circuit = Mutex(Circuit())

    /// - Parameters:
    ///   - now: the time that waits are measured by.
    ///   - random: draws a wait, as a part of the longest that it may be.
    ///   - retries: of all its calls together.
    package init(
        limits: Limits = Limits(), now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        random: @escaping @Sendable (ClosedRange<Double>) -> Double = { .random(in: $0) },
        retries: RetryBudget = RetryBudget(RetryBudget.Limits(reserve: 100))
    ) {
        self.limits = limits
        self.now = now
        self.random = random
        self.retries = retries
    }

    package var state: State {
        circuit.withLock { circuit in
            guard let until = circuit.opensUntil else { return .closed }
            return circuit.isProbing || now() >= until ? .halfOpen : .open
        }
    }

    /// Calls `body` if the circuit lets it, and learns from what comes of it. Who is cancelled says nothing about the
    /// dependency, nor does who throws `Inconclusive`.
    ///
    /// - Throws: `Open` when it was not called; else what it threw.
    package func run<Answer: Sendable>(_ body: () async throws -> Answer) async throws -> Answer {
        guard let isProbe = enter() else { throw Open() }
        retries.noteCall()
        do {
            let answer = try await body()
            succeed()
            return answer
        } catch {
            let isTelling = !(error is CancellationError || error is Inconclusive || Task.isCancelled)
            if isTelling { fail(isProbe) } else { leave(isProbe) }
            throw error
        }
    }

    /// Whether what has failed within a call may be tried once more, elsewhere say, before the call fails.
    package func mayRetry() -> Bool { retries.takeRetry() }

    /// - Returns: whether it is the one call of a half-open circuit; nil when it is refused.
    private func enter() -> Bool? {
        circuit.withLock { circuit in
            guard let until = circuit.opensUntil else { return false }
            guard !circuit.isProbing, now() >= until else { return nil }
            circuit.isProbing = true
            return true
        }
    }

    private func succeed() { circuit.withLock { $0 = Circuit() } }

    private func leave(_ isProbe: Bool) {
        if isProbe { circuit.withLock { $0.isProbing = false } }
    }

    private func fail(_ isProbe: Bool) {
        circuit.withLock { circuit in
            if isProbe { circuit.isProbing = false }
            circuit.failures += 1
            // A call that began before the circuit opened tells nothing new.
            guard circuit.opensUntil == nil ? circuit.failures >= limits.failures : isProbe else { return }
            let backoff = Backoff(first: limits.firstWait, longest: limits.longestWait)
            circuit.opensUntil = now() + backoff.pause(after: circuit.openings, random: random)
            circuit.openings += 1
        }
    }
}
