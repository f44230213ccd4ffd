import Synchronization

/// The memory of one process alone, for when no other is configured.
///
/// Bounded: when it is full, what was not looked at since the hand came by last goes first (the clock algorithm, which comes
/// near to least recently used and moves nothing on a hit).
package final class InProcessCache: SharedCache {
    private struct Entry {
        let name: String
        var value: CachedValue
        var end: ContinuousClock.Instant
        var isUsed: Bool
    }

    private struct Window {
        var count: Int64
        let end: ContinuousClock.Instant
    }

    private struct State {
        var places: [String: Int] = [:]
        var entries: [Entry] = []
        var hand = 0
        var windows: [String: Window] = [:]
        /// Windows after which those that are over are looked for.
        var sweepAt: Int
        var revocations: UInt64 = 0
    }

    private let capacity: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state: Mutex<State>

    /// - Parameter capacity: of values, and of counters. An object takes about a kilobyte.
    package init(
        capacity: Int = 20_000, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        precondition(capacity > 0, "a cache holds something")
        self.capacity = capacity
        self.now = now
        state = Mutex(State(sweepAt: capacity))
    }

    package var count: Int { state.withLock { $0.entries.count } }

    package func values(_ names: [String]) async -> [CachedValue?] {
        let now = now()
        return state.withLock { state in
            names.map { name in
                guard let place = state.places[name], state.entries[place].end > now else { return nil }
                state.entries[place].isUsed = true
                return state.entries[place].value
            }
        }
    }

    package func keep(_ value: CachedValue, as name: String, for lifetime: Duration, replaces: Bool) {
        let now = now()
        let entry = Entry(name: name, value: value, end: now + lifetime, isUsed: false)
        state.withLock { state in
            if let place = state.places[name] {
                let old = state.entries[place]
                guard replaces || old.end <= now || old.value.version < value.version else { return }
                state.entries[place] = entry
            } else if state.entries.count < capacity {
                state.places[name] = state.entries.count
                state.entries.append(entry)
            } else {
                let place = Self.free(&state, now)
                state.places[state.entries[place].name] = nil
                state.places[name] = place
                state.entries[place] = entry
            }
        }
    }

    /// The next place that is over or was not looked at since last time: found within one turn.
    private static func free(_ state: inout State, _ now: ContinuousClock.Instant) -> Int {
        while true {
            let place = state.hand
            state.hand = (place + 1) % state.entries.count
            guard state.entries[place].isUsed, state.entries[place].end > now else { return place }
            state.entries[place].isUsed = false
        }
    }

    package func count(_ name: String, adding amount: Int64, window: Duration) async -> WindowCount {
        let now = now()
        return state.withLock { state in
            var counter = state.windows[name].flatMap { $0.end > now ? $0 : nil } ?? Window(count: 0, end: now + window)
            counter.count += amount
            state.windows[name] = counter
            if state.windows.count > state.sweepAt { sweep(&state, now) }
            return WindowCount(count: counter.count, remaining: counter.end - now)
        }
    }

    /// Counters that are over go. One that runs is never dropped, as it would let through what it was to limit; so that
    /// many that run are not looked through each time, the next look is further off.
    private func sweep(_ state: inout State, _ now: ContinuousClock.Instant) {
        state.windows = state.windows.filter { $0.value.end > now }
        state.sweepAt = max(capacity, state.windows.count * 2)
    }

    package var losses: UInt64 { 0 }

    package func announceRevocation() { state.withLock { $0.revocations += 1 } }

    package var revocations: UInt64 { state.withLock { $0.revocations } }
}
