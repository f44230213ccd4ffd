package import FleetDomain
import Synchronization

/// Rings for a fleet when something was accepted for it, so that who waits for its inbox looks again: what is accepted
/// for others costs it nothing.
package final class InboxBells: Sendable {
    private struct State {
        var sleepers: [Fleet.ID: [UInt64: CheckedContinuation<Void, Never>]] = [:]
        /// The position of the last message for each fleet since the start.
        var last: [Fleet.ID: Int64] = [:]
        var lastSleeper: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    init() {}

    func ring(for events: [Event]) {
        let messages = events.lazy.compactMap(\.entity.asMessage)
        guard messages.first != nil else { return }
        let sleepers = state.withLock { state in
            var woken: [CheckedContinuation<Void, Never>] = []
            for message in messages {
                for recipient in message.recipients {
                    state.last[recipient.fleet] = message.position
                    woken += state.sleepers.removeValue(forKey: recipient.fleet)?.values.map(\.self) ?? []
                }
            }
            return woken
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Whoever comes may wait.
    func open() { state.withLock { $0.isClosed = false } }

    /// Nobody waits any more: the service stops.
    package func close() {
        state.withLock { $0.isClosed = true }
        wakeAll()
    }

    /// Has everybody look again: the log was read anew, and may be shorter.
    func restart() {
        state.withLock { $0.last = [:] }
        wakeAll()
    }

    private func wakeAll() {
        let sleepers = state.withLock { state in
            defer { state.sleepers = [:] }
            return state.sleepers.values.flatMap(\.values)
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Whether one more may wait for the fleet: each takes memory, and a look when something comes.
    package func hasRoom(for fleet: Fleet.ID) -> Bool {
        state.withLock { state in
            state.sleepers[fleet]?.count ?? 0 < Self.sleepersOfFleetMax
                && state.sleepers.count < Self.fleetsMax
        }
    }

    private static let sleepersOfFleetMax = 100
    private static let fleetsMax = 10_000

    package var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Returns when a message for the fleet stands after `position`, when its task is cancelled, or when all is over.
    package func wait(for fleet: Fleet.ID, after position: Int64) async {
        let id = state.withLock { state in
            state.lastSleeper += 1
            return state.lastSleeper
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let sleeps = state.withLock { state in
                    guard !state.isClosed, !Task.isCancelled, state.last[fleet] ?? 0 <= position else { return false }
                    state.sleepers[fleet, default: [:]][id] = continuation
                    return true
                }
                if !sleeps { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                let sleeper = state.sleepers[fleet]?.removeValue(forKey: id)
                if state.sleepers[fleet]?.isEmpty == true { state.sleepers[fleet] = nil }
                return sleeper
            }?.resume()
        }
    }
}
