/// A signed statement of what the log was at a size: whoever keeps it elsewhere can prove later that nothing before was
/// changed.
package struct Checkpoint: Sendable, Equatable {
    /// How many records it covers: the first of the log up to this position.
    package let treeSize: Int64
    /// Of the Merkle tree over them, in base64.
    package let rootHash: String
    /// The same as text that anybody can check, with its signature.
    package let note: String
    package let madeAt: Timestamp

    package init(treeSize: Int64, rootHash: String, note: String, madeAt: Timestamp) {
        self.treeSize = treeSize
        self.rootHash = rootHash
        self.note = note
        self.madeAt = madeAt
    }
}

extension Checkpoint: Record {
    package static var fields: [StaticString] { ["tree_size", "root_hash", "note", "made_at"] }

    package var values: [FieldValue] { [.integer(treeSize), .text(rootHash), .text(note), .time(madeAt)] }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        treeSize = try reader.integer()
        rootHash = try reader.text()
        note = try reader.text()
        madeAt = try reader.time()
    }
}

extension Ledger {
    /// Records a checkpoint of the log, for those who may read all of it: its size counts what everybody does.
    package mutating func record(
        treeSize: Int64, rootHash: String, note: String, _ context: inout Context
    ) -> Entity {
        let entity = Entity.checkpoint(
            Checkpoint(treeSize: treeSize, rootHash: rootHash, note: note, madeAt: context.now))
        record(.auditCheckpointed, entity, &context)
        return entity
    }
}
