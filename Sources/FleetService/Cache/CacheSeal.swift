import Crypto
import FleetDomain

/// Says under which name something is kept in a shared cache, and seals it for this name.
///
/// Who can read the cache learns how much is kept and when, and neither of what nor what it says; who can write to it can
/// take away, and forge nothing: a value opens only under the name, the version and the secret that it was sealed with.
/// The name and the key are both made from the secret. A key serves one name alone, so that no key seals so much that two
/// nonces could meet.
package struct CacheSeal: Sendable {
    private static let label = Array("fleet-coordination/cache/v1".utf8)
    private static let nameLength = 18

    /// Has taken in the secret already: half of the work of an HMAC is its key.
    private let labelled: HMAC<SHA512>

    /// - Parameter secret: what all processes on the database share, and nobody else knows.
    package init(secret: [UInt8]) {
        let key = HMAC<SHA512>.authenticationCode(for: Self.label, using: SymmetricKey(data: secret))
        labelled = HMAC(key: SymmetricKey(data: Array(key)))
    }

    /// - Parameters:
    ///   - purpose: what is kept, and in which form; anything else is kept under other names.
    ///   - subject: of which it is kept.
    package func place(_ purpose: String, _ subject: String) -> Place {
        var code = labelled
        code.update(data: Array("\(purpose.utf8.count):\(purpose)\(subject)".utf8))
        let bytes = Array(code.finalize())
        return Place(
            name: Base64URL.encode(bytes.prefix(Self.nameLength)), key: SymmetricKey(data: bytes.suffix(32)))
    }

    /// Where one thing is kept.
    package struct Place: Sendable {
        package let name: String
        fileprivate let key: SymmetricKey

        package func seal(_ plain: [UInt8], version: Int64) -> CachedValue {
            guard
                let box = try? AES.GCM.seal(plain, using: key, authenticating: Array(version.padded.utf8)),
                let combined = box.combined
            else { preconditionFailure("AES-GCM seals any message with a key of 32 bytes") }
            return CachedValue(version: version, bytes: Array(combined))
        }

        /// nil for what was not sealed for this place and version.
        package func open(_ value: CachedValue) -> [UInt8]? {
            guard let box = try? AES.GCM.SealedBox(combined: value.bytes),
                let plain = try? AES.GCM.open(box, using: key, authenticating: Array(value.version.padded.utf8))
            else { return nil }
            return Array(plain)
        }
    }
}
