package import Crypto
package import FleetDomain
import FleetService

/// The text form of an API key: `fleetkey_`, its id, `_` and 256 random bits, the last two in base64url.
///
/// It is 75 visible ASCII characters and has a fixed prefix, so that scanners find it where it does not belong:
/// `fleetkey_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{43}`. Printing a token shows its id only; ``text`` is the secret.
package struct APIKeyToken: Sendable {
    package static let prefix = "fleetkey_"
    private static let idLength = 22
    private static let secretLength = 43

    package let id: APIKey.ID
    private let secret: [UInt8]

    /// A new key. Without a `secret` it takes one from the system's generator.
    package init(id: APIKey.ID, secret: SymmetricKey = SymmetricKey(size: .bits256)) {
        precondition(secret.bitCount == 256, "an API key has 256 random bits")
        self.id = id
        self.secret = secret.withUnsafeBytes { Array($0) }
    }

    /// nil unless `text` has the form above, each part in its one canonical spelling.
    package init?(_ text: String) {
        let body = Array(text.utf8.dropFirst(Self.prefix.utf8.count))
        guard text.utf8.starts(with: Self.prefix.utf8), body.count == Self.idLength + 1 + Self.secretLength,
            body[Self.idLength] == UInt8(ascii: "_"),
            let id = Base64URL.decode(body.prefix(Self.idLength)),
            let secret = Base64URL.decode(body.suffix(Self.secretLength))
        else { return nil }
        self.id = APIKey.ID(raw: id.reduce(0) { $0 << 8 | UInt128($1) })
        self.secret = secret
    }

    /// What the caller presents: shown once, never stored or logged.
    package var text: String {
        let id = (0..<16).map { UInt8(truncatingIfNeeded: self.id.raw >> UInt128(120 - $0 * 8)) }
        return "\(Self.prefix)\(Base64URL.encode(id))_\(Base64URL.encode(secret))"
    }

    package var digest: CredentialDigest { CredentialDigest(of: Array(text.utf8)) }

    /// The digest of a key that an operator chose, such as `ADMIN_API_KEY`.
    ///
    /// nil unless it is 32 to 256 visible ASCII characters, and also when it would be taken for a JWT as bearer.
    package static func digest(ofArbitraryKey key: String) -> CredentialDigest? {
        let bytes = Array(key.utf8)
        guard (32...256).contains(bytes.count), BearerCredential.isVisible(bytes), !BearerCredential.isJWT(bytes)
        else { return nil }
        return CredentialDigest(of: bytes)
    }
}

extension APIKeyToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "\(Self.prefix)(\(id))" }

    package var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
