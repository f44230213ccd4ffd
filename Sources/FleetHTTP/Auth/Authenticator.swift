package import FleetDomain
package import HTTPTypes

/// What the store knows of a presented API key.
package struct APIKeyRecord: Sendable, Equatable {
    /// Its subject is `key:` and the key's id.
    package let principal: Principal
    package let expiresAt: Timestamp?
    package let revoked: Bool

    package init(principal: Principal, expiresAt: Timestamp?, revoked: Bool) {
        self.principal = principal
        self.expiresAt = expiresAt
        self.revoked = revoked
    }

    package init(_ key: APIKey) {
        self.init(principal: key.principal, expiresAt: key.expiresAt, revoked: key.revokedAt != nil)
    }
}

/// Finds out who sends a request.
///
/// What was read of an API key is remembered only until any key changes, so that a revocation counts from the next
/// request on.
package struct Authenticator: Sendable {
    private let keys: @Sendable (CredentialDigest) async throws -> APIKeyRecord?
    private let keyGeneration: (@Sendable () -> UInt64)?
    private let cache = TokenCache()
    private let jwt: JWTVerifier?
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - keys: Reads a key by its digest. It may throw a `FleetError`; any other error counts as
    ///     `storage_unavailable`.
    ///   - keyGeneration: Grows before anybody is told that a key was revoked; nil reads every key anew.
    ///   - jwt: nil when no issuer is configured; every token is then an API key.
    package init(
        keys: @escaping @Sendable (CredentialDigest) async throws -> APIKeyRecord?,
        keyGeneration: (@Sendable () -> UInt64)? = nil, jwt: JWTVerifier?, now: @escaping @Sendable () -> Timestamp
    ) {
        self.keys = keys
        self.keyGeneration = keyGeneration
        self.jwt = jwt
        self.now = now
    }

    /// - Throws: `unauthenticated` without a credential, `invalid_credentials` for one that does not hold, and what
    ///   reading a key throws.
    package func principal(for headers: HTTPFields) async throws(FleetError) -> Principal {
        let credential = try BearerCredential(headers: headers)
        return if let known = known(credential) { known } else { try await principal(for: credential) }
    }

    /// Who presents an API key that was read lately: found without a step that could wait.
    private func known(_ credential: BearerCredential) -> Principal? {
        guard let keyGeneration, case .apiKey(let token) = credential else { return nil }
        return cache.principal(for: TokenCache.Fingerprint(token), at: now(), generation: keyGeneration())
    }

    private func principal(for credential: BearerCredential) async throws(FleetError) -> Principal {
        switch (credential, jwt) {
        case (.jwt(let token), let jwt?): try await jwt.principal(for: token, at: now())
        case (.jwt(let token), nil), (.apiKey(let token), _): try await principal(forKey: token)
        }
    }

    private func principal(forKey presented: [UInt8]) async throws(FleetError) -> Principal {
        let now = now()
        guard let keyGeneration else { return try await principal(forKey: presented, at: now).principal }
        // Taken before the key is read: whatever changes meanwhile makes the entry one of the past.
        let generation = keyGeneration()
        let fingerprint = TokenCache.Fingerprint(presented)
        let record = try await principal(forKey: presented, at: now)
        cache.insert(
            record.principal, for: fingerprint, at: now, until: record.expiresAt ?? .distantFuture,
            generation: generation)
        return record.principal
    }

    private func principal(forKey presented: [UInt8], at now: Timestamp) async throws(FleetError) -> APIKeyRecord {
        guard let record = try await record(CredentialDigest(of: presented)), !record.revoked,
            record.expiresAt.map({ now < $0 }) ?? true
        else { throw .invalidCredentials }
        return record
    }

    private func record(_ digest: CredentialDigest) async throws(FleetError) -> APIKeyRecord? {
        do { return try await keys(digest) } catch let error as FleetError { throw error } catch {
            throw FleetError(.storageUnavailable, "The key could not be checked.")
        }
    }
}
