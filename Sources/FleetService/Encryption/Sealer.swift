import Crypto
package import FleetDomain
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

extension Sealer {
    private static let positionPurpose = "position"
    /// No log gets there, and what is added to a position does not overflow.
    private static let positionMax = Int64.max / 2

    /// A position as `reader` may see it: the number for those who see the whole log, else a token, because
    /// numbers would count what others do.
    package func text(of position: Int64, for reader: Principal) -> String {
        reader.holdsEverywhere(.eventRead)
            ? String(position) : seal(position.padded + scope(of: reader), for: Self.positionPurpose)
    }

    /// For whom a position is good: whoever acts for the same, by whatever credential.
    private func scope(of reader: Principal) -> String {
        let scope = reader.fleets.map(\.description).sorted() + reader.federations.map(\.description).sorted()
        let digest = SHA256.hash(data: Array(scope.joined(separator: "\n").utf8))
        return Base64URL.encode(Array(digest.prefix(9)))
    }

    /// - Throws: `invalid_position`, `position_of_another`.
    package func position(_ text: String, for reader: Principal) throws(FleetError) -> Int64 {
        let isNumber = reader.holdsEverywhere(.eventRead)
        let plain = isNumber ? text : open(text, for: Self.positionPurpose)
        guard let position = plain.flatMap({ wholeNumber(String($0.prefix(19))) }), position <= Self.positionMax,
            plain?.utf8.count ?? 0 <= 19 || !isNumber
        else { throw FleetError(.invalidPosition, "This is not a position that you were given.") }
        guard isNumber || plain?.dropFirst(19) ?? "" == scope(of: reader) else {
            throw FleetError(.positionOfAnother, "This position was given to one who acts for others than you do.")
        }
        return position
    }
}
