import Crypto
package import FleetDomain
import Synchronization

/// Principals are logged under a hash with a key of this process, so that a log names nobody.
package final class CallerHash: Sendable {
    /// Callers whose hash is remembered: more are forgotten together and hashed again.
    private static let remembered = 10_000

    private let key = SymmetricKey(size: .bits256)
    private let known = Mutex<[String: String]>([:])

    package init() {}

    package func text(of principal: Principal) -> String {
        if let hash = known.withLock({ $0[principal.subject] }) { return hash }
        let hash = HMAC<SHA256>.authenticationCode(for: Array(principal.subject.utf8), using: key).prefix(8)
            .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        known.withLock { known in
            if known.count >= Self.remembered { known.removeAll() }
            known[principal.subject] = hash
        }
        return hash
    }
}
