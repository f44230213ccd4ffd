package import FleetDomain

/// When fleets were heard last, noted in the shared memory for whoever decides next.
///
/// A hint, and never the truth: of a fleet of which nothing is found the silence is counted from the beginning. Whether a
/// fleet is reachable is in the log.
package struct SignsOfLife: Sendable {
    private static let purpose = "sign-of-life/1"
    private static let listening = "listening/1"
    /// How long word is kept that somebody listened, and a sign beyond the interval of its fleet.
    private static let lifetime = Duration.seconds(600)
    /// Fleets looked up at once.
    private static let slice = 500

    private let cache: any SharedCache
    private let seal: CacheSeal

    package init(_ cache: any SharedCache, seal: CacheSeal) {
        self.cache = cache
        self.seal = seal
    }

    /// The fleet was heard. Nobody waits for it to be noted.
    package func note(_ fleet: Fleet.ID, at time: Timestamp, interval: Seconds) {
        note(time, at: seal.place(Self.purpose, fleet.description), for: .seconds(interval) + Self.lifetime)
    }

    /// Whoever gave a sign was heard until now.
    package func noteListening(at time: Timestamp) {
        note(time, at: seal.place(Self.listening, ""), for: Self.lifetime)
    }

    private func note(_ time: Timestamp, at place: CacheSeal.Place, for lifetime: Duration) {
        // Whoever decides by now knows best: clocks differ.
        cache.keep(place.seal([], version: time.milliseconds), as: place.name, for: lifetime, replaces: true)
    }

    /// Since when each of these fleets has been silent, as far as that can be had: what was left of its interval when somebody
    /// listened last, and told so, is left of it now. The times of who noted it are compared with each other alone.
    package func recall(_ fleets: [Fleet.ID], now: Timestamp) async -> [Fleet.ID: Timestamp] {
        guard let listened = await times(at: [seal.place(Self.listening, "")])[0] else { return [:] }
        var heard: [Fleet.ID: Timestamp] = [:]
        for start in stride(from: 0, to: fleets.count, by: Self.slice) {
            let slice = fleets[start..<min(start + Self.slice, fleets.count)]
            let times = await times(at: slice.map { seal.place(Self.purpose, $0.description) })
            for (fleet, time) in zip(slice, times) {
                guard let time else { continue }
                let silence = max(0, listened.milliseconds - time.milliseconds)
                heard[fleet] = Timestamp(milliseconds: now.milliseconds - silence)
            }
        }
        return heard
    }

    private func times(at places: [CacheSeal.Place]) async -> [Timestamp?] {
        zip(places, await cache.values(places.map(\.name))).map { place, value in
            guard let value, place.open(value) != nil else { return nil }
            return Timestamp(milliseconds: value.version)
        }
    }
}
