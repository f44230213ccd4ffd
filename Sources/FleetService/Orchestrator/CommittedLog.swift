import FleetDomain
package import FleetStore
import Synchronization

/// How far the log is durable, for those who wait for a position; when the API keys, the memberships and the webhooks last
/// changed, for those who remember what they read of them; and the last events, for those who follow it.
package final class CommittedLog: Sendable {
    private let end = Atomic<Int64>(0)
    private let changesOfKeys = Atomic<UInt64>(0)
    private let changesOfMembers = Atomic<UInt64>(0)
    private let changesOfSinks = Atomic<UInt64>(0)
    private let history = Mutex<[LogTimeline]>([])
    private let onErasure = Mutex<(@Sendable () -> Void)?>(nil)
    package let changes = ChangeIndex()
    package let tail = EventTail()
    package let inboxes = InboxBells()

    init() {}

    package var position: Int64 { end.load(ordering: .acquiring) }

    /// Another whenever an API key was made or revoked, or may have been. It only grows, whatever becomes of the log.
    package var keyGeneration: UInt64 { changesOfKeys.load(ordering: .acquiring) }

    /// The same of federations and memberships.
    package var memberGeneration: UInt64 { changesOfMembers.load(ordering: .acquiring) }

    /// The same of what is pushed where.
    package var sinkGeneration: UInt64 { changesOfSinks.load(ordering: .acquiring) }

    /// Has `act` be called, before anybody is answered, whenever a fleet's data was erased or may have been.
    package func whenErased(_ act: @escaping @Sendable () -> Void) { onErasure.withLock { $0 = act } }

    /// Has the batch made durable. Until that is known, no copy of what it changes is taken for current.
    func commit(
        _ batch: Batch, _ records: [IdempotencyRecord], epoch: Int64, to store: Store
    ) async throws(StoreError) {
        changes.begin(batch)
        do {
            try await store.commit(batch, idempotency: records, epoch: epoch)
        } catch {
            // What may have happened may still happen.
            if case .outcomeUnknown = error { throw error }
            changes.abandon(batch)
            throw error
        }
        changes.settle(batch)
        advance(over: batch.events)
    }

    /// These events were committed by another process.
    func follow(_ events: [Event]) {
        changes.follow(events)
        advance(over: events)
    }

    /// Told before anybody is answered, so that who has seen an answer finds what it speaks of.
    private func advance(over events: [Event]) {
        guard let last = events.last else { return }
        for event in events {
            switch event.entity.kind {
            case .apiKey: changesOfKeys.wrappingAdd(1, ordering: .releasing)
            case .member, .federation: changesOfMembers.wrappingAdd(1, ordering: .releasing)
            case .webhook, .replay: changesOfSinks.wrappingAdd(1, ordering: .releasing)
            case .fleet where event.type == .fleetErased: tellOfErasure()
            default: break
            }
        }
        end.store(last.position, ordering: .releasing)
        tail.append(events)
        inboxes.ring(for: events)
    }

    private func tellOfErasure() { onErasure.withLock { $0 }?() }

    /// Whatever was remembered of keys, federations, memberships, erasures and what is pushed where may be old.
    func distrust() {
        changesOfKeys.wrappingAdd(1, ordering: .releasing)
        changesOfMembers.wrappingAdd(1, ordering: .releasing)
        changesOfSinks.wrappingAdd(1, ordering: .releasing)
        tellOfErasure()
    }

    /// The servers that have carried the log on.
    package var timelines: [LogTimeline] { history.withLock { $0 } }

    /// The number of the last of them; 0 when there is none. Taken before what is read on it: should another begin
    /// meanwhile, a place is taken for one of the log before, and does not hold for long.
    package var timeline: Int64 { history.withLock { $0.last?.number ?? 0 } }

    /// Where it ends.
    package var place: LogPlace {
        let timeline = timeline
        return LogPlace(position: position, timeline: timeline)
    }

    /// Whether the log has come to the place.
    package func hasReached(_ place: LogPlace) -> Bool {
        position >= place.position
            && (place.timeline == 0 || timelines.has(place.timeline))
    }

    /// Whether what comes before the place is what came before it when it was given out.
    package func holds(_ place: LogPlace) -> Bool {
        LogTimeline.holds(place.position, of: place.timeline, in: timelines)
    }

    /// Reads the state that the writer goes on from.
    func takeUp(_ store: Store) async throws(StoreError) -> Ledger {
        let timelines = try await store.timelines()
        let ledger = try await store.loadLedger()
        restart(at: ledger.position, on: timelines)
        return ledger
    }

    /// The log was read anew; what was remembered of it may be old.
    func restart(at position: Int64, on timelines: [LogTimeline]) {
        // Before the new timeline is known: nothing of the log before is taken for a part of it.
        tail.restart()
        distrust()
        changes.restart(at: position)
        end.store(position, ordering: .releasing)
        history.withLock { $0 = timelines }
        tail.pulse()
        inboxes.restart()
    }
}
