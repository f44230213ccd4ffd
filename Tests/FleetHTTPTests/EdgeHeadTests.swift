import FleetJSON
import Logging
import Testing

@testable import FleetHTTP

/// What is refused before a handler sees the request.
@Suite(.timeLimit(.minutes(2)))
struct EdgeHeadTests {
    @Test(
        "A head that breaks a rule is answered with a problem and the end of the connection",
        arguments: [
            ("GET /hello HTTP/1.1\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: a:port\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, "invalid_host"),
            ("GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "invalid_host"),
            ("GET http://us%er@b/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_host"),
            ("GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
            ("GET ftp://a/hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
            ("nonsense\r\n\r\n", 400, "malformed_request"),
            ("GET /hello HTTP/2.0\r\nHost: a\r\n\r\n", 400, "malformed_request"),
            ("GET /hello HTTP/1.1\r\nHost: a\r\nBroken Header: 1\r\n\r\n", 400, "malformed_request"),
            ("GET /hello HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n", 400, "malformed_request"),
            ("POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "malformed_request"),
            (
                "POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400,
                "malformed_request"
            ),
            (
                "POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                "malformed_request"
            ),
            ("POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400, "malformed_request"),
            ("POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413, "body_too_large"),
            (
                "POST /things HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", 413,
                "body_too_large"
            ),
            ("POST /things HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", 417, "expectation_failed"),
            (
                "GET /hello HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 17 << 10))\r\n\r\n", 431,
                "headers_too_large"
            ),
            ("GET /\(String(repeating: "x", count: 17 << 10)) HTTP/1.1\r\nHost: a\r\n\r\n", 431, "headers_too_large"),
            (
                "GET /hello HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: 1\r\n", count: 101))\r\n", 431,
                "headers_too_large"
            ),
        ])
    func refusal(request: String, status: Int, code: String) async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.send(request)
                let response = try await wire.response()
                #expect(response.status == status)
                #expect(response.code == code)
                #expect(response.headers["content-type"] == "application/problem+json")
                #expect(response.headers["connection"] == "close")
                #expect(response.headers["date"] == "Sat, 31 Jan 2026 09:00:00 GMT")
                #expect(response.headers["x-request-id"] == response.member("request_id")?.stringValue)
                try await wire.expectEnd()
            }
            #expect(server.log.lines.count == 1)
            #expect(server.log.lines.first?.metadata["code"] == .string(code))
        }
    }

    @Test(
        "A head that keeps the rules is served",
        arguments: [
            "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "GET http://b.example/hello HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /hello HTTP/1.0\r\n\r\n",
            "\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func acceptance(request: String) async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.send(request)
                #expect(try await wire.response().status == 200)
            }
        }
    }

    @Test("HTTP/1.0 and Connection: close end the connection after the answer, an upgrade is not followed")
    func lastRequests() async throws {
        let heads = [
            "GET /hello HTTP/1.0\r\n\r\n", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        ]
        try await EdgeTestServer.run { server async throws in
            for head in heads {
                try await EdgeWire.open(server.port) { wire async throws in
                    // What follows the last request is not answered.
                    try await wire.send(head + "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                    let response = try await wire.response()
                    #expect(response.status == 200)
                    #expect(response.body == "hello")
                    #expect(response.headers["connection"] == "close")
                    try await wire.expectEnd()
                }
            }
        }
    }

    @Test("A client that expects 100-continue gets it, before it sends the body")
    func expectContinue() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                let headers = ["Content-Type: application/json", "Content-Length: 2", "Expect: 100-Continue"]
                try await wire.request("POST /things", headers)
                #expect(try await wire.response().status == 100)
                try await wire.send("{}")
                let response = try await wire.response()
                #expect(response.status == 200)
                #expect(response.body == "{}")
                // Nothing is read, so nothing is waited for.
                try await wire.request("GET /hello", ["Expect: 100-continue"])
                #expect(try await wire.response().status == 200)
            }
        }
    }

    @Test("A chunked body beyond the limit is refused while it comes")
    func chunkedBodyTooLarge() async throws {
        var limits = EdgeLimits()
        limits.bodyBytesMax = 100
        try await EdgeTestServer.run(limits: limits) { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request(
                    "POST /things", ["Content-Type: application/json", "Transfer-Encoding: chunked"])
                let chunk = "33\r\n\(String(repeating: " ", count: 51))\r\n"
                try await wire.send(chunk + chunk)
                let response = try await wire.response()
                #expect(response.status == 413)
                #expect(response.code == "body_too_large")
                try await wire.expectEnd()
            }
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request(
                    "POST /things", ["Content-Type: application/json", "Transfer-Encoding: chunked"])
                try await wire.send("2\r\n{}\r\n0\r\n\r\n")
                #expect(try await wire.response().body == "{}")
            }
        }
    }

    @Test("A client that goes on sending can still read why it was refused")
    func lingering() async throws {
        let chunk = "100000\r\n\(String(repeating: " ", count: 1 << 20))\r\n"
        let heads = [
            "Content-Type: application/json\r\nTransfer-Encoding: chunked", "Content-Length: 4000000",
        ]
        try await EdgeTestServer.run { server async throws in
            for head in heads {
                try await EdgeWire.open(server.port) { wire async throws in
                    try await wire.send("POST /things HTTP/1.1\r\nHost: a\r\n\(head)\r\n\r\n")
                    for _ in 0..<4 { try await wire.send(chunk) }
                    #expect(try await wire.response().code == "body_too_large")
                    try await wire.expectEnd()
                }
            }
        }
    }

    @Test("A broken chunk is answered with a problem")
    func brokenChunk() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request(
                    "POST /things", ["Content-Type: application/json", "Transfer-Encoding: chunked"])
                try await wire.send("zz\r\n{}\r\n0\r\n\r\n")
                #expect(try await wire.response().code == "malformed_request")
                try await wire.expectEnd()
            }
        }
    }

    @Test("A body that ends early is not taken for a whole one")
    func truncatedBody() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("POST /things", ["Content-Type: application/json", "Content-Length: 3"])
                try await wire.send("12")
                wire.closeOutput()
                #expect(try await wire.response().code == "malformed_request")
                try await wire.expectEnd()
            }
        }
    }
}
