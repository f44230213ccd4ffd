import FleetDomain
import FleetHTTP
import HTTPTypes
import Logging
import Synchronization
import Testing

@Suite("authenticator")
struct AuthenticatorTests {
    private static let token = APIKeyToken(id: APIKey.ID(raw: 7))
    private static let principal = Principal(subject: "key:\(token.id)", roles: [.fleetOperator])

    private static func headers(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }

    /// Knows one key.
    private static func authenticator(
        _ record: APIKeyRecord? = APIKeyRecord(principal: principal, expiresAt: nil, revoked: false),
        digest: CredentialDigest = token.digest, jwt: JWTVerifier? = nil, now: Timestamp = AuthIssuer.now
    ) -> Authenticator {
        Authenticator(keys: { $0 == digest ? record : nil }, jwt: jwt, now: { now })
    }

    private static func record(expiresAt: Timestamp? = nil, revoked: Bool = false) -> APIKeyRecord {
        APIKeyRecord(principal: principal, expiresAt: expiresAt, revoked: revoked)
    }

    @Test("knows a caller by its key, under either header")
    func key() async throws {
        #expect(try await Self.authenticator().principal(for: Self.headers(Self.token.text)) == Self.principal)
        var headers = HTTPFields()
        headers[try #require(HTTPField.Name("X-API-Key"))] = Self.token.text
        #expect(try await Self.authenticator().principal(for: headers) == Self.principal)
    }

    @Test("knows an operator by the key that was chosen, also one with two dots")
    func arbitraryKey() async throws {
        for key in [String(repeating: "~", count: 32), "prod.admin.0123456789012345678901234567"] {
            let digest = try #require(APIKeyToken.digest(ofArbitraryKey: key))
            #expect(try await Self.authenticator(digest: digest).principal(for: Self.headers(key)) == Self.principal)
        }
    }

    @Test("refuses a key that is unknown, revoked or expired, all alike")
    func refusedKeys() async {
        let now = AuthIssuer.now
        let refused: [Authenticator] = [
            Self.authenticator(nil), Self.authenticator(Self.record(revoked: true)),
            Self.authenticator(Self.record(expiresAt: now)), Self.authenticator(Self.record(expiresAt: now - 1)),
        ]
        for authenticator in refused {
            await #expect(throws: FleetError.invalidCredentials) {
                try await authenticator.principal(for: Self.headers(Self.token.text))
            }
        }
        await #expect(throws: Never.self) {
            try await Self.authenticator(Self.record(expiresAt: now + 1)).principal(for: Self.headers(Self.token.text))
        }
    }

    @Test("sees a revocation at once")
    func revocation() async throws {
        let revoked = Mutex(false)
        let authenticator = Authenticator(
            keys: { _ in Self.record(revoked: revoked.withLock { $0 }) }, jwt: nil, now: { AuthIssuer.now })
        _ = try await authenticator.principal(for: Self.headers(Self.token.text))
        revoked.withLock { $0 = true }
        await #expect(throws: FleetError.invalidCredentials) {
            try await authenticator.principal(for: Self.headers(Self.token.text))
        }
    }

    @Test("passes on what the store says, and hides what it did not mean to say")
    func storeErrors() async {
        struct Secret: Error {}
        let overloaded = FleetError(.overloaded, "Try again.")
        let cases: [(any Error, ErrorCode)] = [(overloaded, .overloaded), (Secret(), .storageUnavailable)]
        for (error, code) in cases {
            let authenticator = Authenticator(keys: { _ in throw error }, jwt: nil, now: { AuthIssuer.now })
            let thrown = await #expect(throws: FleetError.self) {
                try await authenticator.principal(for: Self.headers(Self.token.text))
            }
            #expect(thrown?.code == code)
        }
    }

    @Test("asks for a credential where none is, and reads no key for it")
    func missing() async {
        let authenticator = Authenticator(
            keys: { _ in
                Issue.record("a key was read")
                return nil
            }, jwt: nil, now: { AuthIssuer.now })
        await #expect(throws: FleetError.unauthenticated) { try await authenticator.principal(for: HTTPFields()) }
    }

    @Test("knows a caller by its JWT, and takes a JWT for a key where no issuer is configured")
    func jwt() async throws {
        let issuer = try AuthIssuer()
        let token = try issuer.token()
        try await withKeyFile(issuer.keySet()) { file in
            let logger = LogRecorder.logger(LogRecorder.Lines())
            let source = try await JWKSSource(.file(file.path), logger: logger)
            let verifier = JWTVerifier(
                issuer: AuthIssuer.name, audience: AuthIssuer.audience, keys: source, logger: logger)
            #expect(try await Self.authenticator(jwt: verifier).principal(for: Self.headers(token)).subject == "ann")
        }
        await #expect(throws: FleetError.invalidCredentials) {
            try await Self.authenticator().principal(for: Self.headers(token))
        }
    }

    @Test("refuses with the same answer whatever was wrong")
    func shape() {
        let error = FleetError.invalidCredentials
        #expect(error.code == .invalidCredentials)
        #expect(error.faults.isEmpty && error.details.isEmpty && error.explanation == nil)
        #expect(FleetError.unauthenticated.code == .unauthenticated)
    }
}
