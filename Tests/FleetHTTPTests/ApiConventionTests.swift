import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

@testable import FleetHTTP

/// What the contract promises of every endpoint, asked of every row of the router.
@Suite("Every endpoint", .timeLimit(.minutes(2)))
struct ApiConventionTests {
    @Test("asks for a credential, and says how to give one, unless it is public")
    func credential() async throws {
        try await ApiStage.run { stage, endpoint in
            let reply = try await stage.send(endpoint, key: .some(nil))
            if endpoint.access.isPublic {
                #expect(reply.status == 200, "\(ApiStage.name(endpoint))")
                // A credential that does not hold makes nothing worse, and tells nothing more.
                let wrong = try await stage.send(endpoint, key: .some("fcs_not-a-key"))
                #expect(wrong.status == 200 && wrong.bytes == reply.bytes, "\(ApiStage.name(endpoint))")
                return
            }
            reply.expectProblem(401, "unauthenticated", ApiStage.name(endpoint))
            #expect(reply.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            let wrong = try await stage.send(endpoint, key: .some("fcs_not-a-key"))
            wrong.expectProblem(401, "invalid_credentials", ApiStage.name(endpoint))
            #expect(wrong.headers["www-authenticate"]?.contains("invalid_token") == true)
        }
    }

    @Test("names the methods of its path to OPTIONS, and to whoever uses another one")
    func methods() async throws {
        try await ApiStage.run { stage, endpoint in
            let methods = Set(Router.endpoints.filter { $0.path == endpoint.path }.map(\.method.rawValue))
            let allowed = methods.union(methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"])
            let path = "/" + (try stage.example(of: endpoint).path)
            let options = try await stage.service.send("OPTIONS", path, key: .some(nil))
            #expect(options.status == 204 && options.bytes.isEmpty, "\(path)")
            let named = options.headers["allow"]?.split(separator: ",").map { $0.filter { $0 != " " } } ?? []
            #expect(Set(named) == allowed && named.count == allowed.count, "\(path): \(named)")
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"] where !methods.contains(method) {
                let reply = try await stage.service.send(method, path, key: .some(nil))
                reply.expectProblem(405, "method_not_allowed", "\(method) \(path)")
                #expect(reply.headers["allow"] == options.headers["allow"], "\(method) \(path)")
            }
        }
    }

    @Test("answers HEAD with the head that GET has, and no body")
    func head() async throws {
        try await ApiStage.run(Router.endpoints.filter { !$0.isWrite }) { stage, endpoint in
            let path = "/" + (try stage.example(of: endpoint).path)
            let get = try await stage.service.send("GET", path)
            let head = try await stage.service.send("HEAD", path)
            #expect(get.status == 200 && head.status == 200 && head.bytes.isEmpty, "\(path)")
            // Every request differs in its id, and the measurements count the requests.
            let own = ["x-request-id", "x-correlation-id", "date"] + (path == "//metrics" ? ["content-length"] : [])
            let heads = [get, head].map { $0.headers.filter { !own.contains($0.key) } }
            #expect(heads[0] == heads[1], "\(path)")
            // A stream has no length.
            let length = path.hasSuffix("/events/stream") ? nil : "\(get.bytes.count)"
            #expect(path == "//metrics" || head.headers["content-length"] == length, "\(path)")
            let absent = try await stage.service.send("HEAD", path + "?x=1")
            #expect(absent.status == 400 && absent.bytes.isEmpty, "\(path)")
        }
    }

    @Test("refuses a parameter that is unknown, malformed or given twice")
    func parameters() async throws {
        try await ApiStage.run { stage, endpoint in
            let place = ApiStage.name(endpoint)
            let reply = try await stage.send(endpoint, query: "?colour=blue")
            reply.expectProblem(400, "unknown_parameter", place)
            for parameter in endpoint.allParameters {
                let wrong = "?\(parameter.name)=\(Self.malformed(parameter.schema))"
                let malformed = try await stage.send(endpoint, query: wrong)
                malformed.expectProblem(400, "invalid_parameter", place + wrong)
                let twice = try await stage.send(endpoint, query: "?\(parameter.name)=1&\(parameter.name)=1")
                twice.expectProblem(400, "invalid_parameter", "\(place) with two \(parameter.name)")
            }
        }
    }

    /// A value that the schema of a parameter cannot have.
    private static func malformed(_ schema: Schema) -> String {
        if case .string(let range) = schema { return range.lowerBound > 0 ? "" : "%00" }
        return "-"
    }

    @Test("makes no answer that the caller does not accept, and does nothing then")
    func accept() async throws {
        try await ApiStage.run { stage, endpoint in
            let before = try await stage.service.end
            for types in ["text/html", "application/json;q=0, text/plain;q=0"] {
                let reply = try await stage.send(endpoint, headers: ["Accept": types])
                reply.expectProblem(406, "not_acceptable", ApiStage.name(endpoint))
            }
            #expect(try await stage.service.end == before, "\(ApiStage.name(endpoint)) was done")
            guard !endpoint.isWrite else { return }
            let any = try await stage.send(endpoint, headers: ["Accept": "text/html, */*;q=0.1"])
            #expect(any.status == 200, "\(ApiStage.name(endpoint))")
        }
    }

    private static let malformedIDs: [(id: String, code: String)] = [
        ("%20", "invalid_id"), ("-x", "invalid_id"), ("%C3%BC", "invalid_id"), ("a%0Ab", "invalid_id"),
        (String(repeating: "a", count: 65), "invalid_id"), ("a%2Fb", "invalid_path"), ("a%00", "invalid_path"),
    ]

    @Test("refuses an id in its path that cannot be one")
    func malformedID() async throws {
        try await ApiStage.run(Router.endpoints.filter { $0.path.contains("{") }) { stage, endpoint in
            let example = try stage.example(of: endpoint)
            for (index, segment) in endpoint.path.split(separator: "/").enumerated() where segment.hasPrefix("{") {
                for row in Self.malformedIDs {
                    var parts = example.path.split(separator: "/").map(String.init)
                    parts[index] = row.id
                    let path = "//" + parts.joined(separator: "/")
                    let reply = try await stage.service.send(endpoint.method.rawValue, path, example.body)
                    reply.expectProblem(400, row.code, "\(endpoint.method.rawValue) \(path)")
                }
            }
        }
    }

    @Test("is found under every percent-encoding of its path")
    func encodedPath() async throws {
        try await ApiStage.run(Router.endpoints.filter { !$0.isWrite }) { stage, endpoint in
            let whole = try stage.example(of: endpoint).path
            let plain = String(whole.prefix { $0 != "?" })
            let query = whole.dropFirst(plain.count)
            let encoded = plain.replacing("e", with: "%65").replacing("o", with: "%6f").replacing("-", with: "%2D")
            let replies = [
                try await stage.service.send("GET", "/" + plain + query),
                try await stage.service.send("GET", "/" + encoded + query),
            ]
            #expect(replies[1].status == 200, "\(encoded): \(replies[1].body)")
            // A page token is another one each time.
            let objects = replies.map { $0.object.without(["next_page_token"]) }
            if plain != "/metrics" { #expect(objects[0] == objects[1], "\(encoded)") }
            let slashed = try await stage.service.send("GET", "/" + plain + "/")
            slashed.expectProblem(404, "route_not_found", plain + "/")
        }
    }

    @Test("echoes the name of a request, or gives it one")
    func requestID() async throws {
        try await ApiStage.run { stage, endpoint in
            let named = try await stage.send(endpoint, query: "?x=1", headers: ["X-Request-ID": "trip_7.a-B"])
            #expect(named.headers["x-request-id"] == "trip_7.a-B" && named.text("request_id") == "trip_7.a-B")
            let correlated = try await stage.send(endpoint, query: "?x=1", headers: ["X-Correlation-ID": "flow-1"])
            #expect(correlated.headers["x-correlation-id"] == "flow-1")
            let unusable = try await stage.send(endpoint, query: "?x=1", headers: ["X-Request-ID": "no spaces"])
            unusable.expectProblem(400, "unknown_parameter", ApiStage.name(endpoint))
            #expect(unusable.headers["x-request-id"] != "no spaces")
        }
    }
}
