import FleetDomain
import FleetHTTP
import Foundation
import Logging
import Testing

@Suite("source of keys")
struct AuthJWKSSourceTests {
    private let old: AuthIssuer
    private let new: AuthIssuer
    private let lines = LogRecorder.Lines()
    private var logger: Logger { LogRecorder.logger(lines) }

    init() throws { (old, new) = (try AuthIssuer(), try AuthIssuer()) }

    private func verifier(_ source: JWKSSource) -> JWTVerifier {
        JWTVerifier(issuer: AuthIssuer.name, audience: AuthIssuer.audience, keys: source, logger: logger)
    }

    private func isAdmitted(_ token: String, _ verifier: JWTVerifier, after seconds: Seconds = 0) async -> Bool {
        (try? await verifier.principal(for: Array(token.utf8), at: AuthIssuer.now + seconds)) != nil
    }

    /// A set with keys of both issuers under different ids.
    private func bothSets() throws -> String {
        #"{"keys":[{"kid":"ES256",\#(try old.jwk(.es256))},{"kid":"next",\#(try new.jwk(.es256))}]}"#
    }

    @Test("follows a file through a rotation, and a token goes with its key")
    func rotation() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            let verifier = verifier(source)
            let before = try old.token()
            let after = try new.token(header: #"{"alg":"ES256","kid":"next"}"#)
            #expect(await isAdmitted(before, verifier))
            #expect(await !isAdmitted(after, verifier))

            try file.write(bothSets())
            await source.refresh()
            #expect(await isAdmitted(before, verifier))
            #expect(await isAdmitted(after, verifier))

            try file.write(#"{"keys":[{"kid":"next",\#(new.jwk(.es256))}]}"#)
            await source.refresh()
            #expect(await !isAdmitted(before, verifier), "it was in the cache, but its key has gone")
            #expect(await isAdmitted(after, verifier))
        }
    }

    @Test("refuses a cached token whose kid now names another key")
    func replacedKey() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            let verifier = verifier(source)
            #expect(await isAdmitted(try old.token(), verifier))
            try file.write(new.keySet([.es256]))
            await source.refresh()
            #expect(await !isAdmitted(try old.token(), verifier))
            #expect(await isAdmitted(try new.token(), verifier))
        }
    }

    @Test("refuses a cached token once it has expired")
    func cachedExpiry() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let verifier = verifier(try await JWKSSource(.file(file.path), logger: logger))
            let claims = AuthIssuer.claims.replacingOccurrences(of: "1800000600", with: "1800000100")
            let token = try old.token(claims: claims)
            #expect(await isAdmitted(token, verifier))
            #expect(await isAdmitted(token, verifier, after: 129))
            #expect(await !isAdmitted(token, verifier, after: 130))
        }
    }

    @Test("reads a file again for an unknown kid, at most once a second")
    func unknownKeyInFile() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            #expect(await source.snapshot(having: "next", at: AuthIssuer.now) == nil)
            try file.write(bothSets())
            #expect(await source.snapshot(having: "next", at: AuthIssuer.now) == nil)
            #expect(await source.snapshot(having: "next", at: AuthIssuer.now + 1)?.generation == 1)
        }
    }

    @Test("keeps the last good keys while the file is missing or unusable, and says so once")
    func lastGood() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            let verifier = verifier(source)
            try file.write(#"{"keys":[{"kid":"s","kty":"oct","k":"AAAA"}]}"#)
            for _ in 0..<3 { await source.refresh() }
            #expect(lines.all.count { $0.contains("symmetric") } == 1)
            try file.remove()
            for _ in 0..<3 { await source.refresh() }
            #expect(lines.all.count { $0.contains("warning") } == 2)
            #expect(await isAdmitted(try old.token(), verifier))
            #expect(source.current.generation == 0)
            try file.write(new.keySet([.es256]))
            await source.refresh()
            #expect(await isAdmitted(try new.token(), verifier))
        }
    }

    @Test("changes nothing when the file says the same")
    func unchanged() async throws {
        try await withKeyFile(old.keySet()) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            try file.write(old.keySet())
            let generation = source.current.generation
            await source.refresh()
            #expect(source.current.generation == generation)
        }
    }

    @Test("does not start without usable keys")
    func start() async throws {
        await #expect(throws: JWKSError.self) { try await JWKSSource(.file("/nonexistent/jwks.json"), logger: logger) }
        await #expect(throws: JWKSError.self) { try await JWKSSource(.url("http://127.0.0.1:1/"), logger: logger) }
        try await withKeyFile("{}") { file in
            _ = await #expect(throws: JWKSError.self) { try await JWKSSource(.file(file.path), logger: logger) }
        }
    }

    @Test("ends when its task is cancelled")
    func ends() async throws {
        try await withKeyFile(old.keySet([.es256])) { file in
            let source = try await JWKSSource(.file(file.path), logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await source.run() }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "takes no URL that could be read along the way",
        arguments: [
            "http://issuer.example/jwks", "ftp://issuer.example/", "http://127.0.0.1.evil.example/", "issuer.example",
            "https://", "", "file:///etc/passwd", "https://user:secret@issuer.example/",
            "http://localhost.evil.example/",
        ])
    func insecure(_ url: String) async throws {
        let error = await #expect(throws: JWKSError.self) { try await JWKSLocation.url(url).read() }
        #expect(error?.description.contains("https") == true || error?.description.contains("not a URL") == true)
        #expect(error?.description.contains("secret") == false)
    }

    @Test("reads a URL, and again for an unknown kid at most once in thirty seconds")
    func url() async throws {
        try await withLoopbackServer(.ok(try old.keySet([.es256]))) { server in
            let source = try await JWKSSource(.url(server.url), logger: logger)
            let verifier = verifier(source)
            #expect(await isAdmitted(try old.token(), verifier))
            #expect(server.requests == 1)

            server.answer = .ok(try bothSets())
            let rotated = try new.token(header: #"{"alg":"ES256","kid":"next"}"#)
            #expect(await isAdmitted(rotated, verifier))
            #expect(server.requests == 2)

            let unknown = try new.token(header: #"{"alg":"ES256","kid":"unknown"}"#)
            for seconds in [0, 1, 29] as [Seconds] { #expect(await !isAdmitted(unknown, verifier, after: seconds)) }
            #expect(server.requests == 2)
            #expect(await !isAdmitted(unknown, verifier, after: 30))
            #expect(server.requests == 3)
            #expect(await !isAdmitted(unknown, verifier, after: -3600), "a clock set back does not close it")
            #expect(server.requests == 4)
        }
    }

    @Test("reads once for many tokens with a new kid at the same time, and admits them all")
    func joined() async throws {
        try await withLoopbackServer(.ok(try old.keySet([.es256]))) { server in
            let source = try await JWKSSource(.url(server.url), logger: logger)
            server.answer = .ok(try bothSets())
            let admitted = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask { await source.snapshot(having: "next", at: AuthIssuer.now) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(admitted == 50)
            #expect(server.requests == 2)
        }
    }

    @Test("keeps the last good keys when the URL answers with anything else")
    func failures() async throws {
        try await withLoopbackServer(.ok(try old.keySet([.es256]))) { server in
            let source = try await JWKSSource(.url(server.url), logger: logger)
            let other = try new.keySet([.es256])
            let answers: [LoopbackServer.Answer] = [
                .init(status: "500 Oops", body: other),
                .init(status: "302 Found", headers: "Location: \(server.url)other\r\n", body: other),
                .ok(other + String(repeating: " ", count: JWKSLocation.bytesMax)), .ok("<html>"),
            ]
            for answer in answers {
                let before = server.requests
                server.answer = answer
                await source.refresh()
                #expect(server.requests == before + 1)
                #expect(source.current.generation == 0, "\(answer.status)")
            }
            #expect(await isAdmitted(try old.token(), verifier(source)))
        }
    }

    @Test("gives up on a URL that does not answer to its end in time")
    func timeout() async throws {
        try await withLoopbackServer(.init(status: "200 OK", headers: "Content-Length: 9\r\n", body: "{")) { server in
            _ = await #expect(throws: JWKSError("JWT_JWKS_URL did not answer within 0.1 seconds")) {
                try await JWKSLocation.url(server.url).read(timeout: .milliseconds(100))
            }
        }
    }
}
