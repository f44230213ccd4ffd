import FleetDomain
import Synchronization

/// What came of pushes, for the sink that stores it: while it stores some, the next gather.
final class PushInbox: Sendable {
    struct Content: Sendable {
        var results: [WebhookPusher.Result] = []
        /// Those that have stopped pushing.
        var lanes: [String] = []
    }

    private struct State {
        var content = Content()
        var isWoken = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func put(_ result: WebhookPusher.Result) { wake { $0.content.results.append(result) } }
    func finish(_ lane: String) { wake { $0.content.lanes.append(lane) } }
    func wake() { wake { _ in } }

    private func wake(_ change: (inout sending State) -> Void) {
        let sleeper = state.withLock { state in
            change(&state)
            state.isWoken = state.sleeper == nil
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume()
    }

    func take() -> Content {
        state.withLock { state in
            defer { state.content = Content() }
            return state.content
        }
    }

    /// Returns when something came, when it was woken, at that time, or when the task is cancelled.
    func wait(until time: Timestamp?, now: Timestamp) async {
        // Not of a group: the wait ends when it is woken, and would not without its timer.
        let timer = time.map { time in
            Task {
                try? await Task.sleep(for: .milliseconds(max(1, time.milliseconds - now.milliseconds)))
                if !Task.isCancelled { self.wake() }
            }
        }
        defer { timer?.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let sleeps = state.withLock { state in
                    defer { state.isWoken = false }
                    guard !state.isWoken, !Task.isCancelled else { return false }
                    state.sleeper = continuation
                    return true
                }
                if !sleeps { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }
}
