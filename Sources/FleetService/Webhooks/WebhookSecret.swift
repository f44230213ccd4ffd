import Crypto
import Foundation

/// What signs the pushes to a webhook, as Standard Webhooks has it: a secret that the receiver shares, for `v1`, and a key
/// pair of which it has the public half, for `v1a`.
package struct WebhookSecret: Sendable {
    private static let length = 32

    private let shared: [UInt8]
    private let seed: [UInt8]
    private let signing: Curve25519.Signing.PrivateKey

    package static func make() -> WebhookSecret {
        let key = Curve25519.Signing.PrivateKey()
        let shared = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        return WebhookSecret(shared: shared, seed: Array(key.rawRepresentation), signing: key)
    }

    private init(shared: [UInt8], seed: [UInt8], signing: Curve25519.Signing.PrivateKey) {
        self.shared = shared
        self.seed = seed
        self.signing = signing
    }

    /// Reads what `material` wrote.
    init?(material: String) {
        guard let bytes = Data(base64Encoded: material), bytes.count == 2 * Self.length,
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.suffix(Self.length))
        else { return nil }
        self.init(
            shared: Array(bytes.prefix(Self.length)), seed: Array(bytes.suffix(Self.length)), signing: key)
    }

    /// All of it, to be sealed.
    package var material: String { Data(shared + seed).base64EncodedString() }

    /// What the receiver is given once.
    package var text: String { "whsec_" + Data(shared).base64EncodedString() }

    package var publicKey: String { "whpk_" + signing.publicKey.rawRepresentation.base64EncodedString() }

    /// Both signatures over `id.timestamp.body`, as they stand in `webhook-signature`.
    func signatures(of content: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: shared))
        let symmetric = "v1," + Data(code).base64EncodedString()
        guard let signature = try? signing.signature(for: content) else { return symmetric }
        return symmetric + " v1a," + signature.base64EncodedString()
    }
}
