package import FleetDomain
package import FleetService
package import Logging

/// Decides whether a JWT of the configured issuer is genuine and meant for us, and whom it names.
package struct JWTVerifier: Sendable {
    private let issuer: String
    private let audience: String
    private let keys: JWKSSource
    private let logger: Logger
    private let cache: TokenCache
    /// What other processes have verified; nil keeps to our own.
    private let verdicts: TokenVerdicts?

    /// - Parameters:
    ///   - issuer: What `iss` has to be, byte for byte (`JWT_ISSUER`).
    ///   - audience: What `aud` has to name (`JWT_AUDIENCE`).
    package init(
        issuer: String, audience: String, keys: JWKSSource, logger: Logger, cache: TokenCache = TokenCache(),
        verdicts: TokenVerdicts? = nil
    ) {
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.logger = logger
        self.cache = cache
        self.verdicts = verdicts
    }

    /// - Throws: `invalid_credentials`, always the same; the reason goes to the debug log, the token nowhere.
    package func principal(for token: [UInt8], at now: Timestamp) async throws(FleetError) -> Principal {
        do { return try await verify(token, at: now) } catch {
            logger.debug("bearer token refused", metadata: ["reason": "\(error.rawValue)"])
            throw .invalidCredentials
        }
    }

    private func verify(_ token: [UInt8], at now: Timestamp) async throws(JWTRefusal) -> Principal {
        let fingerprint = TokenCache.Fingerprint(token)
        if let known = cache.principal(for: fingerprint, at: now, generation: keys.current.generation) { return known }

        let gate = try JWTGate(token)
        guard let snapshot = await keys.snapshot(having: gate.keyID, at: now),
            let key = snapshot.set.keys[gate.keyID]
        else { throw .keyUnknown }
        guard key.algorithm == gate.algorithm else { throw .algorithmMismatch }
        let terms = "\(snapshot.digest)/\(issuer)/\(audience)"
        if let verdict = await verdicts?.verdict(on: token, under: terms), now < verdict.end {
            cache.insert(
                verdict.principal, for: fingerprint, at: now, until: verdict.end, generation: snapshot.generation)
            return verdict.principal
        }
        guard key.verifies(gate.signature, of: gate.signedText) else { throw .signature }
        let claims = try JWTClaims(gate.claims, issuer: issuer, audience: audience, at: now)

        cache.insert(
            claims.principal, for: fingerprint, at: now, until: claims.end, generation: snapshot.generation)
        verdicts?.keep(
            TokenVerdicts.Verdict(principal: claims.principal, end: claims.end), on: token, under: terms, at: now)
        return claims.principal
    }
}
