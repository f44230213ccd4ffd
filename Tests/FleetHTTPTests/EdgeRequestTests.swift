import FleetDomain
import FleetJSON
import Testing

@testable import FleetHTTP

/// What routes read of a request.
@Suite(.timeLimit(.minutes(2)))
struct EdgeRequestTests {
    private static let json = "Content-Type: application/json"

    @Test(
        "A body that is not strict JSON is refused",
        arguments: [
            ("{", "malformed_json"), ("{\"a\":1,}", "malformed_json"), (" ", "malformed_json"),
            ("1e999", "malformed_json"), ("{\"a\":1,\"a\":2}", "duplicate_key"),
            (String(repeating: "[", count: 33) + String(repeating: "]", count: 33), "nesting_too_deep"),
            ("\"\\ud800\"", "invalid_encoding"),
        ])
    func malformed(body: String, code: String) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, "POST /things", [Self.json], body: body)
            #expect(response.status == 400)
            #expect(response.code == code)
            #expect(response.member("detail")?.stringValue?.contains("at byte ") == true)
        }
    }

    @Test("An empty body is malformed where one is needed and nil where it is not")
    func emptyBody() async throws {
        try await EdgeTestServer.run { server async throws in
            for headers in [[Self.json], []] {
                #expect(try await edgeExchange(server, "POST /things", headers).code == "malformed_json")
                #expect(try await edgeExchange(server, "POST /things", headers, body: "").code == "malformed_json")
                #expect(try await edgeExchange(server, "POST /reports", headers).body == "nothing")
            }
            #expect(try await edgeExchange(server, "POST /reports", [Self.json], body: "[1]").body == "[1]")
        }
    }

    @Test(
        "The media type of a body is checked",
        arguments: [
            ("POST /things", "application/json", 200), ("POST /things", "Application/JSON; Charset=\"UTF-8\"", 200),
            ("POST /things", "application/json;charset=utf-8", 200),
            ("POST /things", "application/json; charset=latin1", 415),
            ("POST /things", "application/json; version=2", 415), ("POST /things", "text/plain", 415),
            ("POST /things", "application/merge-patch+json", 415), ("POST /things", "application/*", 415),
            ("POST /things", "*/*", 415), ("POST /things", "json", 415), ("POST /things", "", 415),
            ("PATCH /things/1", "application/merge-patch+json", 200), ("PATCH /things/1", "application/json", 200),
            ("PATCH /things/1", "application/json-patch+json", 415),
        ])
    func mediaType(line: String, type: String, status: Int) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, line, ["Content-Type: \(type)"], body: "{}")
            #expect(response.status == status)
            if status != 200 { #expect(response.code == "unsupported_media_type") }
        }
    }

    @Test("A body without a type and a compressed one are refused")
    func otherTypes() async throws {
        try await EdgeTestServer.run { server async throws in
            #expect(try await edgeExchange(server, "POST /things", body: "{}").status == 415)
            let gzip = [Self.json, "Content-Encoding: gzip"]
            #expect(try await edgeExchange(server, "POST /things", gzip, body: "{}").status == 415)
        }
    }

    @Test(
        "Accept is honoured",
        arguments: [
            ("*/*", 200), ("application/*", 200), ("application/json", 200), ("application/json;charset=utf-8", 200),
            ("application/problem+json", 200), ("text/html, application/json;q=0.1", 200), ("APPLICATION/JSON", 200),
            ("text/html", 406), ("application/json;q=0", 406), ("application/json;q=0, */*", 406), ("*/*;q=0", 406),
            ("application/json;q=2", 406), ("application/xml", 406), ("", 406), ("*/json", 406),
        ])
    func accept(value: String, status: Int) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, "POST /things", [Self.json, "Accept: \(value)"], body: "{}")
            #expect(response.status == status)
            if status != 200 { #expect(response.code == "not_acceptable") }
        }
    }

    @Test("Of several media types the best liked is produced, the first of equals")
    func preference() async throws {
        try await EdgeTestServer.run { server async throws in
            #expect(try await edgeExchange(server, "GET /hello", ["Accept: text/plain"]).status == 200)
            #expect(try await edgeExchange(server, "GET /hello", ["Accept: image/png"]).status == 406)
        }
        #expect(MediaRange("text/*;q=0.5")?.quality == 500)
        #expect(MediaRange("text/*")?.covers("text/plain") == .byType)
        #expect(MediaRange("text/pl")?.covers("text/plain") == .not)
        #expect(MediaRange("tex/plain")?.covers("text/plain") == .not)
    }

    @Test("A query is decoded")
    func query() throws {
        let query = try Query(target: "/a?q=a+b%20%C3%BC%2B&&limit=&x", allowed: ["q", "limit", "x", "y"])
        #expect(query["q"] == "a b ü+")
        #expect(query["limit"] == "")
        #expect(query["x"] == "")
        #expect(query["y"] == nil)
        #expect(try Query(target: "/a", allowed: []).isEmpty)
        #expect(try Query(target: "/a?", allowed: []).isEmpty)
        #expect(try Query(target: "/a?q=b=c", allowed: ["q"])["q"] == "b=c")
    }

    @Test(
        "A query that is not understood is refused with the name of the parameter",
        arguments: [
            ("q=%", "invalid_parameter", "q"), ("q=%zz", "invalid_parameter", "q"), ("q=%ff", "invalid_parameter", "q"),
            ("q=1&q=2", "invalid_parameter", "q"), ("%zz=1", "invalid_parameter", "%zz"),
            ("other=1", "unknown_parameter", "other"), ("Q=1", "unknown_parameter", "Q"),
        ])
    func badQuery(query: String, code: String, name: String) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, "GET /search?\(query)")
            #expect(response.status == 400)
            #expect(response.code == code)
            let fault = response.member("errors")?.arrayValue?.first?.objectValue
            #expect(fault?["pointer"]?.stringValue == name)
            #expect(fault?["code"]?.stringValue == code)
        }
    }
}
