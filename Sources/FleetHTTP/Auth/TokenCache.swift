import Crypto
package import FleetDomain
import Synchronization

/// Who the tokens name that were verified lately, by their hash: a signature costs more than the rest of a request.
///
/// An entry counts until its token ends, for at most ``lifetime``, and only while the keys are those of its
/// generation. Only accepted tokens are kept. When full, the oldest entry goes.
package final class TokenCache: Sendable {
    /// SHA-256 of a whole token: the cache holds nothing that could be presented.
    package struct Fingerprint: Hashable, Sendable {
        private let digest: SHA256.Digest

        package init(_ token: [UInt8]) { digest = SHA256.hash(data: token) }
    }

    private struct Entry {
        let principal: Principal
        let end: Timestamp
        let generation: UInt64
    }

    private struct State {
        var entries: [Fingerprint: Entry] = [:]
        /// The fingerprints in the order of their arrival; `oldest` is the next to be replaced once it is full.
        var arrivals: [Fingerprint] = []
        var oldest = 0
    }

    package static let lifetime: Seconds = 300

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: How many tokens are kept: more callers than these at one time verify anew.
    package init(capacity: Int = 10_000) {
        precondition(capacity > 0, "a cache holds something")
        self.capacity = capacity
    }

    package var count: Int { state.withLock { $0.entries.count } }

    package func principal(for token: Fingerprint, at now: Timestamp, generation: UInt64) -> Principal? {
        state.withLock { state in
            guard let entry = state.entries[token], entry.generation == generation, now < entry.end else { return nil }
            return entry.principal
        }
    }

    /// - Parameter end: The first instant at which the token no longer counts.
    package func insert(
        _ principal: Principal, for token: Fingerprint, at now: Timestamp, until end: Timestamp, generation: UInt64
    ) {
        let entry = Entry(principal: principal, end: min(end, now + Self.lifetime), generation: generation)
        state.withLock { state in
            guard state.entries.updateValue(entry, forKey: token) == nil else { return }
            guard state.arrivals.count == capacity else { return state.arrivals.append(token) }
            state.entries[state.arrivals[state.oldest]] = nil
            state.arrivals[state.oldest] = token
            state.oldest = (state.oldest + 1) % capacity
        }
    }
}
