import Crypto
import FleetService
import FleetTestSupport
import Testing

@Suite("The Merkle tree")
struct MerkleTreeTests {
    /// The leaves and roots that implementations of Certificate Transparency are tested with.
    private static let leaves = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    private static let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    /// Larger than any proof of interest has corners: several powers of two, and what lies between.
    private static let sizeMax = Effort.isThorough ? 70 : 36

    private static let hashes = (0..<sizeMax).map { MerkleTree.hash(leaf: [UInt8($0)]) }

    @Test("Its roots are those of RFC 6962")
    func knownAnswers() {
        var frontier = MerkleTree.Frontier()
        #expect(hexadecimal(frontier.root) == Self.roots[0])
        for (leaf, root) in zip(Self.leaves, Self.roots.dropFirst()) {
            frontier.append(MerkleTree.hash(leaf: bytes(leaf)))
            #expect(hexadecimal(frontier.root) == root)
        }
    }

    @Test("Appending one by one gives the root that the definition gives")
    func frontier() {
        var frontier = MerkleTree.Frontier()
        for size in 0...Self.sizeMax {
            #expect(frontier.size == Int64(size) && frontier.root == Definition.root(Self.hashes[..<size]))
            if size < Self.sizeMax { frontier.append(Self.hashes[size]) }
        }
    }

    @Test("Every leaf has the proof of the definition, and no other leaf, place, size or root is proved by it")
    func inclusion() {
        for size in 1...Self.sizeMax {
            let leaves = Self.hashes[..<size]
            let root = Definition.root(leaves)
            for index in 0..<size {
                let proof = MerkleTree.inclusionProof(of: Int64(index), in: Int64(size)).map { roots(of: $0) }
                #expect(proof == Definition.path(index, leaves))
                func verifies(
                    _ proof: [MerkleTree.Hash], leaf: MerkleTree.Hash = Self.hashes[index], at place: Int = index,
                    size: Int = size, root: MerkleTree.Hash = root
                ) -> Bool {
                    MerkleTree.verifies(proof, leaf: leaf, at: Int64(place), size: Int64(size), root: root)
                }
                #expect(verifies(proof))
                #expect(!verifies(proof, leaf: MerkleTree.hash(leaf: [255])))
                #expect(!verifies(proof, root: MerkleTree.hash(leaf: [255])))
                #expect(!verifies(proof, at: size) && !verifies(proof, at: -1))
                if size > 1 { #expect(!verifies(proof, at: (index + 1) % size)) }
                #expect(!verifies(proof + [root]) && (proof.isEmpty || !verifies(Array(proof.dropLast()))))
                for broken in proof.indices {
                    var other = proof
                    other[broken][0] ^= 1
                    #expect(!verifies(other))
                }
            }
        }
    }

    @Test("Every tree has the proof of the definition that it continues each earlier one, and none that it does not")
    func consistency() {
        let other = MerkleTree.hash(leaf: [255])
        for new in 1...Self.sizeMax {
            for old in 1...new {
                let proof = MerkleTree.consistencyProof(from: Int64(old), to: Int64(new)).map { roots(of: $0) }
                #expect(proof == Definition.proof(old, Self.hashes[..<new]))
                let (before, after) = (Definition.root(Self.hashes[..<old]), Definition.root(Self.hashes[..<new]))
                func verifies(_ proof: [MerkleTree.Hash], _ before: MerkleTree.Hash, _ after: MerkleTree.Hash) -> Bool {
                    MerkleTree.verifies(proof, from: (Int64(old), before), to: (Int64(new), after))
                }
                #expect(verifies(proof, before, after))
                #expect(!verifies(proof, other, after) && !verifies(proof, before, other))
                #expect(!verifies(proof + [other], before, after))
                for broken in proof.indices {
                    var changed = proof
                    changed[broken][0] ^= 1
                    #expect(!verifies(changed, before, after))
                }
            }
        }
        #expect(!MerkleTree.verifies([], from: (2, other), to: (1, other)))
        #expect(!MerkleTree.verifies([], from: (0, other), to: (1, other)))
    }

    private func roots(of range: Range<Int64>) -> MerkleTree.Hash {
        MerkleTree.root(
            of: MerkleTree.subtrees(of: range).map { subtree in
                let start = Int(subtree.index) << subtree.height
                return Definition.root(Self.hashes[start..<start + 1 << subtree.height])
            })
    }
}

/// The functions of RFC 6962, section 2.1, as they are written there, over hashes of leaves.
enum Definition {
    typealias Hash = MerkleTree.Hash

    static func root(_ leaves: ArraySlice<Hash>) -> Hash {
        switch leaves.count {
        case 0: Array(SHA256.hash(data: [UInt8]()))
        case 1: leaves[leaves.startIndex]
        default:
            Array(
                SHA256.hash(
                    data: [1] + root(leaves.prefix(split(leaves.count))) + root(leaves.dropFirst(split(leaves.count)))))
        }
    }

    static func path(_ index: Int, _ leaves: ArraySlice<Hash>) -> [Hash] {
        guard leaves.count > 1 else { return [] }
        let (left, right) = (leaves.prefix(split(leaves.count)), leaves.dropFirst(split(leaves.count)))
        return index < left.count
            ? path(index, left) + [root(right)] : path(index - left.count, right) + [root(left)]
    }

    static func proof(_ old: Int, _ leaves: ArraySlice<Hash>) -> [Hash] { subproof(old, leaves, true) }

    private static func subproof(_ old: Int, _ leaves: ArraySlice<Hash>, _ isWhole: Bool) -> [Hash] {
        guard old < leaves.count else { return isWhole ? [] : [root(leaves)] }
        let (left, right) = (leaves.prefix(split(leaves.count)), leaves.dropFirst(split(leaves.count)))
        return old <= left.count
            ? subproof(old, left, isWhole) + [root(right)] : subproof(old - left.count, right, false) + [root(left)]
    }

    /// The largest power of two below.
    private static func split(_ count: Int) -> Int {
        var power = 1
        while power * 2 < count { power *= 2 }
        return power
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}

private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}
