import FleetDomain
package import FleetStore
import Foundation

/// Checks a log against a checkpoint that was kept elsewhere, and names the first record that is not what it was.
///
/// The hash of every record is computed anew. What it was is told by the stored tree, which proves itself by the root of
/// the checkpoint; where that was changed as well, the checkpoints in the log, which the same key has signed, tell
/// between which records. Memory does not grow with the log.
package struct AuditVerifier {
    private let store: Store
    private let trusted: TrustedCheckpoint
    private let size: Int64
    /// Nothing behind the last checkpoint in the log is looked at: it may be on its way.
    private var last: Int64 = 0

    private var records = RecordReader()
    private var leaves = LeafReader()
    private var marks = MarkReader()
    private var recordsTree = MerkleTree.Frontier()
    private var leavesTree = MerkleTree.Frontier()
    private var difference: Difference?
    /// The first record that stands at another position than its place says, whatever the stored tree says.
    private var gap: Difference?
    /// Of the last record that was read.
    private var record: Event.ID?
    private var good = Good()

    /// The first place where a record is not what the stored tree says.
    private struct Difference {
        let position: Int64
        let record: Event.ID?
        let before: Event.ID?
        /// What is there, and what should be; nil where there is nothing.
        let found: MerkleTree.Hash?
        let expected: MerkleTree.Hash?
        let isGap: Bool
        /// Whether what should be there stands further behind, and the other way round.
        var expectedFollows = false
        var foundFollows = false

        var kind: AuditVerdict.Break {
            guard let found else { return .cutOff }
            if found == expected || expectedFollows && foundFollows { return .reordered }
            if expectedFollows { return .inserted }
            return foundFollows || isGap ? .removed : .changed
        }
    }

    /// The last checkpoint up to which everything is right.
    private struct Good {
        var place = AuditVerdict.Place(position: 0, record: nil)
        var note: CheckpointNote?
        /// The most that a signed one covers.
        var covered: Int64 = 0
    }

    package init(_ store: Store, against trusted: TrustedCheckpoint) {
        self.store = store
        self.trusted = trusted
        size = trusted.note.treeSize
    }

    package mutating func verify() async throws -> AuditVerdict {
        last = max(size, try await store.lastCheckpoint()?.treeSize ?? 0)
        marks = MarkReader(trusted: trusted.note)
        var position: Int64 = 0
        while let mark = try await marks.next(store, upTo: last) {
            while position < mark.treeSize, try await step(to: position + 1) { position += 1 }
            if recordsTree.size == mark.treeSize, recordsTree.root == mark.rootHash {
                noteGood(mark)
            } else if mark == trusted.note || mark.isSigned(by: trusted.key), mark.origin == trusted.note.origin {
                return try await located(mark, from: position)
            }
        }
        let end = try await store.endOfLog()
        // In the right order, and yet not where they should be.
        if let gap { return verdict(of: gap) }
        return .intact(size: size, covered: good.covered, end: end, treeDiffersAt: difference?.position)
    }

    private mutating func noteGood(_ mark: CheckpointNote) {
        // What the trusted one covers needs no other signature.
        let isSigned = mark.treeSize <= size || mark.origin == trusted.note.origin && mark.isSigned(by: trusted.key)
        guard isSigned else { return }
        good.place = AuditVerdict.Place(position: mark.treeSize, record: record)
        good.note = mark
        good.covered = max(good.covered, mark.treeSize)
    }

    /// Reads the record and the leaf of one position.
    ///
    /// - Returns: false when there is neither.
    private mutating func step(to position: Int64) async throws -> Bool {
        let found = try await records.next(store)
        let expected = try await leaves.next(store)
        guard found != nil || expected != nil else { return false }
        if let found { recordsTree.append(found.hash) }
        if gap == nil, let found, found.position != position {
            gap = Difference(
                position: position, record: found.id, before: record, found: found.hash, expected: found.hash,
                isGap: true)
        }
        if let expected { leavesTree.append(expected) }
        if difference == nil {
            let isGap = found.map { $0.position != position } ?? false
            if isGap || found?.hash != expected {
                difference = Difference(
                    position: position, record: found?.id, before: record, found: found?.hash, expected: expected,
                    isGap: isGap)
            }
        } else {
            if let hash = found?.hash, hash == difference?.expected { difference?.expectedFollows = true }
            if let expected, expected == difference?.found { difference?.foundFollows = true }
        }
        if let found { record = found.id }
        return true
    }

    /// Where it is that a checkpoint is contradicted.
    private mutating func located(_ mark: CheckpointNote, from start: Int64) async throws -> AuditVerdict {
        // All of it ends right behind a checkpoint that holds, as a copy that was put back does.
        if difference == nil, recordsTree.size > 0, recordsTree.size < mark.treeSize,
            good.place.position >= recordsTree.size - 1
        {
            return .broken(.cutOff, position: recordsTree.size + 1, record: nil, after: record)
        }
        let isTold = leavesTree.size == mark.treeSize && leavesTree.root == mark.rootHash
        guard isTold, difference != nil else {
            if let note = good.note, note != trusted.note, !note.isSigned(by: trusted.key) { good = Good() }
            let bad = AuditVerdict.Place(
                position: mark.treeSize, record: recordsTree.size == mark.treeSize ? record : nil)
            return .brokenWithin(after: good.place, upTo: bad, end: try await store.endOfLog())
        }
        var position = start
        while try await step(to: position + 1) { position += 1 }
        guard let difference else { preconditionFailure("a difference stays one") }
        return verdict(of: difference)
    }

    private func verdict(of difference: Difference) -> AuditVerdict {
        .broken(
            difference.kind, position: difference.position,
            record: difference.kind == .removed ? nil : difference.record, after: difference.before)
    }
}

/// The records as they are stored, one after the other.
private struct RecordReader {
    struct Found {
        let position: Int64
        let id: Event.ID?
        let hash: MerkleTree.Hash
    }

    private static let pageLength = 256
    private var page: ArraySlice<AuditLeaf> = []
    private var position = Int64.min
    private var isEnd = false

    mutating func next(_ store: Store) async throws -> Found? {
        if page.isEmpty, !isEnd {
            page = try await store.auditLeaves(after: position, limit: Self.pageLength)[...]
            isEnd = page.isEmpty
        }
        guard let leaf = page.popFirst() else { return nil }
        position = leaf.position
        return Found(position: position, id: leaf.id, hash: MerkleTree.hash(leaf: leaf.bytes))
    }
}

/// The leaves as the stored tree has them.
private struct LeafReader {
    private var tile = AuditTile(level: 0, number: -1)
    private var index = 0
    private var isEnd = false

    mutating func next(_ store: Store) async throws -> MerkleTree.Hash? {
        if index == tile.count, !isEnd {
            // A tile that is not full is the last.
            let follows = tile.number < 0 || tile.count == AuditTile.width
            let next = follows ? try await store.auditTile(level: 0, number: tile.number + 1) : nil
            if let next, next.count > 0 { (tile, index) = (next, 0) } else { isEnd = true }
        }
        guard !isEnd else { return nil }
        defer { index += 1 }
        return tile[index]
    }
}

/// The checkpoints in the log, and among them the trusted one, by what they cover.
private struct MarkReader {
    private static let pageLength = 1000
    private var trusted: CheckpointNote?
    private var page: ArraySlice<CheckpointNote> = []
    private var size: Int64 = 0
    private var isEnd = false

    init(trusted: CheckpointNote? = nil) { self.trusted = trusted }

    mutating func next(_ store: Store, upTo last: Int64) async throws -> CheckpointNote? {
        while page.isEmpty, !isEnd {
            let found = try await store.checkpoints(after: size, limit: Self.pageLength)
            isEnd = found.isEmpty || (found.last?.treeSize ?? 0) >= last
            size = found.last?.treeSize ?? size
            // What is no note of its own size says nothing.
            page =
                found.compactMap { one in CheckpointNote(one.note).flatMap { $0.treeSize == one.treeSize ? $0 : nil } }[
                    ...]
        }
        if let trusted, page.first.map({ trusted.treeSize <= $0.treeSize }) ?? true {
            self.trusted = nil
            return trusted
        }
        guard let first = page.first, first.treeSize <= last else { return nil }
        page.removeFirst()
        return first
    }
}
