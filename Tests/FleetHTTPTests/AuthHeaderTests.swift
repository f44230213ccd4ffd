import FleetDomain
import FleetHTTP
import HTTPTypes
import Testing

@Suite("credential of a request")
struct AuthHeaderTests {
    private static let apiKey = HTTPField.Name("X-API-Key")

    private static func read(
        authorization: [String] = [], apiKey keys: [String] = []
    ) throws(FleetError) -> BearerCredential {
        var headers = HTTPFields()
        for value in authorization { headers.append(HTTPField(name: .authorization, lenientValue: value.utf8)) }
        for value in keys {
            guard let name = apiKey else { continue }
            headers.append(HTTPField(name: name, lenientValue: value.utf8))
        }
        return try BearerCredential(headers: headers)
    }

    private static func key(_ text: String) -> BearerCredential { .apiKey(Array(text.utf8)) }

    @Test("is the bearer token, whatever the case of the scheme", arguments: ["Bearer k", "bearer k", "BEARER   k"])
    func bearer(_ value: String) throws { #expect(try Self.read(authorization: [value]) == Self.key("k")) }

    @Test("is the value of X-API-Key")
    func keyHeader() throws { #expect(try Self.read(apiKey: ["k"]) == Self.key("k")) }

    @Test("is a JWT when it has two dots and begins like one")
    func jwt() throws {
        #expect(try Self.read(authorization: ["Bearer eyJh.b.c"]) == .jwt(Array("eyJh.b.c".utf8)))
        for other in ["eyJh.b", "eyJh.b.c.d", "my.own.key", ".."] {
            #expect(try Self.read(authorization: ["Bearer \(other)"]) == Self.key(other))
        }
        #expect(try Self.read(apiKey: ["eyJh.b.c"]) == Self.key("eyJh.b.c"), "X-API-Key never carries a JWT")
    }

    @Test("may be up to 8 KiB long")
    func length() throws {
        let longest = String(repeating: "k", count: 8 * 1024)
        #expect(try Self.read(authorization: ["Bearer \(longest)"]) == Self.key(longest))
        #expect(throws: FleetError.invalidCredentials) { try Self.read(authorization: ["Bearer \(longest)k"]) }
        #expect(throws: FleetError.invalidCredentials) { try Self.read(apiKey: [longest + "k"]) }
    }

    @Test("is missing without either header")
    func missing() { #expect(throws: FleetError.unauthenticated) { try Self.read() } }

    @Test(
        "is refused when it is not plainly one token",
        arguments: [
            "", "Bearer", "Bearer ", "Bearerk", "Basic YTpi", "k", "Bearer a b", "Bearer a\tb", "Bearer a\u{1}",
            "Bearer é", "Bearer k\u{7f}", "Bearer\tk", " Bearer", "Bearer a, Bearer b",
        ])
    func malformed(_ value: String) {
        #expect(throws: FleetError.invalidCredentials) { try Self.read(authorization: [value]) }
    }

    @Test("is refused when there are two")
    func several() {
        #expect(throws: FleetError.invalidCredentials) { try Self.read(authorization: ["Bearer a"], apiKey: ["a"]) }
        #expect(throws: FleetError.invalidCredentials) { try Self.read(authorization: ["Bearer a", "Bearer a"]) }
        #expect(throws: FleetError.invalidCredentials) { try Self.read(apiKey: ["a", "a"]) }
        #expect(throws: FleetError.invalidCredentials) { try Self.read(authorization: ["Basic YTpi"], apiKey: ["a"]) }
    }

    @Test("is refused when X-API-Key is empty or not visible ASCII", arguments: ["", "a b", "é", "a\u{1}"])
    func malformedKey(_ value: String) {
        #expect(throws: FleetError.invalidCredentials) { try Self.read(apiKey: [value]) }
    }
}
