import Crypto
import FleetJSON
import FleetService
import JWTKit

/// A public key that checks signatures of one algorithm.
///
/// It is used by itself, never through a collection of JWTKit: those fall back to a default key.
package struct VerificationKey: Sendable {
    package let id: String
    package let algorithm: SigningAlgorithm
    private let verifier: any JWTAlgorithm

    /// RFC 7518 asks for 2048 bits; above 8192 a check takes long enough to be abused.
    private static let rsaBits = 2048...8192
    /// The private parts of RSA and curve keys, and the value of a symmetric one.
    private static let secretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// - Throws: a ``JWKSError`` that names the key.
    init(id: String, jwk: JSONObject) async throws(JWKSError) {
        func refuse(_ reason: String) -> JWKSError { JWKSError("the key \"\(id)\" \(reason)") }

        guard jwk["kty"]?.stringValue != "oct" else { throw refuse("is symmetric") }
        guard Self.secretMembers.allSatisfy({ jwk[$0] == nil }) else { throw refuse("contains private parts") }
        guard jwk["use"] == nil || jwk["use"]?.stringValue == "sig" else { throw refuse("is not for signatures") }
        guard jwk["key_ops"] == nil || jwk["key_ops"]?.arrayValue?.contains(.string("verify")) == true else {
            throw refuse("is not for checking signatures")
        }
        guard let algorithm = Self.algorithm(of: jwk) else {
            throw refuse("has a type, curve or algorithm that is not supported, or they do not fit together")
        }
        guard let verifier = try? await Self.verifier(algorithm, jwk) else {
            throw refuse("has parameters that are malformed, off the curve, or of a size that is refused")
        }
        self.id = id
        self.algorithm = algorithm
        self.verifier = verifier
    }

    package func verifies(_ signature: [UInt8], of text: ArraySlice<UInt8>) -> Bool {
        (try? verifier.verify(signature, signs: text)) ?? false
    }

    /// The one algorithm of a key: what its curve implies, or for RSA what it says. An RSA key that says nothing is
    /// taken for RS256, which is what issuers that leave `alg` out sign with.
    private static func algorithm(of jwk: JSONObject) -> SigningAlgorithm? {
        let possible: [SigningAlgorithm] =
            switch (jwk["kty"]?.stringValue, jwk["crv"]?.stringValue) {
            case ("EC", "P-256"): [.es256]
            case ("EC", "P-384"): [.es384]
            case ("OKP", "Ed25519"): [.edDSA]
            case ("RSA", nil): [.rs256, .ps256]
            default: []
            }
        guard let stated = jwk["alg"] else { return possible.first }
        return possible.first { $0.rawValue == stated.stringValue }
    }

    private static func verifier(_ algorithm: SigningAlgorithm, _ jwk: JSONObject) async throws -> any JWTAlgorithm {
        let id = JWKIdentifier(string: algorithm.rawValue)
        let collection = JWTKeyCollection()
        switch algorithm {
        case .es256:
            let key = try P256.Signing.PublicKey(x963Representation: point(jwk, coordinateBytes: 32))
            await collection.add(ecdsa: try ES256PublicKey(backing: key), kid: id)
        case .es384:
            let key = try P384.Signing.PublicKey(x963Representation: point(jwk, coordinateBytes: 48))
            await collection.add(ecdsa: try ES384PublicKey(backing: key), kid: id)
        case .edDSA:
            let key = try Curve25519.Signing.PublicKey(rawRepresentation: bytes(jwk, "x"))
            await collection.add(eddsa: EdDSA.PublicKey(backing: key), kid: id)
        case .rs256:
            await collection.add(rsa: try rsaKey(jwk), digestAlgorithm: .sha256, kid: id)
        case .ps256:
            await collection.add(pss: try rsaKey(jwk), digestAlgorithm: .sha256, kid: id)
        }
        return try await collection.getKey(for: id)
    }

    /// The uncompressed point of SEC 1; swift-crypto checks that it lies on the curve.
    private static func point(_ jwk: JSONObject, coordinateBytes count: Int) throws -> [UInt8] {
        let (x, y) = (try bytes(jwk, "x"), try bytes(jwk, "y"))
        guard x.count == count, y.count == count else { throw CryptoKitError.incorrectParameterSize }
        return [0x04] + x + y
    }

    private static func rsaKey(_ jwk: JSONObject) throws -> JWTKit.Insecure.RSA.PublicKey {
        let modulus = try bytes(jwk, "n").drop { $0 == 0 }
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard rsaBits.contains(bits) else { throw CryptoKitError.incorrectParameterSize }
        return try JWTKit.Insecure.RSA.PublicKey(
            modulus: Base64URL.encode(modulus), exponent: Base64URL.encode(try bytes(jwk, "e")))
    }

    private static func bytes(_ jwk: JSONObject, _ member: String) throws -> [UInt8] {
        guard let text = jwk[member]?.stringValue, let bytes = Base64URL.decode(Array(text.utf8)) else {
            throw CryptoKitError.incorrectParameterSize
        }
        return bytes
    }
}
