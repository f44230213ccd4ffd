import FleetDomain
import Synchronization

/// How far the log is durable, for those who wait for a position, and when the API keys last changed, for those who
/// remember what they read of one.
package final class CommittedLog: Sendable {
    private let end = Atomic<Int64>(0)
    private let changeOfKeys = Atomic<Int64>(0)

    init() {}

    package var position: Int64 { end.load(ordering: .acquiring) }

    /// The position of the last event that made or revoked an API key, or from which that is not known.
    package var keyGeneration: UInt64 { UInt64(changeOfKeys.load(ordering: .acquiring)) }

    /// Told before anybody is answered, so that who has seen an answer finds what it speaks of.
    func advance(over batch: Batch) {
        guard let last = batch.events.last else { return }
        if let change = batch.events.last(where: { $0.entity.kind == .apiKey }) {
            changeOfKeys.store(change.position, ordering: .releasing)
        }
        end.store(last.position, ordering: .releasing)
    }

    /// The log was read anew; what was remembered of it may be old.
    func restart(at position: Int64) {
        changeOfKeys.store(position, ordering: .releasing)
        end.store(position, ordering: .releasing)
    }
}
