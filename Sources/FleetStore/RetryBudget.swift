import Synchronization

/// Bounds in sum what is tried again, where a bound of each call's own is not enough: when everything fails, a few tries
/// of each are several times the load, at the moment when the other side can bear it least.
///
/// A bucket of tokens. A retry takes one; each first try gives back a part of one, and time some, so that a lone caller
/// may retry. When it is empty, a failure is answered as it is. However calls and failures come, over any stretch there
/// are at most `reserve + perSecond × seconds + perCall × calls` retries. The figures are those of Finagle's
/// `RetryBudget` (ten a second, a fifth of the calls) and of Google's "Site Reliability Engineering", chapter 21 (a tenth).
///
/// One for each dependency, or for each pool of connections to it. What must go on for ever (the sinks, the election, a connection that is held open) has none:
/// it is one try at a time in the background, with a pause before the next.
package final class RetryBudget: Sendable {
    package struct Limits: Sendable {
        /// Retries at once, after a quiet while.
        package var reserve: Double
        /// Retries that each call adds.
        package var perCall = 0.1
        /// Retries that each second adds.
        package var perSecond = 10.0

        package init(reserve: Double) { self.reserve = reserve }
    }

    private struct Bucket {
        var tokens: Double
        /// Up to when time is counted in.
        var time: ContinuousClock.Instant
    }

    private let limits: Limits
    private let now: @Sendable () -> ContinuousClock.Instant
    private let bucket: Mutex<Bucket>

    /// - Parameter now: the time that is counted in.
    package init(_ limits: Limits, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        precondition(limits.reserve >= 1, "a budget has room for a retry")
        self.limits = limits
        self.now = now
        bucket = Mutex(Bucket(tokens: limits.reserve, time: now()))
    }

    /// A call is tried for the first time.
    package func noteCall() {
        bucket.withLock { $0.tokens = min(limits.reserve, $0.tokens + limits.perCall) }
    }

    /// - Returns: whether what has failed may be tried once more; if so, the retry counts as made.
    package func takeRetry() -> Bool {
        bucket.withLock { bucket in
            // Another thread may have read a later time, and come first.
            let time = max(now(), bucket.time)
            bucket.tokens = min(
                limits.reserve, bucket.tokens + limits.perSecond * ((time - bucket.time) / .seconds(1)))
            bucket.time = time
            guard bucket.tokens >= 1 else { return false }
            bucket.tokens -= 1
            return true
        }
    }
}
