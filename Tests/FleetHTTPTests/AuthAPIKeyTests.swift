import Crypto
import FleetDomain
import FleetHTTP
import FleetService
import Foundation
import Testing

@Suite("API key")
struct AuthAPIKeyTests {
    private static let id = APIKey.ID(raw: 0x0190_0000_0000_7000_8000_0000_0000_00ff)

    @Test("survives the way through its text form")
    func roundTrip() throws {
        let token = APIKeyToken(id: Self.id)
        let read = try #require(APIKeyToken(token.text))
        #expect(read.id == Self.id)
        #expect(read.text == token.text)
        #expect(read.digest == token.digest)
        #expect(read.digest == CredentialDigest(of: Array(token.text.utf8)))
    }

    @Test("is found by scanners through its prefix and length")
    func form() throws {
        let text = APIKeyToken(id: Self.id).text
        #expect(try #/fleetkey_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{43}/#.wholeMatch(in: text) != nil)
    }

    @Test("has 256 new random bits each time")
    func isRandom() {
        #expect(Set((0..<100).map { _ in APIKeyToken(id: Self.id).text }).count == 100)
        let known = APIKeyToken(id: Self.id, secret: SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
        #expect(known.text.hasSuffix("_" + Base64URL.encode([UInt8](repeating: 7, count: 32))))
    }

    @Test("is not printed")
    func isNotPrinted() {
        let token = APIKeyToken(id: Self.id)
        let secret = token.text.suffix(43)
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!"\(token)\(String(reflecting: token))\(dumped)".contains(secret))
        #expect("\(token)".contains("\(Self.id)"))
    }

    @Test("is not read from any other text")
    func otherForms() {
        let text = APIKeyToken(id: Self.id, secret: SymmetricKey(data: [UInt8](repeating: 0, count: 32))).text
        let wrong = [
            "", "fleetkey_", String(text.dropLast()), text + "A", text.uppercased(), " " + text,
            text.replacingOccurrences(of: "fleetkey_", with: "fleetkex_"), String(text.dropLast()) + "B",
            String(text.dropLast()) + "=",
        ]
        for text in wrong { #expect(APIKeyToken(text) == nil, "\(text)") }
    }

    @Test("has a digest that another key has not")
    func digest() {
        let a = CredentialDigest(of: Array("a".utf8))
        #expect(a.bytes.count == 32)
        #expect(a == CredentialDigest(of: Array("a".utf8)))
        #expect(a != CredentialDigest(of: Array("b".utf8)))
        #expect(a.bytes != Array(SHA256.hash(data: Array("a".utf8))), "the label keeps it apart from a plain hash")
    }

    @Test("has a digest that never changes, as it is what was stored")
    func digestFormat() {
        let label = SymmetricKey(data: Array("fleet-coordination/api-key/v1".utf8))
        for text in ["a", APIKeyToken(id: Self.id).text] {
            let code = HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: label)
            #expect(CredentialDigest(of: Array(text.utf8)).bytes == Array(code))
        }
    }

    @Test("may be chosen by an operator from 32 to 256 visible characters")
    func arbitrary() {
        let shortest = String(repeating: "k", count: 32)
        #expect(APIKeyToken.digest(ofArbitraryKey: shortest) == CredentialDigest(of: Array(shortest.utf8)))
        #expect(APIKeyToken.digest(ofArbitraryKey: String(repeating: "~", count: 256)) != nil)
        #expect(APIKeyToken.digest(ofArbitraryKey: "prod.admin.0123456789012345678901234567") != nil)
        let refused = [
            "", String(repeating: "k", count: 31), String(repeating: "k", count: 257), shortest + " ",
            shortest + "\n", shortest + "é", shortest + "\u{7f}", "eyJhbGciOiJFUzI1NiJ9.0123456789.0123456789",
        ]
        for key in refused { #expect(APIKeyToken.digest(ofArbitraryKey: key) == nil, "\(key)") }
    }
}

@Suite("base64url")
struct AuthBase64URLTests {
    @Test("reads what it writes, for every length and byte")
    func roundTrip() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length &* 101) }
            #expect(Base64URL.decode(Array(Base64URL.encode(bytes).utf8)) == bytes)
        }
        #expect(Base64URL.decode(Array(Base64URL.encode(0...255).utf8)) == Array(0...255))
        #expect(Base64URL.encode([0xfb, 0xff, 0xfe]) == "-__-")
    }

    @Test("refuses every spelling but one", arguments: ["A", "AB", "AAB", "AA==", "AA=", "+/8A", "AA A", "AAAAA", "é"])
    func refuses(_ text: String) { #expect(Base64URL.decode(Array(text.utf8)) == nil) }
}
