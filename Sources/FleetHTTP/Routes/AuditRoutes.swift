import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Foundation
import Hummingbird

/// What proves that the audit log is what it was. Its size counts what everybody does, so that only those who may read
/// all of it are told.
enum AuditRoutes {
    static func checkpoint(_ call: Call) async throws -> Response {
        let checkpoint = try await last(call)
        let key = call.api.audit.signer.publicKey.text
        return try call.object { call.view.write(checkpoint, key: key, to: &$0) }
    }

    static func proof(_ call: Call) async throws -> Response {
        let checkpoint = try await last(call)
        let record = call.parameter("record", Event.ID.init)
        let sizes = (call.parameter("from_size") { Int64($0) }, call.parameter("to_size") { Int64($0) })
        switch (record, sizes) {
        case (let record?, (nil, nil)): return try await inclusion(of: record, in: checkpoint, call)
        case (nil, (let from?, let to?)): return try await consistency(from, to, in: checkpoint, call)
        default:
            throw FleetError(.invalidParameter, "A proof is of a 'record', or from a 'from_size' to a 'to_size'.")
        }
    }

    private static func inclusion(
        of record: Event.ID, in checkpoint: Checkpoint, _ call: Call
    ) async throws -> Response {
        let store = call.api.store
        let position = try await stored { () throws(StoreError) in try await store.position(ofRecord: record) }
        // Whoever writes to the database may put a row before the first; no tree has it.
        guard let position, position >= 1 else { throw FleetError.notFound(.recordNotFound) }
        guard position <= checkpoint.treeSize else {
            throw FleetError(.recordNotCovered, "No checkpoint covers this record yet; one that does is made soon.")
        }
        let audit = call.api.audit
        let proof = try await stored { () throws(StoreError) in
            try await audit.inclusionProof(at: position, in: checkpoint.treeSize)
        }
        return try call.object { writer in
            writer.beginObject()
            writer.field("record_id", record.description)
            writer.field("leaf_index", proof.leafIndex)
            writer.field("leaf_hash", Data(proof.leafHash).base64EncodedString())
            writer.field("tree_size", checkpoint.treeSize)
            writer.field("root_hash", checkpoint.rootHash)
            write(proof.hashes, to: &writer)
            writer.endObject()
        }
    }

    private static func consistency(
        _ from: Int64, _ to: Int64, in checkpoint: Checkpoint, _ call: Call
    ) async throws -> Response {
        guard from <= to else {
            throw FleetError(.invalidParameter, "The parameter 'from_size' is larger than 'to_size'.")
        }
        guard to <= checkpoint.treeSize else {
            throw FleetError(.sizeInFuture, "The newest checkpoint covers no more than \(checkpoint.treeSize) records.")
        }
        let audit = call.api.audit
        let hashes = try await stored { () throws(StoreError) in try await audit.consistencyProof(from: from, to: to) }
        return try call.object { writer in
            writer.beginObject()
            writer.field("from_size", from)
            writer.field("to_size", to)
            write(hashes, to: &writer)
            writer.endObject()
        }
    }

    private static func write(_ hashes: [MerkleTree.Hash], to writer: inout JSONWriter) {
        writer.field("hashes", .array(hashes.map { .string(Data($0).base64EncodedString()) }))
    }

    private static func last(_ call: Call) async throws -> Checkpoint {
        guard call.principal.holdsEverywhere(.auditRead) else { throw FleetError.denied(.auditRead) }
        let store = call.api.store
        let last = try await stored { () throws(StoreError) in try await store.lastCheckpoint() }
        guard let last else { throw FleetError.notFound(.checkpointNotFound) }
        return last
    }
}
