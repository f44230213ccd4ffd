import FleetDomain
import FleetStore

/// Crossings of a batch of which the outcome is unknown, and an event that shows whether it was committed.
struct DoubtedCrossings {
    let entries: [CrossingLog.Entry]
    let event: Event.ID
    let position: Int64
}

/// Each crossing is in exactly one record, whatever becomes of a batch.
extension Writer {
    mutating func record(_ entries: [CrossingLog.Entry]) {
        for entry in entries {
            var context = Context(
                principal: Principal(subject: entry.crossing.principal, roles: []), now: now,
                requestID: entry.requestID, ids: ownIDs())
            ledger.record(entry.type, .crossing(entry.crossing), &context)
        }
    }

    /// Keeps the crossings of the batch that is about to be taken back until the log can be asked for them.
    ///
    /// - Returns: false when it is sure that they are not there.
    mutating func doubt(_ entries: [CrossingLog.Entry], after error: StoreError) -> Bool {
        guard case .outcomeUnknown = error, let event = ledger.unconfirmed.events.first else { return false }
        if !entries.isEmpty {
            doubted.append(DoubtedCrossings(entries: entries, event: event.id, position: event.position))
        }
        return true
    }

    /// Looks up what was in doubt, and has what is not in the log recorded again.
    ///
    /// - Returns: whether nothing is in doubt any more. Before that nothing may be recorded, which might get the same id.
    mutating func settleDoubts(_ crossings: CrossingLog) async -> Bool {
        guard !doubted.isEmpty else { return true }
        var left: [DoubtedCrossings] = []
        for doubt in doubted {
            guard let isStored = try? await store.holds(doubt.event, at: doubt.position) else {
                left.append(doubt)
                continue
            }
            if !isStored { crossings.putBack(doubt.entries) }
        }
        doubted = left
        return left.isEmpty
    }
}
