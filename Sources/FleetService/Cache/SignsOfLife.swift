package import FleetDomain

/// When fleets were heard last, noted in the shared memory for whoever decides next.
///
/// A hint, and never the truth: of a fleet of which nothing is found, the silence is counted from the beginning, which is
/// later and never too early. Whether a fleet is reachable is in the log.
package struct SignsOfLife: Sendable {
    private static let purpose = "sign-of-life/1"
    /// Beyond the interval of the fleet: longer than another takes to be elected.
    private static let lifetimeBeyond = Duration.seconds(600)
    /// Fleets looked up at once.
    private static let slice = 500

    private let cache: any SharedCache
    private let seal: CacheSeal

    package init(_ cache: any SharedCache, seal: CacheSeal) {
        self.cache = cache
        self.seal = seal
    }

    /// Nobody waits for it.
    package func note(_ fleet: Fleet.ID, at time: Timestamp, interval: Seconds) {
        let place = seal.place(Self.purpose, fleet.description)
        let lifetime = Duration.seconds(interval) + Self.lifetimeBeyond
        cache.keep(place.seal([], version: time.milliseconds), as: place.name, for: lifetime, replaces: false)
    }

    /// What was noted of these fleets, as far as it can be had.
    package func recall(_ fleets: [Fleet.ID]) async -> [Fleet.ID: Timestamp] {
        var heard: [Fleet.ID: Timestamp] = [:]
        for start in stride(from: 0, to: fleets.count, by: Self.slice) {
            let slice = fleets[start..<min(start + Self.slice, fleets.count)]
            let places = slice.map { seal.place(Self.purpose, $0.description) }
            for (fleet, (place, value)) in zip(slice, zip(places, await cache.values(places.map(\.name)))) {
                guard let value, place.open(value) != nil else { continue }
                heard[fleet] = Timestamp(milliseconds: value.version)
            }
        }
        return heard
    }
}
