package import FleetDomain

/// What became of the log since a checkpoint was made.
package enum AuditVerdict: Sendable, Equatable {
    /// Every record is what it was.
    ///
    /// - `size`: records that the checkpoint covers.
    /// - `covered`: that later checkpoints in the log cover.
    /// - `end`: of the log.
    /// - `treeDiffersAt`: where the stored hashes are not those of the records, if anywhere.
    case intact(size: Int64, covered: Int64, end: Int64, treeDiffersAt: Int64?)
    /// The first record that is not what it was.
    case broken(Break, position: Int64, record: Event.ID?, after: Event.ID?)
    /// The stored hashes do not say where: somewhere behind the last checkpoint in the log that holds, up to the first
    /// that does not.
    case brokenWithin(after: Place, upTo: Place, end: Int64)

    package enum Break: String, Sendable {
        case changed, removed, inserted
        case reordered = "re-ordered"
        case cutOff = "cut off"
    }

    /// A position, and the record that stands there.
    package struct Place: Sendable, Equatable {
        package let position: Int64
        package let record: Event.ID?
    }

    package var isIntact: Bool { if case .intact = self { true } else { false } }
}

extension AuditVerdict: CustomStringConvertible {
    /// One line.
    package var description: String {
        switch self {
        case .intact(let size, let covered, let end, let difference):
            let later = covered > size ? ", \(covered) as later checkpoints in the log say" : ""
            let tree = difference.map { "; the stored tree is not of these records from position \($0) on" } ?? ""
            return "ok: \(size) records are as the checkpoint says\(later); the log has \(end)\(tree)"
        case .broken(let kind, let position, let record, let before):
            let named = record.map { ", record_id \($0)," } ?? ""
            let predecessor = before.map { " after record_id \($0)" } ?? " at the beginning"
            let told =
                switch kind {
                case .changed: "the record at position \(position)\(named) is not what was logged"
                case .removed: "the record at position \(position),\(predecessor), is gone"
                case .inserted: "the record at position \(position)\(named) was not logged there"
                case .reordered: "the record at position \(position)\(named) was logged elsewhere"
                case .cutOff:
                    "the log has no record at position \(position) any more,\(predecessor), and none behind it"
                }
            return "\(kind.rawValue): \(told)"
        case .brokenWithin(let good, let bad, let end):
            let short = end < bad.position ? "; the log ends with position \(end)" : ""
            return "broken: a record after \(good), up to \(bad), is not what was logged, and the stored tree was "
                + "changed as well\(short)"
        }
    }
}

extension AuditVerdict.Place: CustomStringConvertible {
    package var description: String { "position \(position)" + (record.map { " (record_id \($0))" } ?? "") }
}
