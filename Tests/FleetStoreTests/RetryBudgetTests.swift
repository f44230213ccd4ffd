import FleetStore
import FleetTestSupport
import Synchronization
import Testing

@Suite("A budget of retries")
struct RetryBudgetTests {
    /// A time that stands still until it is moved.
    private final class Hand: Sendable {
        private let offset = Mutex(Duration.zero)
        private let start = ContinuousClock.now

        var elapsed: Duration { offset.withLock { $0 } }
        func advance(by duration: Duration) { offset.withLock { $0 += duration } }
        func now() -> ContinuousClock.Instant { start + elapsed }
    }

    private func limits(reserve: Double, perCall: Double = 0.1, perSecond: Double = 10) -> RetryBudget.Limits {
        var limits = RetryBudget.Limits(reserve: reserve)
        limits.perCall = perCall
        limits.perSecond = perSecond
        return limits
    }

    @Test("gives its reserve at once, then what time adds, so that a lone caller may retry")
    func reserve() {
        let hand = Hand()
        let budget = RetryBudget(limits(reserve: 5), now: hand.now)
        #expect((0..<20).count { _ in budget.takeRetry() } == 5)
        hand.advance(by: .milliseconds(99))
        #expect(!budget.takeRetry())
        hand.advance(by: .milliseconds(1))
        #expect(budget.takeRetry() && !budget.takeRetry())
        hand.advance(by: .seconds(3600))
        #expect((0..<20).count { _ in budget.takeRetry() } == 5)
    }

    @Test("adds a part of a retry for each call, never beyond its reserve")
    func calls() {
        let budget = RetryBudget(limits(reserve: 5, perCall: 0.25, perSecond: 0), now: Hand().now)
        while budget.takeRetry() {}
        for _ in 0..<3 { budget.noteCall() }
        #expect(!budget.takeRetry())
        budget.noteCall()
        #expect(budget.takeRetry() && !budget.takeRetry())
        for _ in 0..<1000 { budget.noteCall() }
        #expect((0..<20).count { _ in budget.takeRetry() } == 5)
    }

    /// What happened so far.
    private struct Sums {
        var calls = 0.0
        var retries = 0.0
        var seconds = 0.0
    }

    @Test(
        "Over any stretch of any history there are at most reserve + rate × time + part × calls retries",
        arguments: Generator.seeds(60))
    func bound(seed: UInt64) {
        var generator = Generator(seed: seed)
        let hand = Hand()
        let limits = limits(
            reserve: .random(in: 1...30, using: &generator), perCall: .random(in: 0...0.3, using: &generator),
            perSecond: .random(in: 0...20, using: &generator))
        let budget = RetryBudget(limits, now: hand.now)
        var history = [Sums()]
        var sums = Sums()
        // Calls fail in stretches, as those of a server do.
        var failing = 0.5
        for _ in 0..<400 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: failing = [0, 0.2, 1].randomElement(using: &generator) ?? 0
            case 1..<5:
                hand.advance(by: .milliseconds(Int.random(in: 0...400, using: &generator)))
                sums.seconds = hand.elapsed / .seconds(1)
            default:
                budget.noteCall()
                sums.calls += 1
                for _ in 0..<8 {
                    guard Double.random(in: 0..<1, using: &generator) < failing, budget.takeRetry() else { break }
                    sums.retries += 1
                }
            }
            for past in history {
                let bound =
                    limits.reserve + limits.perCall * (sums.calls - past.calls)
                    + limits.perSecond * (sums.seconds - past.seconds)
                // Sums of fractions are not exact.
                guard sums.retries - past.retries > bound + 1e-6 else { continue }
                Issue.record("seed \(seed): \(sums) after \(past), with \(limits)")
                return
            }
            history.append(sums)
        }
        #expect(sums.retries >= 1)
    }
}
