import Crypto
import FleetDomain
import FleetHTTP
import FleetService
import Foundation
import Logging
import Testing

/// Every token here has an otherwise valid signature over exactly what it says.
@Suite("JWT gate")
struct AuthJWTGateTests {
    private let issuer: AuthIssuer
    private let lines = LogRecorder.Lines()

    init() throws { issuer = try AuthIssuer() }

    private func principal(_ token: String, keySet: String? = nil) async throws -> Principal {
        let content = try keySet ?? issuer.keySet()
        return try await withKeyFile(content) { file in
            let source = try await JWKSSource(.file(file.path), logger: LogRecorder.logger(lines))
            let verifier = JWTVerifier(
                issuer: AuthIssuer.name, audience: AuthIssuer.audience, keys: source, logger: LogRecorder.logger(lines))
            return try await verifier.principal(for: Array(token.utf8), at: AuthIssuer.now)
        }
    }

    /// Refused with the one error, for this reason, and without a trace of the token in the log.
    private func expectRefusal(
        _ token: String, _ reason: JWTRefusal, keySet: String? = nil, at location: SourceLocation = #_sourceLocation
    ) async {
        await #expect(throws: FleetError.invalidCredentials, sourceLocation: location) {
            try await principal(token, keySet: keySet)
        }
        let log = lines.all.joined(separator: "\n")
        #expect(log.contains("debug") && log.contains(reason.rawValue), "\(log)", sourceLocation: location)
        for part in token.split(separator: ".") where part.count > 8 {
            #expect(!log.contains(part), sourceLocation: location)
        }
    }

    @Test("admits a token of each allowed algorithm", arguments: SigningAlgorithm.allCases)
    func admits(_ algorithm: SigningAlgorithm) async throws {
        let principal = try await principal(try issuer.token(algorithm))
        #expect(principal == Principal(subject: "ann", roles: []))
    }

    @Test("admits every allowed typ", arguments: ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
    func types(_ type: String) async throws {
        _ = try await principal(try issuer.token(header: #"{"typ":"\#(type)","alg":"ES256","kid":"ES256"}"#))
    }

    @Test(
        "admits a header with members that mean nothing here",
        arguments: [#"{"alg":"ES256","kid":"ES256"}"#, #"{"x5t":"abc","alg":"ES256","kid":"ES256","nonce":"1"}"#])
    func otherMembers(_ header: String) async throws { _ = try await principal(try issuer.token(header: header)) }

    struct Header: CustomTestStringConvertible, Sendable {
        let text: String
        let refusal: JWTRefusal
        var testDescription: String { text }

        init(_ text: String, _ refusal: JWTRefusal) { (self.text, self.refusal) = (text, refusal) }
    }

    static let headers: [Header] = [
        // Keys.
        Header(#"{"alg":"ES256","kid":"unknown"}"#, .keyUnknown),
        Header(#"{"alg":"ES256","kid":"es256"}"#, .keyUnknown),
        Header(#"{"alg":"ES256"}"#, .keyIDMissing),
        Header(#"{"alg":"ES256","kid":""}"#, .keyIDMissing),
        Header(#"{"alg":"ES256","kid":null}"#, .keyIDMissing),
        Header(#"{"alg":"ES256","kid":1}"#, .keyIDMissing),
        Header(#"{"alg":"ES256","kid":"ES256 "}"#, .keyIDMissing),
        // Algorithms.
        Header(#"{"alg":"none","kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":"None","kid":"ES256"}"#, .algorithm),
        Header(#"{"kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":null,"kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":"es256","kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":"HS256","kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":"ES512","kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":["ES256"],"kid":"ES256"}"#, .algorithm),
        Header(#"{"alg":"ES384","kid":"ES256"}"#, .algorithmMismatch),
        Header(#"{"alg":"EdDSA","kid":"ES256"}"#, .algorithmMismatch),
        Header(#"{"alg":"RS256","kid":"ES256"}"#, .algorithmMismatch),
        // Members.
        Header(#"{"alg":"ES256","kid":"ES256","crit":["exp"],"exp":1}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","crit":[]}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","b64":false}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","b64":true}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","jku":"https://evil.example"}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","jwk":{}}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","x5u":"https://evil.example"}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","x5c":["a"]}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","zip":"DEF"}"#, .headerMember),
        Header(#"{"alg":"ES256","kid":"ES256","enc":null}"#, .headerMember),
        // Types.
        Header(#"{"alg":"ES256","kid":"ES256","typ":"JWE"}"#, .type),
        Header(#"{"alg":"ES256","kid":"ES256","typ":"dpop+jwt"}"#, .type),
        Header(#"{"alg":"ES256","kid":"ES256","typ":""}"#, .type),
        Header(#"{"alg":"ES256","kid":"ES256","typ":null}"#, .type),
        Header(#"{"alg":"ES256","kid":"ES256","typ":1}"#, .type),
        // Syntax.
        Header(#"{"alg":"none","alg":"ES256","kid":"ES256"}"#, .headerSyntax),
        Header(#"{"alg":"ES256","alg":"ES256","kid":"ES256"}"#, .headerSyntax),
        Header(#"{"alg":"ES256","kid":"ES256","k\u0069d":"other"}"#, .headerSyntax),
        Header(#"{"alg":"ES256","kid":"ES256",}"#, .headerSyntax),
        Header(#"{"alg":"ES256","kid":"ES256"} {}"#, .headerSyntax),
        Header(#"{"alg":"ES256","kid":"ES256","x":[[[[0]]]]}"#, .headerSyntax),
        Header(#"["ES256"]"#, .headerSyntax),
    ]

    @Test("refuses a header", arguments: headers)
    func refuses(_ header: Header) async throws {
        await expectRefusal(try issuer.token(header: header.text), header.refusal)
    }

    @Test("refuses a kid that is longer than any issuer's")
    func longKeyID() async throws {
        let id = String(repeating: "k", count: 256)
        await expectRefusal(try issuer.token(header: #"{"alg":"ES256","kid":"\#(id)"}"#), .keyIDMissing)
    }

    @Test("refuses other spellings of base64url, although the signature covers them")
    func spellings() async throws {
        let header = AuthIssuer.part(#"{"alg":"ES256","kid":"ES256" }"#)
        let claims = AuthIssuer.part(AuthIssuer.claims)
        // The header has one byte more than a multiple of three here, so that it has bits to spare.
        let short = AuthIssuer.part(#"{"alg":"ES256","kid":"ES256"}"# + " ")
        for header in [header + "=", header + "==", "+/" + header, header + "\n", short + "A"] {
            await expectRefusal(try issuer.token(parts: (header, claims)), .encoding)
        }
        for claims in [claims + "=", claims + "==", claims + "+A==", claims + " "] {
            await expectRefusal(try issuer.token(parts: (header, claims)), .encoding)
        }
    }

    @Test("refuses bits that are left over at the end of a part")
    func trailingBits() async throws {
        let token = try issuer.token()
        // 64 bytes take 86 characters, the last with four bits to spare.
        let last = try #require(token.utf8.last.map { UnicodeScalar($0) })
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".unicodeScalars)
        let next = alphabet[try #require(alphabet.firstIndex(of: last)) + 1]
        await expectRefusal(token.dropLast() + String(next), .encoding)
        await expectRefusal(token + "==", .encoding)
    }

    @Test("refuses anything but three parts that are not empty")
    func shapes() async throws {
        let token = try issuer.token()
        let parts = token.split(separator: ".")
        let (header, claims, signature) = (parts[0], parts[1], parts[2])
        let others = [
            "\(header).\(claims)", "\(header).\(claims).", "\(header)..\(signature)", ".\(claims).\(signature)",
            "\(token).", ".\(token)", "\(token).x", "..",
        ]
        for other in others { await expectRefusal(other, .shape) }
    }

    @Test("refuses a signature by another key, of another text, or of another length")
    func signatures() async throws {
        await expectRefusal(try AuthIssuer().token(), .signature)
        let parts = try issuer.token().split(separator: ".")
        let other = AuthIssuer.part(AuthIssuer.claims.replacingOccurrences(of: "ann", with: "bob"))
        await expectRefusal("\(parts[0]).\(other).\(parts[2])", .signature)
        for count in [1, 63, 65, 128] {
            let signature = Base64URL.encode([UInt8](repeating: 1, count: count))
            await expectRefusal("\(parts[0]).\(parts[1]).\(signature)", .signature)
        }
        await expectRefusal("\(parts[0]).\(parts[1]).\(Base64URL.encode([UInt8](repeating: 0, count: 64)))", .signature)
    }

    @Test("refuses an HMAC with the public key for its secret, whatever alg claims it is")
    func confusion() async throws {
        for secret in [Array(issuer.publicPEM.utf8), issuer.publicDER] {
            for algorithm in ["HS256", "ES256"] {
                let header = AuthIssuer.part(#"{"alg":"\#(algorithm)","kid":"ES256"}"#)
                let text = "\(header).\(AuthIssuer.part(AuthIssuer.claims))"
                let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: secret))
                let token = "\(text).\(Base64URL.encode(Array(code)))"
                await expectRefusal(token, algorithm == "HS256" ? .algorithm : .signature)
            }
        }
    }

    @Test("never tries a key that the token does not name")
    func noOtherKey() async throws {
        await expectRefusal(try issuer.token(header: #"{"alg":"EdDSA","kid":"EdDSA"}"#, .es256), .signature)
        let onlyKey = try issuer.keySet([.es256])
        await expectRefusal(try issuer.token(header: #"{"alg":"ES256","kid":"x"}"#), .keyUnknown, keySet: onlyKey)
        await expectRefusal(try issuer.token(header: #"{"alg":"ES256"}"#), .keyIDMissing, keySet: onlyKey)
    }

    @Test("takes an RSA key for one algorithm, not for both")
    func rsa() async throws {
        await expectRefusal(try issuer.token(header: #"{"alg":"PS256","kid":"RS256"}"#, .ps256), .algorithmMismatch)
        await expectRefusal(try issuer.token(header: #"{"alg":"RS256","kid":"RS256"}"#, .ps256), .signature)
        await expectRefusal(try issuer.token(header: #"{"alg":"PS256","kid":"PS256"}"#, .rs256), .signature)
    }
}
