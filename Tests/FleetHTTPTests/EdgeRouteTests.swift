import FleetDomain
import FleetJSON
import HTTPTypes
import Testing

@testable import FleetHTTP

@Suite(.timeLimit(.minutes(2)))
struct EdgeRouteTests {
    private let table = RouteTable([
        RoutePattern(.get, "/v1/fleets"), RoutePattern(.post, "/v1/fleets"),
        RoutePattern(.get, "/v1/fleets/{id}"), RoutePattern(.patch, "/v1/fleets/{id}"),
        RoutePattern(.delete, "/v1/fleets/{id}"), RoutePattern(.post, "/v1/fleets/all"),
        RoutePattern(.get, "/v1/fleets/{id}/resources/{resource}"), RoutePattern(.get, "/v1/fleets/all/units"),
    ])

    private func match(_ method: HTTPRequest.Method, _ path: String) throws -> RouteTable.Match {
        try table.match(method, path: path)
    }

    @Test("A path finds its route and its captures")
    func matching() throws {
        #expect(try match(.get, "/v1/fleets") == .route(index: 0, captures: []))
        #expect(try match(.post, "/v1/fleets") == .route(index: 1, captures: []))
        #expect(try match(.head, "/v1/fleets/a") == .route(index: 2, captures: ["a"]))
        #expect(try match(.get, "/v1/fleets/a/resources/b") == .route(index: 6, captures: ["a", "b"]))
    }

    @Test("A literal wins over a capture, and a capture takes what the literal cannot finish")
    func precedence() throws {
        #expect(try match(.post, "/v1/fleets/all") == .route(index: 5, captures: []))
        #expect(try match(.get, "/v1/fleets/all") == .wrongMethod(allow: "POST, OPTIONS"))
        #expect(try match(.get, "/v1/fleets/all/units") == .route(index: 7, captures: []))
        #expect(try match(.get, "/v1/fleets/all/resources/b") == .route(index: 6, captures: ["all", "b"]))
    }

    @Test("Allow lists exactly what the path has")
    func allow() throws {
        #expect(try match(.put, "/v1/fleets") == .wrongMethod(allow: "GET, HEAD, POST, OPTIONS"))
        #expect(try match(.post, "/v1/fleets/a") == .wrongMethod(allow: "GET, HEAD, PATCH, DELETE, OPTIONS"))
        #expect(try match(.head, "/v1/fleets/all") == .wrongMethod(allow: "POST, OPTIONS"))
        #expect(try match(.options, "/v1/fleets/a") == .options(allow: "GET, HEAD, PATCH, DELETE, OPTIONS"))
        #expect(try match(.options, "*") == .options(allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
    }

    @Test(
        "Other paths are unknown",
        arguments: [
            "/", "//", "/v1", "/v1/fleets/", "/v1//fleets", "//v1/fleets", "/v1/fleets/a/", "/V1/fleets", "*", "",
            "v1/fleets", "/v1/fleets/a/resources", "/v1/fleets/a/resources/b/c",
        ])
    func unknown(path: String) throws {
        #expect(try match(.get, path) == .unknown)
    }

    @Test("Segments are decoded before they are compared or captured")
    func decoding() throws {
        #expect(try match(.get, "/v1/%66leets/a%20%C3%BC") == .route(index: 2, captures: ["a ü"]))
        #expect(try match(.get, "/v1/fleets/a+b") == .route(index: 2, captures: ["a+b"]))
        // Bytes are compared, not canonically equivalent text.
        let table = RouteTable([RoutePattern(.get, "/\u{e9}")])
        #expect(try table.match(.get, path: "/e%CC%81") == .unknown)
        #expect(try table.match(.get, path: "/%C3%A9") == .route(index: 0, captures: []))
    }

    @Test(
        "A path that cannot be decoded is refused",
        arguments: [
            "/v1/%", "/v1/%2", "/v1/%zz", "/v1/%ff", "/v1/a%2Fb", "/v1/a%2fb", "/v1/a%00", "/v1/\u{fffd}", "/v1/ü",
        ])
    func invalidPath(path: String) {
        #expect(throws: FleetError(.invalidPath, "The path is not a valid percent-encoding of UTF-8.")) {
            try match(.get, path)
        }
    }

    @Test("The rules hold over the wire")
    func wire() async throws {
        try await EdgeTestServer.run { server async throws in
            let wrong = try await edgeExchange(server, "PUT /things/1")
            #expect(wrong.status == 405)
            #expect(wrong.code == "method_not_allowed")
            #expect(wrong.headers["allow"] == "GET, HEAD, PATCH, DELETE, OPTIONS")
            #expect(try await edgeExchange(server, "PURGE /things/1").status == 405)
            let options = try await edgeExchange(server, "OPTIONS /things/1")
            #expect(options.status == 204)
            #expect(options.headers["allow"] == "GET, HEAD, PATCH, DELETE, OPTIONS")
            #expect(try await edgeExchange(server, "OPTIONS *").status == 204)
            #expect(try await edgeExchange(server, "GET /things/a%20b").body == "a b")
            #expect(try await edgeExchange(server, "GET /things/all").body == "all of them")
            #expect(try await edgeExchange(server, "DELETE /things/all").status == 405)
            let invalid = try await edgeExchange(server, "GET /things/%zz?q=secret")
            #expect(invalid.code == "invalid_path")
            #expect(invalid.member("instance")?.stringValue == "/things/%zz")
            let unknown = try await edgeExchange(server, "GET /nothing/")
            #expect(unknown.status == 404)
            #expect(unknown.code == "route_not_found")
        }
    }

    @Test("HEAD has the headers of GET and no body, also for errors and streams")
    func head() async throws {
        try await EdgeTestServer.run { server async throws in
            try await EdgeWire.open(server.port) { wire async throws in
                try await wire.request("HEAD /hello")
                let response = try await wire.response(isHead: true)
                #expect(response.status == 200)
                #expect(response.headers["content-length"] == "5")
                #expect(response.headers["content-type"] == "text/plain")
                try await wire.request("HEAD /endless")
                #expect(try await wire.response(isHead: true).status == 200)
                try await wire.request("HEAD /nothing")
                let missing = try await wire.response(isHead: true)
                #expect(missing.status == 404)
                #expect(missing.headers["content-length"].flatMap { Int($0) } ?? 0 > 0)
                // No stray byte came in between.
                try await wire.request("GET /hello")
                #expect(try await wire.response().body == "hello")
            }
        }
    }
}
