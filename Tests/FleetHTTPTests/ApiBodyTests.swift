import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// What the contract promises of every endpoint that takes a body.
@Suite("Every body", .timeLimit(.minutes(2)))
struct ApiBodyTests {
    private static let endpoints = Router.endpoints.filter { $0.body != nil }

    @Test("is taken as JSON only")
    func mediaType() async throws {
        try await ApiStage.run(Self.endpoints) { stage, endpoint in
            let example = try stage.example(of: endpoint)
            let wrong = ["text/plain", "application/xml", "application/json; charset=latin1", "application/jsonx"]
            for type in wrong + (endpoint.method == .patch ? [] : ["application/merge-patch+json"]) {
                let reply = try await stage.service.send(
                    endpoint.method.rawValue, "/" + example.path, example.body ?? "{}", headers: ["Content-Type": type])
                reply.expectProblem(415, "unsupported_media_type", "\(ApiStage.name(endpoint)) as \(type)")
            }
        }
    }

    private static let depth31 = String(repeating: "[", count: 31) + String(repeating: "]", count: 31)

    /// Bodies that no endpoint takes, with what each is refused with.
    private static let unreadable: [(body: [UInt8], status: Int, code: String)] =
        [
            ("{", 400, "malformed_json"), (#"{"a":}"#, 400, "malformed_json"), ("{} {}", 400, "malformed_json"),
            (#"{"a":1,}"#, 400, "malformed_json"), (#"{"a":01}"#, 400, "malformed_json"),
            (#"{"a":1,"a":2}"#, 400, "duplicate_key"), (#"{"b":{"a":1,"\u0061":2}}"#, 400, "duplicate_key"),
            (#"{"a":[\#(depth31)]}"#, 400, "nesting_too_deep"), (#"{"a":\#(depth31)}"#, 422, "validation_failed"),
            ("[]", 422, "validation_failed"), ("null", 422, "validation_failed"), ("7", 422, "validation_failed"),
        ].map { (Array($0.0.utf8), $0.1, $0.2) } + [
            (Array(#"{"a":""#.utf8) + [0xc3, 0x28] + Array(#""}"#.utf8), 400, "invalid_encoding"),
            (Array(#"{"a":""#.utf8) + [0xed, 0xa0, 0x80] + Array(#""}"#.utf8), 400, "invalid_encoding"),
        ]

    @Test("that cannot be read is told apart from one that is wrong, also where none is needed")
    func unreadable() async throws {
        try await ApiStage.run(Router.endpoints.filter(\.isWrite)) { stage, endpoint in
            let path = try stage.example(of: endpoint).path
            for row in Self.unreadable {
                let reply = try await stage.service.send(endpoint.method.rawValue, path, bytes: row.body)
                let text = String(decoding: row.body, as: UTF8.self)
                reply.expectProblem(row.status, row.code, "\(ApiStage.name(endpoint)) \(text)")
            }
        }
    }

    @Test("over 1 MiB is refused, announced or not")
    func tooLarge() async throws {
        try await ApiStage.run(Self.endpoints) { stage, endpoint in
            let path = try stage.example(of: endpoint).path
            let line = "\(endpoint.method.rawValue) \(path)"
            let fields = ["Authorization: Bearer \(stage.service.adminKey)", "Content-Type: application/json"]
            try await EdgeWire.open(stage.service.port) { wire async throws in
                try await wire.request(line, fields + ["Content-Length: \((1 << 20) + 1)"])
                let reply = try await wire.response()
                #expect(reply.status == 413 && reply.code == "body_too_large", "\(line): \(reply.body)")
            }
            let largest = #"{"a":""# + String(repeating: "a", count: (1 << 20) - 8) + #""}"#
            let fits = try await stage.service.send(endpoint.method.rawValue, path, bytes: Array(largest.utf8))
            fits.expectProblem(422, "validation_failed", line)
        }
    }

    @Test("without an announced length is refused once it is over 1 MiB")
    func tooLargeInChunks() async throws {
        try await TestService.run { service in
            try await EdgeWire.open(service.port) { wire async throws in
                let fields = ["Authorization: Bearer \(service.adminKey)", "Content-Type: application/json"]
                try await wire.request(
                    "POST \(API.base)/federations", fields + ["Transfer-Encoding: chunked"])
                let chunk = "10000\r\n" + String(repeating: " ", count: 1 << 16) + "\r\n"
                for _ in 0...16 { try await wire.send(chunk) }
                let reply = try await wire.response()
                #expect(reply.status == 413 && reply.code == "body_too_large", "\(reply.body)")
            }
        }
    }

    @Test("that is wrong is answered with all of its faults at once")
    func allFaults() async throws {
        try await ApiStage.run(Self.endpoints) { stage, endpoint in
            let path = "/" + (try stage.example(of: endpoint).path)
            let fields = try #require(Self.fields(endpoint), "\(ApiStage.name(endpoint))")
            // Every known field with a value that none can have, and two fields that nobody knows.
            let members = fields.names.map { "\"\($0)\":[[]]" } + [#""x":1"#, #""a/b~c":2"#]
            let reply = try await stage.service.send(
                endpoint.method.rawValue, path, "{" + members.joined(separator: ",") + "}")
            reply.expectProblem(422, "validation_failed", path)
            let faults = reply.rows("errors")
            let named = Set(faults.map { String($0.text("pointer").split(separator: "/")[0]) })
            #expect(named == Set(fields.bounded + ["x", "a~1b~0c"]), "\(path): \(reply.body)")
            #expect(faults.allSatisfy { !$0.text("code").isEmpty && !$0.text("detail").isEmpty })
            let unknown = faults.filter { $0.text("code") == "unknown_field" }.map { $0.text("pointer") }
            #expect(Set(unknown) == ["/x", "/a~1b~0c"], "\(path)")
            let empty = try await stage.service.send(endpoint.method.rawValue, path + "?dry_run=true", "{}")
            let missing = empty.rows("errors").filter { $0.text("code") == "required" }.map { $0.text("pointer") }
            #expect(Set(missing) == Set(fields.required.map { "/" + $0 }), "\(path): \(empty.body)")
        }
    }

    @Test("with very many faults is answered with the first of them")
    func manyFaults() async throws {
        try await TestService.run { service in
            let body = "{" + (0..<5000).map { "\"x\($0)\":1" }.joined(separator: ",") + "}"
            let reply = try await service.send("POST", "/federations", body)
            reply.expectProblem(422, "validation_failed", "many")
            #expect(reply.rows("errors").count == 100 && reply.text("detail").contains("5001"))
        }
    }

    /// The fields of an endpoint's body, as the document tells callers.
    /// - Returns: `bounded` are those that not every value will do for.
    private static func fields(
        _ endpoint: Endpoint
    ) -> (names: [String], bounded: [String], required: [String])? {
        let operation = OpenAPI.document.at("paths", endpoint.path, endpoint.method.rawValue.lowercased())
        let schema = operation?.at("requestBody", "content")?.objectValue?.members.first?.value.at("schema")
        guard let properties = schema?.at("properties")?.objectValue else { return nil }
        let required = schema?.at("required")?.arrayValue?.compactMap(\.stringValue) ?? []
        let bounded = properties.members.filter { $0.value.at("type") != nil || $0.value.at("anyOf") != nil }
        return (properties.members.map(\.key), bounded.map(\.key), required)
    }
}

extension JSON {
    /// The value that a path of keys leads to.
    func at(_ path: String...) -> JSON? { path.reduce(self as JSON?) { $0?.objectValue?[$1] } }
}
