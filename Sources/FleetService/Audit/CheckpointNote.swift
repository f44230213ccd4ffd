import Crypto
import Foundation

/// A checkpoint as text that standard tools check: a signed note of C2SP (`signed-note`, `tlog-checkpoint`).
///
///     <origin>
///     <tree size>
///     <root hash in base64>
///
///     — <origin> <the key's hash and the signature in base64>
package struct CheckpointNote: Sendable, Equatable {
    /// Names the log, and the key that signs.
    package let origin: String
    package let treeSize: Int64
    package let rootHash: MerkleTree.Hash
    /// The whole text.
    package let text: String
    private let signatures: [Signature]

    private struct Signature: Equatable {
        let name: String
        let keyHash: [UInt8]
        let bytes: [UInt8]
    }

    fileprivate static let keyHashLength = 4
    /// Before each signature.
    private static let mark = "\u{2014} "

    /// Signs the state of a log.
    init(origin: String, treeSize: Int64, rootHash: MerkleTree.Hash, key: Curve25519.Signing.PrivateKey) throws {
        let body = "\(origin)\n\(treeSize)\n\(Data(rootHash).base64EncodedString())\n"
        let hash = CheckpointKey(key.publicKey).hash(named: origin)
        let signature = Signature(name: origin, keyHash: hash, bytes: Array(try key.signature(for: Data(body.utf8))))
        self.origin = origin
        self.treeSize = treeSize
        self.rootHash = rootHash
        text = body + "\n\(Self.mark)\(origin) \(Data(hash + signature.bytes).base64EncodedString())\n"
        signatures = [signature]
    }

    /// Reads a note; nil when it is none. Whether it is signed is another question.
    package init?(_ text: String) {
        guard let gap = text.range(of: "\n\n", options: .backwards) else { return nil }
        let lines = text[..<gap.lowerBound].components(separatedBy: "\n")
        // Lines behind the first three may say more; we write none.
        guard lines.count >= 3, !lines[0].isEmpty, let size = Int64(lines[1]), size >= 0, String(size) == lines[1],
            let root = Data(base64Encoded: lines[2]), root.count == SHA256.byteCount
        else { return nil }
        var signatures: [Signature] = []
        for line in text[gap.upperBound...].components(separatedBy: "\n") where !line.isEmpty {
            guard line.hasPrefix(Self.mark) else { return nil }
            let words = line.dropFirst(Self.mark.count).components(separatedBy: " ")
            guard words.count == 2, let bytes = Data(base64Encoded: words[1]), bytes.count > Self.keyHashLength else {
                return nil
            }
            signatures.append(
                Signature(
                    name: words[0], keyHash: Array(bytes.prefix(Self.keyHashLength)),
                    bytes: Array(bytes.dropFirst(Self.keyHashLength))))
        }
        origin = lines[0]
        treeSize = size
        rootHash = Array(root)
        self.text = text
        self.signatures = signatures
    }

    /// Whether the key of this log has signed it.
    package func isSigned(by key: CheckpointKey) -> Bool {
        guard let gap = text.range(of: "\n\n", options: .backwards) else { return false }
        let body = Data(text[...gap.lowerBound].utf8)
        return signatures.contains { signature in
            signature.name == origin && signature.keyHash == key.hash(named: origin)
                && key.signed(body, signature.bytes)
        }
    }
}

/// Checks the signatures of checkpoints.
package struct CheckpointKey: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// Of Ed25519 among the algorithms of signed notes.
    private static let algorithm: UInt8 = 1

    fileprivate init(_ key: Curve25519.Signing.PublicKey) { self.key = key }

    /// Reads 32 bytes in base64; nil for anything else.
    package init?(_ text: String) {
        guard let bytes = Base64URL.decode(anyAlphabet: text),
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return nil }
        self.key = key
    }

    /// What `init` reads.
    package var text: String { key.rawRepresentation.base64EncodedString() }

    fileprivate func signed(_ body: Data, _ signature: [UInt8]) -> Bool { key.isValidSignature(signature, for: body) }

    /// What a note tells the key by, under the name of whom it signs for.
    fileprivate func hash(named name: String) -> [UInt8] {
        let named = Array(name.utf8) + [UInt8(ascii: "\n"), Self.algorithm] + key.rawRepresentation
        return Array(SHA256.hash(data: named).prefix(CheckpointNote.keyHashLength))
    }
}

/// Signs the checkpoints of one log.
package struct CheckpointSigner: Sendable {
    private let origin: String
    private let key: Curve25519.Signing.PrivateKey

    init(origin: String, key: Curve25519.Signing.PrivateKey) {
        self.origin = origin
        self.key = key
    }

    /// Checks what it signs.
    package var publicKey: CheckpointKey { CheckpointKey(key.publicKey) }

    func note(treeSize: Int64, rootHash: MerkleTree.Hash) throws -> CheckpointNote {
        try CheckpointNote(origin: origin, treeSize: treeSize, rootHash: rootHash, key: key)
    }

    /// What names the log whose keys have this identity: no two have the same.
    package static func origin(of identity: [UInt8]) -> String {
        "fleet-coordination/" + identity.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
