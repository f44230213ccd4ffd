import FleetJSON
import FleetService

/// A token in compact form (RFC 7515) that passed every check which needs no key.
///
/// JWTKit checks a signature and little of what surrounds it, so this gate is stricter than the standard asks: one
/// spelling for every token, no header member that could change what is verified or with which key, an algorithm from
/// the allow-list and a named key. The claims stay unread until the signature holds.
package struct JWTGate {
    package let keyID: String
    package let algorithm: SigningAlgorithm
    /// Header, dot and claims exactly as sent: what the signature covers.
    package let signedText: ArraySlice<UInt8>
    package let claims: [UInt8]
    package let signature: [UInt8]

    /// Members that name or carry a key, change the encoding, or must be understood (RFC 7515, 7516 and 7797).
    private static let refusedMembers = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc"]
    private static let types = ["jwt", "at+jwt", "application/at+jwt"]
    /// A header is flat; what an issuer adds for itself may be nested a little.
    private static let headerDepthMax = 4
    private static let keyIDBytesMax = 255

    package init(_ token: [UInt8]) throws(JWTRefusal) {
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else { throw .shape }
        guard let headerText = Base64URL.decode(parts[0]), let claims = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .encoding }
        guard let header = (try? JSON.parse(headerText, maxDepth: Self.headerDepthMax))?.objectValue else {
            throw .headerSyntax
        }
        guard Self.refusedMembers.allSatisfy({ header[$0] == nil }) else { throw .headerMember }
        guard Self.allows(type: header["typ"]) else { throw .type }
        guard let algorithm = header["alg"]?.stringValue.flatMap(SigningAlgorithm.init(rawValue:)) else {
            throw .algorithm
        }
        guard let keyID = header["kid"]?.stringValue, Self.isKeyID(keyID) else { throw .keyIDMissing }
        self.keyID = keyID
        self.algorithm = algorithm
        self.signedText = token[..<parts[1].endIndex]
        self.claims = claims
        self.signature = signature
    }

    /// A `kid` is visible ASCII here, so that two which look alike are alike as bytes.
    static func isKeyID(_ text: String) -> Bool {
        (1...keyIDBytesMax).contains(text.utf8.count) && BearerCredential.isVisible(text.utf8)
    }

    private static func allows(type: JSON?) -> Bool {
        guard let type else { return true }
        guard let text = type.stringValue, BearerCredential.isVisible(text.utf8) else { return false }
        return types.contains(text.lowercased())
    }
}
