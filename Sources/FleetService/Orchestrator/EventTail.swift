import DequeModule
package import FleetDomain
import Synchronization

/// The last events of the log, for those who follow it: what they read next is in memory as a rule, and they are woken
/// when there is more.
package final class EventTail: Sendable {
    /// Enough for a follower that is a second behind a busy log; the rest it reads from the store.
    private static let capacity = 4096
    /// Bytes of contents of messages besides.
    private static let weightMax = 32 << 20

    fileprivate struct State {
        /// Without a gap, up to the end of the log.
        var events = Deque<Event>()
        /// Of all of them.
        var weight = 0
        var sleepers: [UInt64: CheckedContinuation<Void, Never>] = [:]
        /// nil for sinks of ours, which count for nobody.
        var followers: [UInt64: String?] = [:]
        var lastFollower: UInt64 = 0
        var pulses: UInt64 = 0
    }

    private let state = Mutex(State())

    init() {}

    /// How many callers follow the log.
    package var followers: Int { state.withLock { $0.followers.values.count { $0 != nil } } }

    func append(_ events: [Event]) {
        let sleepers = state.withLock { state in
            // Nobody follows, as a rule; who comes later begins with what the store has.
            guard !state.followers.isEmpty else {
                state.forget()
                return state.wakeAll()
            }
            state.events.append(contentsOf: events)
            for event in events { state.weight += event.weight }
            while state.events.count > Self.capacity || state.weight > Self.weightMax,
                let oldest = state.events.popFirst()
            {
                state.weight -= oldest.weight
            }
            return state.wakeAll()
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Forgets what it holds: the log was read anew.
    func restart() {
        let sleepers = state.withLock { state in
            state.forget()
            return state.wakeAll()
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Wakes all who wait, so that they look at their clocks.
    func pulse() {
        let sleepers = state.withLock { state in
            state.pulses += 1
            return state.wakeAll()
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// How many there were. They come by the clock alone, whatever happens.
    package var pulses: UInt64 { state.withLock { $0.pulses } }

    /// The first `limit` events after `position`; nil when they are not held any more, or not yet.
    package func events(after position: Int64, limit: Int) -> [Event]? {
        state.withLock { state in
            guard let first = state.events.first?.position, position >= first - 1,
                case let start = Int(position - first + 1), start <= state.events.count
            else { return nil }
            return Array(state.events[start..<min(start + limit, state.events.count)])
        }
    }

    /// How many of them have that name.
    package func followers(named name: String) -> Int {
        state.withLock { $0.followers.values.count { $0 == name } }
    }

    /// Begins to follow; `Follower.end` ends it.
    ///
    /// - Parameter name: the caller's; nil for a sink.
    package func follow(as name: String?) -> Follower {
        let id = state.withLock { state in
            state.lastFollower += 1
            state.followers[state.lastFollower] = .some(name)
            return state.lastFollower
        }
        return Follower(tail: self, id: id)
    }

    /// One that follows the log.
    package struct Follower: Sendable {
        fileprivate let tail: EventTail
        fileprivate let id: UInt64

        /// Whether it was told to stop.
        package var isEnded: Bool { tail.state.withLock { $0.followers[id] == nil } }

        /// Returns when something was appended, or at the next pulse, or when it is ended or its task cancelled.
        ///
        /// - Parameter isDue: whether there is something already; asked while nothing can be appended.
        package func sleep(unless isDue: () -> Bool) async {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let sleeps = tail.state.withLock { state in
                        guard state.followers[id] != nil, !Task.isCancelled, !isDue() else { return false }
                        state.sleepers[id] = continuation
                        return true
                    }
                    if !sleeps { continuation.resume() }
                }
            } onCancel: {
                tail.state.withLock { $0.sleepers.removeValue(forKey: id) }?.resume()
            }
        }

        package func end() {
            let sleeper = tail.state.withLock { state in
                state.followers[id] = nil
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.resume()
        }
    }
}

extension EventTail.State {
    fileprivate mutating func forget() {
        events.removeAll()
        weight = 0
    }

    fileprivate mutating func wakeAll() -> [CheckedContinuation<Void, Never>] {
        defer { sleepers.removeAll(keepingCapacity: true) }
        return Array(sleepers.values)
    }
}
