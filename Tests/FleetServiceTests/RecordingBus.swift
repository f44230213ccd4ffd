import FleetService
import FleetTestSupport
import Synchronization

/// A bus that keeps what it is given, and can be made to fail.
final class RecordingBus: EventBus {
    struct Failure: Error, CustomStringConvertible {
        var description: String { "told to fail" }
    }

    /// What becomes of a batch: so many records of it are stored, and so many are told to be.
    struct Fate: Sendable {
        var stored: Int
        var told: Int
    }

    private struct State {
        var records: [BusRecord] = []
        var batches: [Int] = []
        var topics: [String] = []
        var isReachable = true
        var decide: (@Sendable (Int) -> Fate?)?
        var refused: Int64?
    }

    let name = DependencyName.kafka
    let breaker: CircuitBreaker
    private let state = Mutex(State())

    /// - Parameter waits: whether the circuit waits before it lets calls through again.
    init(waits: Bool = false) {
        var limits = CircuitBreaker.Limits()
        if !waits { limits.longestWait = .zero }
        breaker = CircuitBreaker(limits: limits)
    }

    /// All that was stored, in its order.
    var records: [BusRecord] { state.withLock { $0.records } }
    /// Records of each batch that was offered.
    var batches: [Int] { state.withLock { $0.batches } }
    var topics: [String] { state.withLock { $0.topics } }

    func setReachable(_ isReachable: Bool) { state.withLock { $0.isReachable = isReachable } }

    /// - Parameter decide: given the length of a batch; nil stores and tells all of it.
    func setFate(_ decide: (@Sendable (Int) -> Fate?)?) { state.withLock { $0.decide = decide } }

    /// A batch in which the event at that position stands is refused whole.
    func refuse(_ position: Int64?) { state.withLock { $0.refused = position } }

    func check() async throws { try await reach() }

    func standAside() {}

    func reach() async throws {
        guard state.withLock({ $0.isReachable }) else { throw Failure() }
    }

    func prepare(_ topics: [String]) async throws {
        try await reach()
        state.withLock { $0.topics += topics }
    }

    func publish(_ records: [BusRecord]) async -> BusReceipt {
        state.withLock { state in
            state.batches.append(records.count)
            guard state.isReachable, !records.contains(where: { $0.position == state.refused }) else {
                return BusReceipt(taken: 0, failure: Failure())
            }
            let fate = state.decide?(records.count) ?? Fate(stored: records.count, told: records.count)
            state.records += records.prefix(fate.stored)
            return BusReceipt(taken: fate.told, failure: fate.told == records.count ? nil : Failure())
        }
    }

    func close() async {}
}

extension BusRecord {
    subscript(header: String) -> String? { headers.first { $0.name == header }?.value }

    var position: Int64 { self["ce_fleetposition"].flatMap { Int64($0) } ?? -1 }
}
