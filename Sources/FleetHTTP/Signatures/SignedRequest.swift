import Crypto
import FleetDomain
import FleetService
import Foundation
import HTTPTypes

/// The signature that a source gave its message (RFC 9421 over `@method`, `@path` and `content-digest`), verified.
struct SignedRequest {
    let signature: MessageSignature
    /// Used once: who repeats the request is no second sender.
    let nonce: String

    /// Seconds that the clocks of a source and of the service may be apart, and a request under way.
    private static let createdTolerance: Int64 = 300
    private static let components: Set = ["@method", "@path", "content-digest"]

    /// Verifies the signature of a request, if it carries one.
    ///
    /// - Parameter key: of the source; nil when it has none.
    /// - Returns: nil for a request without a signature.
    /// - Throws: `invalid_header`, `signing_key_unknown`, `signature_expired`, `signature_invalid`.
    static func verify(_ call: Call, body: [UInt8], key: SigningKey?) throws(FleetError) -> SignedRequest? {
        let headers = call.request.headers
        guard let inputText = headers[.signatureInput] else {
            guard headers[.signature] == nil else {
                throw FleetError(.invalidHeader, "A Signature needs its Signature-Input.")
            }
            return nil
        }
        let input = try SignatureInput(inputText)
        guard let key, key.id == input.keyID else {
            throw FleetError(.signingKeyUnknown, "The source has no signing key of this keyid.")
        }
        let now = call.api.environment.now().milliseconds / 1000
        guard abs(now - input.created) <= createdTolerance, input.expires.map({ $0 > now }) ?? true else {
            throw FleetError(.signatureExpired, "The signature was not made within \(createdTolerance) s of now.")
        }
        guard Set(input.components) == components, input.components.count == components.count else {
            throw FleetError(.signatureInvalid, "Signed are \"@method\", \"@path\" and \"content-digest\", each once.")
        }
        guard let digest = headers[.contentDigest], isDigest(digest, of: body) else {
            throw FleetError(.signatureInvalid, "Content-Digest is not the SHA-256 of this body.")
        }
        let values = ["@method": call.request.method.rawValue, "@path": call.path, "content-digest": digest]
        let lines = input.components.map { "\"\($0)\": \(values[$0] ?? "")" }
        let base = (lines + ["\"@signature-params\": \(input.text)"]).joined(separator: "\n")
        guard let value = headers[.signature].flatMap({ binary($0, named: input.label) }),
            let publicKey = Base64URL.decode(Array(key.publicKey.utf8)),
            let verifier = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey),
            verifier.isValidSignature(value, for: Array(base.utf8))
        else { throw FleetError(.signatureInvalid, "The signature is not that of the source's key over this request.") }
        return SignedRequest(
            signature: MessageSignature(key: key, base: base, value: Data(value).base64EncodedString()),
            nonce: input.nonce)
    }

    /// Whether a `Content-Digest` (RFC 9530) is the SHA-256 of `body`, and no other.
    private static func isDigest(_ header: String, of body: [UInt8]) -> Bool {
        binary(header, named: "sha-256") == Array(SHA256.hash(data: body))
    }

    /// The byte sequence of a dictionary that has this one member.
    private static func binary(_ header: String, named name: String) -> [UInt8]? {
        guard header.hasPrefix(name + "=:"), header.hasSuffix(":"), header.utf8.count > name.utf8.count + 3 else {
            return nil
        }
        return Data(base64Encoded: String(header.dropFirst(name.count + 2).dropLast())).map(Array.init)
    }
}

extension SigningKey {
    /// Reads an Ed25519 public key of 32 bytes, in base64 of either alphabet; nil for anything else.
    init?(_ text: String, isRequired: Bool) {
        guard let bytes = Base64URL.decode(anyAlphabet: text), bytes.count == 32,
            (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)) != nil
        else { return nil }
        // Two keys of one id would take a collision in half a SHA-256.
        let id = Base64URL.encode(Array(SHA256.hash(data: bytes).prefix(16)))
        self.init(id: id, publicKey: Base64URL.encode(bytes), isRequired: isRequired)
    }
}

extension HTTPField.Name {
    fileprivate static let signatureInput = named("Signature-Input")
    fileprivate static let signature = named("Signature")
    fileprivate static let contentDigest = named("Content-Digest")
}
