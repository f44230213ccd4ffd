import FleetDomain
import FleetHTTP
import FleetService
import Logging
import Testing

@Suite("shared verdicts on tokens")
struct AuthVerdictTests {
    private let now = AuthIssuer.now
    private let cache = InProcessCache()
    private var verdicts: TokenVerdicts { TokenVerdicts(cache, seal: CacheSeal(secret: [1])) }
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A process of its own, with the keys of a file.
    private func verifier(
        _ file: KeyFile, audience: String = AuthIssuer.audience, _ verdicts: TokenVerdicts
    ) async throws -> JWTVerifier {
        JWTVerifier(
            issuer: AuthIssuer.name, audience: audience,
            keys: try await JWKSSource(.file(file.path), logger: logger), logger: logger, verdicts: verdicts)
    }

    private func principal(_ token: String, _ verifier: JWTVerifier, after seconds: Seconds = 0) async -> Principal? {
        try? await verifier.principal(for: Array(token.utf8), at: now + seconds)
    }

    /// A token of the issuer, and the same with a signature that does not hold: only a verdict lets it in.
    private func tokens(_ issuer: AuthIssuer) throws -> (good: String, forged: String) {
        let good = try issuer.token()
        let parts = good.split(separator: ".")
        let signature = try issuer.sign(Array("something else".utf8), .es256)
        return (good, "\(parts[0]).\(parts[1]).\(Base64URL.encode(signature))")
    }

    private func terms(_ file: KeyFile) async throws -> String {
        let keys = try await JWKSSource(.file(file.path), logger: logger)
        return "\(keys.current.digest)/\(AuthIssuer.name)/\(AuthIssuer.audience)"
    }

    @Test("let in without the signature whom another process has verified, with all that it may do")
    func shared() async throws {
        let issuer = try AuthIssuer()
        try await withKeyFile(try issuer.keySet()) { file in
            let (good, forged) = try tokens(issuer)
            let first = try #require(await principal(good, try await verifier(file, verdicts)))
            let verdict = await verdicts.verdict(on: Array(good.utf8), under: try await terms(file))
            #expect(verdict?.principal == first)
            #expect(await principal(forged, try await verifier(file, verdicts)) == nil)
            let all = Principal(
                subject: "ann", roles: Set(Role.allCases), fleets: [Fleet.ID("a")!, Fleet.ID("b")!],
                federations: [Federation.ID(raw: 1)], scopes: Set(Permission.allCases))
            verdicts.keep(
                .init(principal: all, end: now + 60), on: Array(forged.utf8), under: try await terms(file), at: now)
            #expect(await principal(forged, try await verifier(file, verdicts)) == all)
            // Not from its end on, though the cache has it still.
            #expect(await principal(forged, try await verifier(file, verdicts), after: 60) == nil)
        }
    }

    @Test("count only under the keys and the audience that they were given by, and sealed with our secret")
    func bound() async throws {
        let issuer = try AuthIssuer()
        try await withKeyFile(try issuer.keySet()) { file in
            let (_, forged) = try tokens(issuer)
            let verdict = TokenVerdicts.Verdict(
                principal: Principal(subject: "eve", roles: [.platformAdmin]), end: now + 60)
            let terms = try await terms(file)
            TokenVerdicts(cache, seal: CacheSeal(secret: [2])).keep(
                verdict, on: Array(forged.utf8), under: terms, at: now)
            #expect(await principal(forged, try await verifier(file, verdicts)) == nil)
            verdicts.keep(verdict, on: Array(forged.utf8), under: terms, at: now)
            #expect(await principal(forged, try await verifier(file, audience: "others", verdicts)) == nil)
            #expect(await principal(forged, try await verifier(file, verdicts)) != nil)
            // The key set changes: its verdicts are gone with it.
            try file.write(try issuer.keySet([.es256]))
            #expect(await principal(forged, try await verifier(file, verdicts)) == nil)
        }
    }
}
