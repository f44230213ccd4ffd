import Crypto

/// The Merkle tree of RFC 6962, section 2.1: hashes, proofs and their verification, of whatever leaves.
package enum MerkleTree {
    /// 32 bytes of SHA-256.
    package typealias Hash = [UInt8]

    /// The root of no leaves.
    package static let empty: Hash = Array(SHA256.hash(data: [UInt8]()))

    package static func hash(leaf bytes: [UInt8]) -> Hash {
        var hasher = SHA256()
        hasher.update(data: [0])
        hasher.update(data: bytes)
        return Array(hasher.finalize())
    }

    package static func hash(_ left: Hash, _ right: Hash) -> Hash {
        var hasher = SHA256()
        hasher.update(data: [1])
        hasher.update(data: left)
        hasher.update(data: right)
        return Array(hasher.finalize())
    }

    /// A full part of the tree: the 2^height leaves from index · 2^height on. Once full it never changes.
    package struct Subtree: Hashable, Sendable {
        package let height: Int
        package let index: Int64
    }

    /// The full parts that a range consists of, from left to right: the largest first.
    ///
    /// - Parameter range: begins where a tree of its length begins, as those of proofs do.
    package static func subtrees(of range: Range<Int64>) -> [Subtree] {
        var subtrees: [Subtree] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let height = Int64.bitWidth - 1 - (range.upperBound - start).leadingZeroBitCount
            subtrees.append(Subtree(height: height, index: start >> Int64(height)))
            start += 1 << Int64(height)
        }
        return subtrees
    }

    /// The root of what consists of these.
    package static func root(of subtrees: [Hash]) -> Hash {
        guard let last = subtrees.last else { return empty }
        return subtrees.dropLast().reversed().reduce(last) { hash($1, $0) }
    }
}

// MARK: - Proofs

/// A proof is the roots of ranges of leaves: which ones follows from the sizes alone.
extension MerkleTree {
    /// The ranges that prove a leaf to be in the tree (2.1.1), from the leaf up.
    ///
    /// - Precondition: the leaf is in the tree.
    package static func inclusionProof(of leaf: Int64, in size: Int64) -> [Range<Int64>] {
        precondition((0..<size).contains(leaf), "what is not in the tree has no proof")
        var (range, proof) = (0..<size, [Range<Int64>]())
        while range.count > 1 {
            let (left, right) = halves(of: range)
            proof.append(left.contains(leaf) ? right : left)
            range = left.contains(leaf) ? left : right
        }
        return proof.reversed()
    }

    /// The ranges that prove that a tree continues an earlier one (2.1.2), from below up; none where both are as large.
    ///
    /// - Precondition: the earlier one is neither empty nor larger.
    package static func consistencyProof(from old: Int64, to new: Int64) -> [Range<Int64>] {
        precondition((1...new).contains(old), "a tree continues one that is no larger")
        var (range, proof) = (0..<new, [Range<Int64>]())
        // Whether the old tree, as far as it lies in the range, is one whose root is known.
        var isOld = true
        while range.upperBound > old {
            let (left, right) = halves(of: range)
            if old <= left.upperBound {
                proof.append(right)
                range = left
            } else {
                proof.append(left)
                range = right
                isOld = false
            }
        }
        if !isOld { proof.append(range) }
        return proof.reversed()
    }

    private static func halves(of range: Range<Int64>) -> (left: Range<Int64>, right: Range<Int64>) {
        let largest = Int64.bitWidth - 1 - (Int64(range.count) - 1).leadingZeroBitCount
        let middle = range.lowerBound + 1 << Int64(largest)
        return (range.lowerBound..<middle, middle..<range.upperBound)
    }

    /// Whether the proof shows that the leaf is in the tree with this root.
    package static func verifies(_ proof: [Hash], leaf: Hash, at index: Int64, size: Int64, root: Hash) -> Bool {
        guard (0..<size).contains(index) else { return false }
        let ranges = inclusionProof(of: index, in: size)
        guard ranges.count == proof.count else { return false }
        let computed = zip(ranges, proof).reduce(leaf) { below, next in
            next.0.lowerBound > index ? hash(below, next.1) : hash(next.1, below)
        }
        return computed == root
    }

    /// Whether the proof shows that the tree with the new root continues the one with the old.
    package static func verifies(
        _ proof: [Hash], from old: (size: Int64, root: Hash), to new: (size: Int64, root: Hash)
    )
        -> Bool
    {
        guard old.size > 0, old.size <= new.size else { return false }
        let ranges = consistencyProof(from: old.size, to: new.size)
        guard ranges.count == proof.count else { return false }
        var parts = Array(zip(ranges, proof))
        // What both have in common at the bottom: in the proof, unless it is the old tree itself.
        let isWhole = parts.first.map { $0.0.upperBound != old.size } ?? true
        let first = isWhole ? old.root : parts.removeFirst().1
        var (oldRoot, newRoot) = (first, first)
        for (range, part) in parts {
            if range.lowerBound < old.size {
                oldRoot = hash(part, oldRoot)
                newRoot = hash(part, newRoot)
            } else {
                newRoot = hash(newRoot, part)
            }
        }
        return oldRoot == old.root && newRoot == new.root
    }
}

// MARK: - Appending

extension MerkleTree {
    /// A tree to which leaves are appended: of each full part the root alone, one for each bit of the size.
    package struct Frontier: Sendable {
        package private(set) var size: Int64 = 0
        private var subtrees: [Hash] = []

        package init() {}

        /// - Parameter hash: of the leaf.
        package mutating func append(_ hash: Hash) {
            var hash = hash
            for _ in 0..<size.trailingOneBitCount {
                hash = MerkleTree.hash(subtrees.removeLast(), hash)
            }
            subtrees.append(hash)
            size += 1
        }

        package var root: Hash { MerkleTree.root(of: subtrees) }
    }
}

extension Int64 {
    fileprivate var trailingOneBitCount: Int { (~self).trailingZeroBitCount }
}
