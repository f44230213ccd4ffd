package import FleetDomain
import Foundation

/// Time and randomness, injected so that simulation and replay are exact.
package struct Environment: Sendable {
    package let now: @Sendable () -> Timestamp
    /// A fresh seed for the ids of one request.
    package let seed: @Sendable () -> UInt64
    /// How often the clock is looked at; nil when whoever drives it says when.
    package let tickInterval: Duration?

    package init(
        now: @escaping @Sendable () -> Timestamp, seed: @escaping @Sendable () -> UInt64, tickInterval: Duration?
    ) {
        self.now = now
        self.seed = seed
        self.tickInterval = tickInterval
    }

    /// The system's clock and random numbers.
    package static let system = Environment(
        now: {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
        },
        seed: { UInt64.random(in: .min ... .max) }, tickInterval: .milliseconds(100))

    package func newID<Entity>(at time: Timestamp) -> ID<Entity> {
        var ids = ids()
        return ids.next(at: time)
    }

    func ids() -> IDSource { IDSource(seed: seed(), random: seed()) }
}
