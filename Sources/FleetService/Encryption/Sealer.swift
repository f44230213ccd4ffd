import Crypto
import Foundation

/// Seals what a caller carries for us and must neither read nor forge: positions of the log and places in lists.
///
/// AES-256-GCM with a random nonce; the purpose is authenticated with it, so that a token works only where it was
/// given out.
package struct Sealer: Sendable {
    private let key: SymmetricKey

    /// - Parameter key: 32 random bytes that all processes on the database share.
    package init(key: [UInt8]) { self.key = SymmetricKey(data: key) }

    package static func makeKey() -> [UInt8] {
        SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    }

    package func seal(_ text: String, for purpose: String) -> String {
        guard
            let box = try? AES.GCM.seal(Array(text.utf8), using: key, authenticating: Array(purpose.utf8)),
            let combined = box.combined
        else { preconditionFailure("AES-GCM seals any message with a key of 32 bytes") }
        return Base64URL.encode(combined)
    }

    /// nil when the token is not one of ours for this purpose.
    package func open(_ token: String, for purpose: String) -> String? {
        guard token.utf8.count <= 1024, let combined = Base64URL.decode(Array(token.utf8)),
            let box = try? AES.GCM.SealedBox(combined: combined),
            let plain = try? AES.GCM.open(box, using: key, authenticating: Array(purpose.utf8))
        else { return nil }
        return String(decoding: plain, as: UTF8.self)
    }
}
