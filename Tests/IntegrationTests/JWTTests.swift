import FleetJSON
import Foundation
import Testing

@Suite("Tokens of an issuer")
struct JWTTests {
    @Test("A valid token works end to end; a wrong audience, issuer, end, key or signature is 401")
    func tokens() async throws {
        let issuer = try await TokenIssuer()
        let service = try await issuer.startService()
        let good = try await issuer.token()
        let caller = try await service.send("GET", "/whoami", key: good)
        #expect(caller.status == 200)
        #expect(caller["subject"]?.stringValue == "ann")
        let created = try await service.send("POST", "/federations", #"{"name":"by token"}"#, key: good)
        #expect(created.status == 201, "\(created.text)")

        let stranger = try await TokenIssuer()
        var bad = try await [
            "audience": issuer.token(["aud": .string("somebody-else")]),
            "issuer": issuer.token(["iss": .string("https://elsewhere.example")]),
            "end": issuer.token(["exp": .integer(Int64(Date().timeIntervalSince1970) - 3600)]),
            "no end": issuer.token(["exp": .null]), "key": stranger.token(),
        ]
        bad["signature"] = good.dropLast(8) + "AAAAAAAA"
        for (what, token) in bad {
            let reply = try await service.send("GET", "/whoami", key: token)
            #expect(reply.status == 401 && reply.code == "invalid_credentials", "\(what)")
            #expect(reply.headers["www-authenticate"]?.contains("invalid_token") == true, "\(what)")
            #expect(!service.transcript.contains(token), "\(what)")
        }
        #expect(!service.transcript.contains(good))
        #expect(try await service.stop() == .exited(0))
    }

    @Test("A service with an issuer makes no administrator's key of its own")
    func noKey() async throws {
        let issuer = try await TokenIssuer()
        let service = try await issuer.startService()
        #expect(service.child.output == "")
        #expect(service.adminKey == "")
    }

    @Test("A role that the token does not name gives nothing")
    func roles() async throws {
        let issuer = try await TokenIssuer()
        let service = try await issuer.startService()
        let viewer = try await issuer.token(["roles": .array([.string("fleet_viewer")])])
        let reply = try await service.send("POST", "/federations", #"{"name":"denied"}"#, key: viewer)
        #expect(reply.status == 403 && reply.code == "permission_denied")
    }
}

/// An issuer with a key that openssl made for this test.
private struct TokenIssuer {
    private static let name = "https://issuer.example"
    private static let audience = "fleet-coordination"
    private let directory: ScratchDirectory

    init() async throws {
        directory = try ScratchDirectory()
        try await openssl(["genrsa", "-out", "key.pem", "2048"])
        let line = try await openssl(["rsa", "-in", "key.pem", "-noout", "-modulus"]).trimmed
        let modulus = try #require(Self.bytes(ofHex: line.dropFirst("Modulus=".count)))
        try directory.write(
            #"{"keys":[{"kty":"RSA","kid":"one","alg":"RS256","use":"sig","#
                + #""n":"\#(Self.encode(modulus))","e":"AQAB"}]}"#, to: "keys.json")
    }

    func startService() async throws -> ServiceProcess {
        try await ServiceProcess.start(
            in: directory,
            [
                "JWT_ISSUER": Self.name, "JWT_AUDIENCE": Self.audience, "JWT_JWKS_FILE": directory.path + "/keys.json",
            ])
    }

    /// A signed token; `changes` replace its claims, null removes one.
    func token(_ changes: [String: JSON] = [:]) async throws -> String {
        let claims: [String: JSON] = [
            "iss": .string(Self.name), "aud": .string(Self.audience), "sub": .string("ann"),
            "exp": .integer(Int64(Date().timeIntervalSince1970) + 600),
            "roles": .array([.string("federation_coordinator")]),
        ]
        let members = claims.merging(changes) { _, new in new }.filter { $0.value != .null }
        let payload = JSON.object(JSONObject(members.map { JSONObject.Member(key: $0.key, value: $0.value) }))
        let header = #"{"alg":"RS256","kid":"one","typ":"JWT"}"#
        let signed = Self.encode(Array(header.utf8)) + "." + Self.encode(Array(payload.text.utf8))
        try directory.write(signed, to: "signed")
        try await openssl(["dgst", "-sha256", "-sign", "key.pem", "-out", "signature", "signed"])
        let signature = try Data(contentsOf: URL(filePath: directory.path + "/signature"))
        return signed + "." + Self.encode(Array(signature))
    }

    @discardableResult
    private func openssl(_ arguments: [String]) async throws -> String {
        let (status, output, errors) = try await ChildProcess.run("openssl", arguments, in: directory.path)
        try #require(status == .exited(0), "\(errors)")
        return output
    }

    /// base64url without padding.
    private static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(ofHex text: Substring) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
