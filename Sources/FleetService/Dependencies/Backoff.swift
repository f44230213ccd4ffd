/// How long to wait after failures in a row: at random below a bound that doubles with each, up to the longest (full jitter),
/// so that many processes do not come back at once.
package struct Backoff: Sendable {
    package let first: Duration
    package let longest: Duration

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// - Parameters:
    ///   - failures: those before the last.
    ///   - random: draws a part of the bound.
    package func pause(
        after failures: Int, random: (ClosedRange<Double>) -> Double = { .random(in: $0) }
    ) -> Duration {
        min(longest, first * (1 << min(failures, 16))) * random(0...1)
    }
}
