import FleetDomain
import Synchronization

/// What waits for the writer. Handlers put in, the writer takes out; nobody waits inside.
final class Mailbox: Sendable {
    /// A command with whoever waits for its outcome.
    struct Letter: Sendable {
        let command: Command
        /// After this it is dropped undecided: its sender has given up, or will.
        let expiresAt: Timestamp
        let answer: CheckedContinuation<Result<Outcome, FleetError>, Never>
    }

    struct Delivery: Sendable {
        var letters: [Letter] = []
        var inspections: [Inspection] = []
        var isClosed = false
    }

    /// Given the writer's state, or nil when there is no writer any more.
    typealias Inspection = @Sendable (Ledger?) -> Void

    private struct State {
        var delivery = Delivery()
        var isPoked = false
        var hasReader = true
        var reader: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// Letters that wait.
    var count: Int { state.withLock { $0.delivery.letters.count } }

    func put(_ letter: Letter) {
        let refusal: FleetError? = state.withLock { state in
            if state.delivery.isClosed { return Self.stopping }
            guard state.delivery.letters.count < capacity else {
                return FleetError(.overloaded, "Too many requests are waiting to be decided.")
            }
            state.delivery.letters.append(letter)
            return nil
        }
        if let refusal { letter.answer.resume(returning: .failure(refusal)) } else { poke() }
    }

    func put(_ inspection: @escaping Inspection) {
        let isTaken = state.withLock { state in
            if state.hasReader { state.delivery.inspections.append(inspection) }
            return state.hasReader
        }
        if isTaken { poke() } else { inspection(nil) }
    }

    /// Wakes the writer, to look at the clock or at what came in.
    func poke() {
        state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isPoked = true
            defer { state.reader = nil }
            return state.reader
        }?.resume()
    }

    /// There is, or will be, somebody who takes what is put in.
    func open() {
        state.withLock { state in
            state.hasReader = true
            state.delivery.isClosed = false
        }
    }

    /// No more commands are taken; those that wait are still delivered.
    func close() {
        state.withLock { $0.delivery.isClosed = true }
        poke()
    }

    /// Nobody will take anything any more; whoever waits is told.
    func end() {
        let rest = state.withLock { state in
            state.hasReader = false
            state.delivery.isClosed = true
            defer { state.delivery = Delivery(isClosed: true) }
            return state.delivery
        }
        for inspection in rest.inspections { inspection(nil) }
        for letter in rest.letters { letter.answer.resume(returning: .failure(Self.stopping)) }
    }

    private static let stopping = FleetError(.shuttingDown, "The service is stopping.")

    /// Waits for a poke, then gives up to `limit` letters and whatever else waits. A closed mailbox makes nobody
    /// wait: its reader has to learn that it is empty.
    func take(limit: Int) async -> Delivery {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isPoked || state.delivery.isClosed || !state.delivery.letters.isEmpty { return true }
                state.reader = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { state in
            state.isPoked = false
            var delivery = state.delivery
            delivery.letters = Array(state.delivery.letters.prefix(limit))
            state.delivery.letters.removeFirst(delivery.letters.count)
            state.delivery.inspections = []
            return delivery
        }
    }
}
