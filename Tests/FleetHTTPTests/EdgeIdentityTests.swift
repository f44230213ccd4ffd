import Logging
import Testing

@testable import FleetHTTP

/// Request ids and the access log.
@Suite(.timeLimit(.minutes(2)))
struct EdgeIdentityTests {
    @Test(
        "Accepted ids are echoed, others replaced",
        arguments: [
            (["X-Request-ID: a.b_c-1"], "a.b_c-1", "a.b_c-1"), (["X-Correlation-ID: c"], "c", "c"),
            (["X-Request-ID: a", "X-Correlation-ID: c"], "a", "c"),
            (["X-Request-ID: a b", "X-Correlation-ID: c"], "c", "c"),
            (["X-Request-ID: a", "X-Correlation-ID: c d"], "a", "a"),
            (["X-Request-ID: a", "X-Request-ID: b"], "a", "a"),
        ])
    func echo(headers: [String], request: String, correlation: String) async throws {
        try await EdgeTestServer.run { server async throws in
            let response = try await edgeExchange(server, "GET /hello", headers)
            #expect(response.headers["x-request-id"] == request)
            #expect(response.headers["x-correlation-id"] == correlation)
        }
    }

    @Test("A request without an accepted id gets one of its own")
    func generated() async throws {
        try await EdgeTestServer.run { server async throws in
            var ids: Set<String> = []
            for header in ["X-Request-ID: \(String(repeating: "x", count: 129))", "X-Request-ID: \"", "Via: 1.1 a"] {
                let response = try await edgeExchange(server, "GET /hello", [header])
                let id = try #require(response.headers["x-request-id"])
                #expect(id.count == 36)
                #expect(response.headers["x-correlation-id"] == id)
                ids.insert(id)
            }
            #expect(ids.count == 3)
        }
    }

    @Test("Ids of one process differ, and so do those of two")
    func source() {
        let source = RequestIDSource(seed: 7)
        let ids = (0..<1000).map { _ in source.next() }
        #expect(Set(ids).count == 1000)
        #expect(ids.allSatisfy { isRequestID($0) && $0.dropFirst(14).first == "8" })
        #expect(RequestIDSource(seed: 8).next() != RequestIDSource(seed: 7).next())
    }

    @Test("A request is one line, without path, query or credentials, and one count")
    func accessLog() async throws {
        try await EdgeTestServer.run { server async throws in
            _ = try await edgeExchange(server, "GET /things/secret-id?token=secret", ["X-Request-ID: r-1"])
            _ = try await edgeExchange(server, "GET /hello")
            #expect(server.log.lines.count == 2)
            let line = try #require(server.log.lines.first)
            #expect(line.level == .info)
            #expect(line.metadata["route"] == "/things/{id}")
            #expect(line.metadata["method"] == "GET")
            #expect(line.metadata["status"] == .stringConvertible(200))
            #expect(line.metadata["request_id"] == "r-1")
            #expect(line.metadata["duration_ms"] != nil)
            #expect(line.metadata["principal"] == nil)
            #expect(!"\(line.metadata)".contains("secret"))
            #expect(server.log.lines.last?.metadata["principal"] == "5f4d")
            #expect(server.log.counts == ["GET /things/{id} 200": 1, "GET /hello 200": 1])
        }
    }

    @Test("A request names its caller's trace in the log, if it names it rightly")
    func trace() async throws {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        let parent = "00f067aa0ba902b7"
        let headers = [
            ("00-\(trace)-\(parent)-01", true), ("01-\(trace)-\(parent)-01-more", true),
            ("00-\(trace)-\(parent)-01-more", false), ("ff-\(trace)-\(parent)-01", false),
            ("00-\(trace.uppercased())-\(parent)-01", false),
            ("00-\(String(repeating: "0", count: 32))-\(parent)-01", false),
            ("00-\(trace)-0000000000000000-01", false), ("00-\(trace)-\(parent)", false), ("x", false),
        ]
        try await EdgeTestServer.run { server async throws in
            for (header, isNamed) in headers {
                _ = try await edgeExchange(server, "GET /hello", ["traceparent: \(header)"])
                #expect(server.log.lines.last?.metadata["trace_id"] == (isNamed ? .string(trace) : nil), "\(header)")
            }
        }
    }

    @Test("Unknown paths and invented methods do not grow the metrics")
    func labels() async throws {
        try await EdgeTestServer.run { server async throws in
            _ = try await edgeExchange(server, "PURGE /tea")
            _ = try await edgeExchange(server, "GET /coffee")
            #expect(server.log.counts == ["_OTHER (unmatched) 404": 1, "GET (unmatched) 404": 1])
        }
    }

    @Test("A slow request is a warning")
    func slow() async throws {
        try await EdgeTestServer.run(slowDuration: .zero) { server async throws in
            _ = try await edgeExchange(server, "GET /hello")
            #expect(server.log.lines.first?.level == .warning)
        }
    }
}
