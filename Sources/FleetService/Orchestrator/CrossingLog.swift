import FleetDomain
import Synchronization

/// Crossings on their way to the audit log: not waited for, and folded, so that a flood of denials cannot become
/// a flood of writes.
///
/// The first of a principal towards an owner in a minute is recorded at once, the others of that minute together
/// when it is over: each crossing is in exactly one record.
final class CrossingLog: Sendable {
    struct Key: Hashable, Sendable {
        let type: EventType
        let principal: String
        let protected: Fleet.ID
        let minute: Int64
        let dryRun: Bool
    }

    struct Fold: Sendable {
        let action: String
        let object: String
        let requestID: String
        var count: Int64
        var isFirst: Bool
    }

    struct Entry: Sendable {
        let type: EventType
        let crossing: Crossing
        let requestID: String
        let key: Key
    }

    private let folds = Mutex<[Key: Fold]>([:])
    private let isOver = Atomic(false)

    /// From now on it folds.
    func begin() { isOver.store(false, ordering: .releasing) }

    /// From now on everything is due at once.
    func end() { isOver.store(true, ordering: .releasing) }

    /// Notes one crossing. - Returns: whether it should be recorded at once.
    func note(
        _ type: EventType, by principal: String, towards owner: Fleet.ID, action: String, object: String,
        requestID: String, dryRun: Bool, at now: Timestamp
    ) -> Bool {
        let key = Key(
            type: type, principal: principal, protected: owner, minute: now.milliseconds / 60_000, dryRun: dryRun)
        return folds.withLock { folds in
            if folds[key] != nil {
                folds[key]?.count += 1
                return false
            }
            folds[key] = Fold(action: action, object: object, requestID: requestID, count: 1, isFirst: true)
            return true
        }
    }

    /// What is to be recorded now: what is new, and what a minute that is over has folded.
    func due(at now: Timestamp, all: Bool = false) -> [Entry] {
        let minute = now.milliseconds / 60_000
        let all = all || isOver.load(ordering: .acquiring)
        return folds.withLock { folds in
            var entries: [Entry] = []
            for (key, fold) in folds {
                let isOver = all || key.minute < minute
                guard isOver || fold.isFirst else { continue }
                if fold.count > 0 {
                    entries.append(
                        Entry(
                            type: key.type,
                            crossing: Crossing(
                                principal: key.principal, protected: key.protected, action: fold.action,
                                object: fold.object, count: fold.count, dryRun: key.dryRun),
                            requestID: fold.requestID, key: key))
                }
                if isOver {
                    folds[key] = nil
                } else {
                    folds[key]?.count = 0
                    folds[key]?.isFirst = false
                }
            }
            return entries.sorted { ($0.key.minute, $0.requestID) < ($1.key.minute, $1.requestID) }
        }
    }

    /// Puts back what could not be recorded.
    func putBack(_ entries: [Entry]) {
        folds.withLock { folds in
            for entry in entries {
                let crossing = entry.crossing
                let fold = folds[entry.key]
                folds[entry.key] = Fold(
                    action: crossing.action, object: crossing.object, requestID: entry.requestID,
                    count: crossing.count + (fold?.count ?? 0), isFirst: true)
            }
        }
    }
}
