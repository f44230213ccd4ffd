import FleetJSON

/// The keys of one issuer by their `kid` (RFC 7517), read strictly.
///
/// **Invariant:** every key has exactly one algorithm, is public, and only checks signatures. A key that says that it is
/// for encryption is none of ours; a set with any other key that breaks this is refused whole, as nobody looks for the
/// key that was silently left out.
package struct JWKSet: Sendable {
    package let keys: [String: VerificationKey]

    /// More keys than an issuer rotates through, and few enough to build at once.
    private static let keysMax = 100
    private static let depthMax = 8

    package init(parsing content: [UInt8]) async throws(JWKSError) {
        let json: JSON
        do { json = try JSON.parse(content, maxDepth: Self.depthMax) } catch {
            throw JWKSError("the key set is not JSON: \(error.message) at byte \(error.offset)")
        }
        guard let entries = json.objectValue?["keys"]?.arrayValue, (1...Self.keysMax).contains(entries.count) else {
            throw JWKSError("the key set needs a member \"keys\" with 1 to \(Self.keysMax) keys")
        }
        var keys: [String: VerificationKey] = [:]
        for (index, entry) in entries.enumerated() {
            guard let jwk = entry.objectValue, let id = jwk["kid"]?.stringValue, JWTGate.isKeyID(id) else {
                throw JWKSError("key \(index) of the key set has no usable kid")
            }
            if jwk["use"]?.stringValue == "enc" { continue }
            guard keys[id] == nil else { throw JWKSError("the kid \"\(id)\" occurs twice in the key set") }
            keys[id] = try await VerificationKey(id: id, jwk: jwk)
        }
        guard !keys.isEmpty else { throw JWKSError("the key set has no key for signatures") }
        self.keys = keys
    }
}
