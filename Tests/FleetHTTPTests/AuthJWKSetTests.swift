import CryptoExtras
import FleetHTTP
import FleetService
import Foundation
import Testing

@Suite("key set")
struct AuthJWKSetTests {
    private let issuer: AuthIssuer

    init() throws { issuer = try AuthIssuer() }

    private static func load(_ keys: String...) async throws -> JWKSet {
        try await JWKSet(parsing: Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8))
    }

    /// The error's text for a set of this one key, whose `kid` is `k-1`.
    private static func refusal(_ members: String) async -> String? {
        do {
            _ = try await load(#"{"kid":"k-1",\#(members)}"#)
            return nil
        } catch { return "\(error)" }
    }

    @Test("has every key under its kid with one algorithm")
    func loads() async throws {
        let set = try await JWKSet(parsing: Array(try issuer.keySet().utf8))
        #expect(set.keys.allSatisfy { $0.key == $0.value.id && $0.key == $0.value.algorithm.rawValue })
        #expect(set.keys.count == SigningAlgorithm.allCases.count)
    }

    @Test("knows the algorithm of a key that does not state it")
    func impliedAlgorithms() async throws {
        for algorithm in [SigningAlgorithm.es256, .es384, .edDSA, .rs256] {
            let set = try await Self.load(#"{"kid":"a",\#(try issuer.jwk(algorithm))}"#)
            #expect(set.keys["a"]?.algorithm == algorithm)
        }
    }

    @Test("takes a key whose operations include checking signatures")
    func operations() async throws {
        let key = try issuer.jwk(.es256)
        #expect(await Self.refusal(#""key_ops":["verify"],\#(key)"#) == nil)
        for operations in [#"["sign"]"#, "[]", #""verify""#, #"["encrypt","wrapKey"]"#] {
            #expect(await Self.refusal(#""key_ops":\#(operations),\#(key)"#)?.contains("\"k-1\"") == true)
        }
    }

    @Test("leaves out the keys for encryption that issuers publish beside the others")
    func encryptionKeys() async throws {
        let (ec, rsa) = (try issuer.jwk(.es256), try issuer.jwk(.rs256))
        let set = try await Self.load(#"{"kid":"a","use":"enc",\#(rsa)},{"kid":"b","use":"sig",\#(ec)}"#)
        #expect(set.keys.keys.sorted() == ["b"])
        #expect(await Self.refusal(#""use":"enc",\#(ec)"#) == "the key set has no key for signatures")
    }

    @Test("is refused for a key that could do anything but check signatures")
    func otherUses() async throws {
        let (ec, rsa) = (try issuer.jwk(.es256), try issuer.jwk(.rs256))
        let refused = [
            #""use":"",\#(ec)"#, #""use":null,\#(ec)"#, #""kty":"oct","k":"AAAA""#,
            #""kty":"oct","alg":"HS256","k":"AAAA""#, #""d":"AAAA",\#(ec)"#, #""d":"AAAA",\#(rsa)"#,
            #""k":"AAAA",\#(ec)"#, #""p":"AAAA",\#(rsa)"#, #""oth":[],\#(rsa)"#,
        ]
        for members in refused {
            #expect(await Self.refusal(members)?.contains("\"k-1\"") == true, "\(members)")
        }
    }

    @Test("is refused for a key of another type, curve or algorithm")
    func otherAlgorithms() async throws {
        let (ec, rsa, ed) = (try issuer.jwk(.es256), try issuer.jwk(.rs256), try issuer.jwk(.edDSA))
        let refused = [
            #""alg":"ES384",\#(ec)"#, #""alg":"RS256",\#(ec)"#, #""alg":"none",\#(ec)"#, #""alg":null,\#(ec)"#,
            #""alg":"HS256",\#(rsa)"#, #""alg":"RS512",\#(rsa)"#, #""alg":"RSA-OAEP",\#(rsa)"#,
            #""alg":"ES256",\#(ed)"#, #""kty":"EC","crv":"P-521","x":"AAAA","y":"AAAA""#,
            #""kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA""#,
            #""kty":"OKP","crv":"X25519","x":"AAAA""#, #""kty":"OKP","crv":"Ed448","x":"AAAA""#, #""kty":"x""#,
            #""x":1"#,
        ]
        for members in refused {
            #expect(await Self.refusal(members)?.contains("\"k-1\"") == true, "\(members)")
        }
    }

    @Test("is refused for a key with malformed parameters")
    func parameters() async throws {
        let coordinate = Base64URL.encode([UInt8](repeating: 1, count: 32))
        let ec = #""kty":"EC","crv":"P-256""#
        let modulus = Base64URL.encode([UInt8](repeating: 0xff, count: 256))
        let refused = [
            ec, #"\#(ec),"x":"\#(coordinate)""#, #"\#(ec),"x":"\#(coordinate)","y":"\#(coordinate)""#,
            #"\#(ec),"x":"AAAA","y":"AAAA""#,
            try issuer.jwk(.es256).replacingOccurrences(of: #""y":""#, with: #""y":"AA"#),
            #""kty":"OKP","crv":"Ed25519","x":"AAAA""#, #""kty":"OKP","crv":"Ed25519""#,
            #""kty":"RSA","n":"\#(modulus)""#, #""kty":"RSA","n":"\#(modulus)==","e":"AQAB""#,
            #""kty":"RSA","n":"\#(modulus)","e":"AQ""#, #""kty":"RSA","n":"\#(modulus)","e":"Ag""#,
        ]
        for members in refused {
            #expect(await Self.refusal(members)?.contains("\"k-1\"") == true, "\(members)")
        }
    }

    @Test("is refused for an RSA key below 2048 or above 8192 bits")
    func sizes() async throws {
        let small = try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1024)).publicKey
        #expect(await Self.refusal(try AuthIssuer.modulus(small))?.contains("\"k-1\"") == true)
        // 256 bytes of which the first is zero are no 2048 bits.
        let padded = Base64URL.encode([0] + [UInt8](repeating: 0xff, count: 255))
        #expect(await Self.refusal(#""kty":"RSA","n":"\#(padded)","e":"AQAB""#) != nil)
        let huge = Base64URL.encode([UInt8](repeating: 0xff, count: 1025))
        #expect(await Self.refusal(#""kty":"RSA","n":"\#(huge)","e":"AQAB""#) != nil)
    }

    @Test("is refused for a kid that is missing, malformed or used twice")
    func kids() async throws {
        let key = try issuer.jwk(.es256)
        for id in [#""kid":"","#, #""kid":1,"#, #""kid":"a b","#, #""kid":"é","#, ""] {
            await #expect(throws: JWKSError("key 1 of the key set has no usable kid")) {
                try await Self.load(#"{"kid":"k",\#(key)}"#, "{\(id)\(key)}")
            }
        }
        await #expect(throws: JWKSError("the kid \"k\" occurs twice in the key set")) {
            try await Self.load(#"{"kid":"k",\#(key)}"#, #"{"kid":"k",\#(try issuer.jwk(.edDSA))}"#)
        }
    }

    @Test(
        "is refused when it is not a set of 1 to 100 keys",
        arguments: [
            "", "[]", "{}", #"{"keys":[]}"#, #"{"keys":{}}"#, #"{"keys":[1]}"#, #"{"keys":[],"keys":[]}"#,
            #"{"keys":[\#(repeatElement("{}", count: 101).joined(separator: ","))]}"#,
        ])
    func shapes(_ text: String) async {
        await #expect(throws: JWKSError.self) { try await JWKSet(parsing: Array(text.utf8)) }
    }
}
