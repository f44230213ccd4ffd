import FleetDomain
import FleetStore

/// The tree over the log as it is stored, in tiles of 256 hashes: appended to at its right edge, and read for proofs.
///
/// Its size is the cursor of who follows the log: what is kept is kept as one, so that it goes on from there.
struct AuditTiles: Sendable {
    private typealias Hash = MerkleTree.Hash

    private let store: Store
    private(set) var size: Int64
    /// The last of each level: never full.
    private var edge: [AuditTile] = []
    /// Those that have become full since they were kept.
    private var full: [AuditTile] = []

    private static let width = Int64(AuditTile.width)
    /// Of a tile, as a subtree.
    private static let height = AuditTile.width.trailingZeroBitCount

    /// Reads the right edge.
    init(_ store: Store) async throws(StoreError) {
        self.store = store
        size = try await store.auditTreeSize()
        var count = size
        repeat {
            var tile = AuditTile(level: edge.count, number: count / Self.width)
            let length = Int(count % Self.width) * AuditTile.hashLength
            if length > 0 {
                let kept = try await store.auditTile(level: tile.level, number: tile.number)
                guard let kept, kept.hashes.count >= length else { throw Self.damage(tile.level, tile.number) }
                tile.hashes = Array(kept.hashes.prefix(length))
            }
            edge.append(tile)
            count /= Self.width
        } while count > 0
    }

    /// What is missing of tiles that should be there.
    private static func damage(_ level: Int, _ number: Int64) -> StoreError {
        .corrupt("the tile \(number) of level \(level) of the audit log's tree")
    }

    /// How much of it is not kept yet.
    var unkept: Int { full.count }

    /// - Parameter hash: of the next leaf.
    mutating func append(_ hash: MerkleTree.Hash) {
        size += 1
        append(hash, level: 0)
    }

    private mutating func append(_ hash: Hash, level: Int) {
        if level == edge.count { edge.append(AuditTile(level: level, number: 0)) }
        edge[level].hashes += hash
        guard edge[level].count == AuditTile.width else { return }
        let tile = edge[level]
        full.append(tile)
        edge[level] = AuditTile(level: level, number: tile.number + 1)
        append(Self.root(of: tile, 0..<tile.count), level: level + 1)
    }

    /// Makes durable what was appended, as one.
    ///
    /// - Parameter epoch: of the election that it is done for.
    mutating func keep(epoch: Int64) async throws(StoreError) {
        try await store.keep(full + edge.filter { $0.count > 0 }, epoch: epoch)
        full = []
    }

    // MARK: Reading

    /// The roots of ranges of leaves that have been kept.
    func roots(of ranges: [Range<Int64>]) async throws(StoreError) -> [MerkleTree.Hash] {
        var tiles: [Place: AuditTile] = [:]
        var roots: [Hash] = []
        for range in ranges {
            var parts: [Hash] = []
            for subtree in MerkleTree.subtrees(of: range) { parts.append(try await root(of: subtree, &tiles)) }
            roots.append(MerkleTree.root(of: parts))
        }
        return roots
    }

    private struct Place: Hashable {
        let level: Int
        let number: Int64
    }

    private func root(
        of subtree: MerkleTree.Subtree, _ tiles: inout [Place: AuditTile]
    ) async throws(StoreError) -> Hash {
        let (level, height) = subtree.height.quotientAndRemainder(dividingBy: Self.height)
        let first = subtree.index << Int64(height)
        let place = Place(level: level, number: first / Self.width)
        let found =
            if let tile = tiles[place] { tile } else {
                try await store.auditTile(level: level, number: place.number)
            }
        let start = Int(first % Self.width)
        guard let found, found.count >= start + 1 << height else { throw Self.damage(level, place.number) }
        tiles[place] = found
        return Self.root(of: found, start..<start + 1 << height)
    }

    private static func root(of tile: AuditTile, _ range: Range<Int>) -> Hash {
        var frontier = MerkleTree.Frontier()
        for index in range { frontier.append(tile[index]) }
        return frontier.root
    }
}
