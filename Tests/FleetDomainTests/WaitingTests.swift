import FleetDomain
import FleetTestSupport
import Foundation
import Testing

/// How long one waits at 90 % load, by how many units there are: why fleets pool what they have.
///
/// Source: the Erlang C formula (A. K. Erlang, 1917) for requests that come at random and last at random, with its
/// numbers for a load of 0.9: mean wait ÷ mean length.
@Suite("Waiting at 90 % load")
struct WaitingTests {
    private static let published: [(units: Int, wait: Double)] = [
        (1, 9.0), (5, 1.53), (10, 0.669), (20, 0.275), (50, 0.073),
    ]
    /// Seconds; long, so that whole seconds are fine enough.
    private static let meanLength = 10_000.0

    @Test(
        "The queue serves in the order of arrival, at the instant at which a unit is free",
        arguments: Effort.one(of: [1, 5, 20]))
    func servesAsTheModel(units: Int) throws {
        var pool = try Pool(units: units)
        var random = Generator(seed: UInt64(units))
        let requests = Self.requests(250, to: units, &random)
        let expected = Self.starts(of: requests, units: units)
        #expect(pool.starts(of: requests) == expected.map { VirtualClock.start + $0 })
    }

    @Test("So one waits as Erlang C says: 9 lengths for one unit, 0.07 for fifty", arguments: published)
    func waitsAsPublished(units: Int, wait: Double) {
        var random = Generator(seed: 1)
        let requests = Self.requests(Effort.isSlow ? 4_000_000 : 60_000, to: units, &random)
        let starts = Self.starts(of: requests, units: units)
        let waited = zip(starts, requests).reduce(0.0) { $0 + Double($1.0 - $1.1.arrival) }
        let mean = waited / Double(requests.count) / Self.meanLength
        #expect(abs(mean / wait - 1) < 0.1, "\(mean) is not \(wait)")
    }

    private struct Request {
        let arrival: Seconds
        let duration: Seconds
    }

    private static func requests(_ count: UInt64, to units: Int, _ random: inout Generator) -> [Request] {
        func exponential(_ mean: Double) -> Double {
            -mean * log((Double(random.next() >> 11) + 1) / 9_007_199_254_740_992)
        }
        var time = 0.0
        return (0..<count).map { _ in
            time += exponential(meanLength / 0.9 / Double(units))
            return Request(arrival: Seconds(time), duration: max(1, Seconds(exponential(meanLength).rounded())))
        }
    }

    /// When each begins if the first to come gets the first unit that is free (Kiefer and Wolfowitz, 1955).
    private static func starts(of requests: [Request], units: Int) -> [Seconds] {
        /// When each unit is free, ascending.
        var free = [Seconds](repeating: 0, count: units)
        return requests.map { request in
            let start = max(request.arrival, free.removeFirst())
            let end = start + request.duration
            var place = free.count
            while place > 0, free[place - 1] > end { place -= 1 }
            free.insert(end, at: place)
            return start
        }
    }

    /// A fleet's units, for which another fleet waits.
    private struct Pool {
        private var market = Market(seed: 1, handovers: [.automatic])
        private let borrower: Fleet.ID = name("a")

        init(units: Int) throws {
            // The market's own vehicles are of another type.
            for index in 0..<units {
                let key = Resource.Key(fleet: name("b"), resource: name("unit-\(index)"))
                let draft = ResourceDraft(key: key, type: name("charger"))
                market.act { ledger, context throws(FleetError) in try ledger.register(draft, &context) }
            }
        }

        mutating func starts(of requests: [Request]) -> [Timestamp] {
            var asked: [Allocation.ID] = []
            var starts: [Allocation.ID: Timestamp] = [:]
            func note(_ events: [Event]) {
                for lease in events.compactMap(\.entity.asLease) where lease.status == .active {
                    if let allocation = lease.allocation, starts[allocation] == nil {
                        starts[allocation] = lease.startsAt
                    }
                }
            }
            for request in requests {
                let arrival = VirtualClock.start + request.arrival
                market.wait((arrival.milliseconds - market.now.milliseconds) / 1000) { note($1) }
                let asking = AllocationRequest(
                    federation: market.federation, target: borrower,
                    items: [AllocationItem(type: name("charger"), quantity: 1)], duration: request.duration,
                    mayWait: true)
                let (events, entity) = market.act { ledger, context throws(FleetError) in
                    try ledger.allocate(asking, &context)
                }
                note(events)
                if let allocation = entity?.asAllocation { asked.append(allocation.id) }
            }
            market.wait(Seconds(WaitingTests.meanLength * 200)) { note($1) }
            return asked.compactMap { starts[$0] }
        }
    }
}
