import Crypto

/// The key that wraps the data keys. It is kept apart from them, and never sees what they seal.
package struct KeyEncryptionKey: Sendable {
    private let key: SymmetricKey

    package static func make() -> KeyEncryptionKey { KeyEncryptionKey(key: SymmetricKey(size: .bits256)) }

    private init(key: SymmetricKey) { self.key = key }

    /// Reads 32 bytes in base64, of either alphabet and with or without padding; nil for anything else.
    package init?(_ text: String) {
        let trimmed = String(decoding: text.utf8.filter { !isSpace($0) }, as: UTF8.self)
        guard let bytes = Base64URL.decode(anyAlphabet: trimmed), bytes.count == 32 else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// What `init` reads.
    package var text: String { key.withUnsafeBytes { Base64URL.encode(Array($0)) } }

    func wrap(_ bytes: [UInt8], as name: String) -> [UInt8] {
        guard let box = try? AES.GCM.seal(bytes, using: key, authenticating: Array(name.utf8)),
            let combined = box.combined
        else { preconditionFailure("AES-GCM seals any message with a key of 32 bytes") }
        return Array(combined)
    }

    /// nil when it was wrapped by another key, or under another name.
    func unwrap(_ bytes: [UInt8], as name: String) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: bytes),
            let plain = try? AES.GCM.open(box, using: key, authenticating: Array(name.utf8))
        else { return nil }
        return Array(plain)
    }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
