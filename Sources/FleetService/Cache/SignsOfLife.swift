package import FleetDomain
import Synchronization

/// When fleets were heard last, noted in the shared memory for whoever decides next.
///
/// A hint, and never the truth: of a fleet of which nothing is found the silence is counted from the beginning. Whether a
/// fleet is reachable is in the log. Signs belong to an era, in which one process listened by its own clock without a gap:
/// what was noted in another is not mixed with it.
package final class SignsOfLife: Sendable {
    private static let purpose = "sign-of-life/1"
    private static let listening = "listening/1"
    /// How long word is kept that somebody listened, and a sign beyond the interval of its fleet.
    private static let lifetime = Duration.seconds(600)
    /// Fleets looked up at once.
    private static let slice = 500

    private let cache: any SharedCache
    private let seal: CacheSeal
    /// Its name, and what was lost of what was to be kept before it began.
    private let era = Mutex<(name: String, losses: UInt64)>(("", 0))

    package init(_ cache: any SharedCache, seal: CacheSeal) {
        self.cache = cache
        self.seal = seal
    }

    /// What is noted from now on has nothing to do with what was noted before.
    package func begin(_ era: UInt64) {
        let losses = cache.losses
        self.era.withLock { $0 = (String(era), losses) }
    }

    /// Whether all signs of the era were noted, as far as is known: where one was not, its fleet would seem silent.
    package var isWhole: Bool { cache.losses == era.withLock { $0.losses } }

    /// The fleet was heard. Nobody waits for it to be noted.
    package func note(_ fleet: Fleet.ID, at time: Timestamp, interval: Seconds) {
        let place = place(of: fleet, in: era.withLock { $0.name })
        note(time, [], at: place, for: .seconds(interval) + Self.lifetime)
    }

    /// Whoever gave a sign was heard until now, and it was noted.
    package func noteListening(at time: Timestamp) {
        guard isWhole else { return }
        note(time, Array(era.withLock { $0.name }.utf8), at: seal.place(Self.listening, ""), for: Self.lifetime)
    }

    private func place(of fleet: Fleet.ID, in era: String) -> CacheSeal.Place {
        seal.place(Self.purpose, "\(era)/\(fleet)")
    }

    private func note(_ time: Timestamp, _ text: [UInt8], at place: CacheSeal.Place, for lifetime: Duration) {
        // Whoever decides by now knows best: clocks differ.
        cache.keep(place.seal(text, version: time.milliseconds), as: place.name, for: lifetime, replaces: true)
    }

    /// Waits until what was noted so far has been taken, or is lost.
    package func catchUp() async { _ = await cache.values([seal.place(Self.listening, "").name]) }

    /// Since when each of these fleets has been silent, as far as that can be had: what was left of its interval when somebody
    /// listened last, and told so, is left of it now.
    package func recall(_ fleets: [Fleet.ID], now: Timestamp) async -> [Fleet.ID: Timestamp] {
        guard let (listened, text) = await notes(at: [seal.place(Self.listening, "")])[0] else { return [:] }
        let era = String(decoding: text, as: UTF8.self)
        var heard: [Fleet.ID: Timestamp] = [:]
        for start in stride(from: 0, to: fleets.count, by: Self.slice) {
            let slice = fleets[start..<min(start + Self.slice, fleets.count)]
            let notes = await notes(at: slice.map { place(of: $0, in: era) })
            for (fleet, note) in zip(slice, notes) {
                guard let note else { continue }
                let silence = max(0, listened.milliseconds - note.time.milliseconds)
                heard[fleet] = Timestamp(milliseconds: now.milliseconds - silence)
            }
        }
        return heard
    }

    private func notes(at places: [CacheSeal.Place]) async -> [(time: Timestamp, text: [UInt8])?] {
        zip(places, await cache.values(places.map(\.name))).map { place, value in
            guard let value, let text = place.open(value) else { return nil }
            return (Timestamp(milliseconds: value.version), text)
        }
    }
}
