package import FleetDomain
package import FleetStore
import Foundation
package import Logging
import ServiceLifecycle

/// Follows the log behind the writer: hashes its records into the tree, and signs what the tree has become about once a
/// second while anything is logged, and at the stop.
///
/// It is a sink of the log: whatever it was doing when it was killed, it goes on from what was kept.
package final class AuditTree: Service {
    /// How often it looks: how long a record stands without a checkpoint that covers it.
    private static let interval = Duration.seconds(1)
    /// Records that are read in one go: few enough that large messages among them stay small in memory.
    private static let sliceLength = 256
    /// Full tiles that are kept in one commit: enough to make commits rare, few enough to hold up nobody.
    private static let keptMax = 64

    package let signer: CheckpointSigner
    private let store: Store
    private let orchestrator: FederationOrchestrator
    private let logger: Logger

    package init(store: Store, orchestrator: FederationOrchestrator, signer: CheckpointSigner, logger: Logger) {
        self.store = store
        self.orchestrator = orchestrator
        self.signer = signer
        self.logger = logger
    }

    package func run() async throws {
        var (seen, failure): (Int64?, String?) = (nil, nil)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let position = orchestrator.committed.position
            // Where nothing was logged there is nothing to look at.
            if orchestrator.isReady, position != seen, await isDone(&failure) { seen = position }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.interval) }
        }
        guard !Task.isCancelled else { return }
        // What else would come after the last checkpoint.
        await orchestrator.flushCrossings()
        _ = await isDone(&failure)
    }

    /// - Parameter failure: why the last could not be made; it is logged once, not once a second.
    private func isDone(_ failure: inout String?) async -> Bool {
        do {
            try await makeCheckpoint()
            failure = nil
            return true
        } catch {
            if failure != "\(error)" {
                logger.error("no checkpoint of the audit log could be made", metadata: ["error": "\(error)"])
            }
            failure = "\(error)"
            return false
        }
    }

    /// Hashes what was logged, signs it, and records the checkpoint.
    ///
    /// - Returns: nil when nothing but checkpoints was logged since the last.
    @discardableResult
    package func makeCheckpoint() async throws -> Checkpoint? {
        let last = try await store.lastCheckpoint()
        guard try await store.isCheckpointDue(after: last?.treeSize ?? 0) else { return nil }
        var tiles = try await AuditTiles(store)
        try await follow(&tiles)
        if let last { try await check(last, in: tiles) }
        let size = tiles.size
        let root = try await tiles.roots(of: [0..<size])[0]
        let note = try signer.note(treeSize: size, rootHash: root)
        let command = Command(
            operation: "audit.checkpoint", principal: Principal(subject: Event.clock, roles: []), requestID: Event.clock
        ) { (ledger, context) throws(FleetError) in
            let text = Data(root).base64EncodedString()
            return Decision(ledger.record(treeSize: size, rootHash: text, note: note.text, &context))
        }
        guard case .decided(let decision, _) = try await orchestrator.submit(command),
            case .checkpoint(let checkpoint)? = decision.entity
        else { preconditionFailure("a command without a key is decided") }
        return checkpoint
    }

    private func follow(_ tiles: inout AuditTiles) async throws {
        while true {
            let leaves = try await store.auditLeaves(after: tiles.size, limit: Self.sliceLength)
            for leaf in leaves {
                guard leaf.position == tiles.size + 1 else {
                    throw StoreError.corrupt("the log has no event \(tiles.size + 1)")
                }
                tiles.append(MerkleTree.hash(leaf: leaf.bytes))
            }
            let isEnd = leaves.count < Self.sliceLength
            if isEnd || tiles.unkept >= Self.keptMax { try await tiles.keep(epoch: orchestrator.epoch) }
            if isEnd { return }
        }
    }

    /// Nothing is signed that contradicts what was signed before.
    private func check(_ last: Checkpoint, in tiles: AuditTiles) async throws {
        let root = last.treeSize <= tiles.size ? try await tiles.roots(of: [0..<last.treeSize])[0] : []
        guard Data(root).base64EncodedString() == last.rootHash else {
            throw StoreError.corrupt("the audit log's tree is not what the checkpoint of \(last.treeSize) records says")
        }
    }

    // MARK: Proofs

    /// That a record is in the tree of a checkpoint.
    package struct InclusionProof: Sendable {
        package let leafIndex: Int64
        package let leafHash: MerkleTree.Hash
        package let hashes: [MerkleTree.Hash]
    }

    /// - Precondition: the position is covered by a checkpoint of this size.
    package func inclusionProof(at position: Int64, in size: Int64) async throws(StoreError) -> InclusionProof {
        let index = position - 1
        let ranges = MerkleTree.inclusionProof(of: index, in: size)
        let hashes = try await AuditTiles(store).roots(of: [index..<position] + ranges)
        return InclusionProof(leafIndex: index, leafHash: hashes[0], hashes: Array(hashes.dropFirst()))
    }

    /// - Precondition: a checkpoint covers the larger size, and the smaller is not 0.
    package func consistencyProof(from old: Int64, to new: Int64) async throws(StoreError) -> [MerkleTree.Hash] {
        try await AuditTiles(store).roots(of: MerkleTree.consistencyProof(from: old, to: new))
    }
}
