package import FleetDomain
package import FleetService
import Synchronization

/// A clock that stands still until it is told to move, and random numbers that follow from a seed.
package final class VirtualClock: Sendable {
    /// Monday, 5 January 2026, 08:00 UTC.
    package static let start = Timestamp(milliseconds: 1_767_600_000_000)

    private let time: Mutex<Timestamp>
    private let seed: Mutex<UInt64>

    package init(at start: Timestamp = VirtualClock.start, seed: UInt64 = 1) {
        time = Mutex(start)
        self.seed = Mutex(seed)
    }

    /// One that goes on from here by itself.
    package func copy() -> VirtualClock { VirtualClock(at: now, seed: seed.withLock { $0 }) }

    package var now: Timestamp { time.withLock { $0 } }

    package func advance(by seconds: Seconds) { time.withLock { $0 = $0 + seconds } }

    /// Has the random numbers begin anew, so that what follows makes the same ids whatever came before.
    package func reseed(_ seed: UInt64) { self.seed.withLock { $0 = seed } }

    /// An environment on this clock, whose ticks are the test's to ask for.
    package var environment: Environment {
        Environment(
            now: { self.now },
            seed: {
                self.seed.withLock { seed in
                    seed &+= 1
                    return seed
                }
            }, tickInterval: nil)
    }
}
