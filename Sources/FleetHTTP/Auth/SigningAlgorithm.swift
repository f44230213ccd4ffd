/// The signatures that a token may have: the allow-list. `none`, HMAC and everything else have no case.
package enum SigningAlgorithm: String, Sendable, CaseIterable {
    case es256 = "ES256"
    case es384 = "ES384"
    case rs256 = "RS256"
    case ps256 = "PS256"
    case edDSA = "EdDSA"
}
