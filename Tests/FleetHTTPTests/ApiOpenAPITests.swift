import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

@testable import FleetHTTP

/// The document of the API against the router, and against what is really answered.
@Suite("The OpenAPI document", .timeLimit(.minutes(2)))
struct ApiOpenAPITests {
    private static let document = ApiDocument(json: OpenAPI.document)

    @Test("is served as it is made, to anybody")
    func served() async throws {
        try await TestService.run { service in
            let reply = try await service.send("GET", "//openapi.json", key: .some(nil))
            #expect(reply.status == 200 && reply.json == OpenAPI.document)
            #expect(reply["openapi"] == .string("3.1.0"))
        }
    }

    @Test("has every route of the router and no other")
    func routes() throws {
        let paths = try #require(OpenAPI.document.at("paths")?.objectValue)
        let documented = paths.members.flatMap { path in
            (path.value.objectValue?.members ?? []).map { "\($0.key.uppercased()) \(path.key)" }
        }
        #expect(documented.sorted() == Router.endpoints.map(ApiStage.name).sorted())
        #expect(Set(documented) == Set(ApiRouteTable.permissions.keys))
        let ids = Router.endpoints.compactMap {
            Self.document.operation($0.method.rawValue, $0.path)?.at("operationId")?.stringValue
        }
        #expect(Set(ids).count == Router.endpoints.count, "an operationId is used twice, or missing")
    }

    @Test("names every parameter, header, body and answer of a route")
    func operations() throws {
        for endpoint in Router.endpoints {
            let name = ApiStage.name(endpoint)
            let operation = try #require(Self.document.operation(endpoint.method.rawValue, endpoint.path), "\(name)")
            let parameters = operation.at("parameters")?.arrayValue ?? []
            func names(_ place: String) -> Set<String> {
                Set(parameters.filter { $0.at("in") == .string(place) }.compactMap { $0.at("name")?.stringValue })
            }
            let captures = endpoint.path.split(separator: "/").filter { $0.hasPrefix("{") }
            #expect(names("path") == Set(captures.map { String($0.dropFirst().dropLast()) }), "\(name)")
            #expect(names("query") == Set(endpoint.allParameters.map(\.name)), "\(name)")
            #expect(names("header").contains("Idempotency-Key") == endpoint.isWrite, "\(name)")
            #expect(names("query").contains("dry_run") == endpoint.isWrite, "\(name)")
            let bodies = operation.at("requestBody", "content")?.objectValue?.members ?? []
            #expect(bodies.isEmpty == (endpoint.body == nil), "\(name)")
            let patch = "application/merge-patch+json"
            #expect(bodies.allSatisfy { $0.key == (endpoint.method == .patch ? patch : "application/json") }, "\(name)")
            let answers = operation.at("responses")?.objectValue?.members.map(\.key) ?? []
            #expect(Set(answers) == Set(endpoint.answers.map { "\($0.status)" } + ["default"]), "\(name)")
        }
    }

    @Test("has no reference that leads nowhere, and no schema that nothing refers to")
    func references() throws {
        func references(_ json: JSON) -> [String] {
            switch json {
            case .array(let array): array.flatMap(references)
            case .object(let object):
                object.members.flatMap { member in
                    if member.key == "$ref", let target = member.value.stringValue { return [target] }
                    return references(member.value)
                }
            default: []
            }
        }
        let found = Set(references(OpenAPI.document))
        for reference in found { #expect(Self.document.checker.resolve(reference) != nil, "\(reference)") }
        let schemas = try #require(OpenAPI.document.at("components", "schemas")?.objectValue)
        #expect(found == Set(schemas.members.map { "#/components/schemas/\($0.key)" }))
    }

    @Test("says what every route answers, and a route answers nothing else")
    func answers() async throws {
        try await ApiStage.run { stage, endpoint in
            let name = ApiStage.name(endpoint)
            let reply = try await stage.send(endpoint)
            #expect((200..<300).contains(reply.status), "\(name): \(reply.body)")
            let faults = Self.document.faults(endpoint.method.rawValue, endpoint.path, reply)
            #expect(faults.isEmpty, "\(name): \(faults) in \(reply.body)")
            let problem = try await stage.send(endpoint, query: "?x=1")
            let problemFaults = Self.document.faults(endpoint.method.rawValue, endpoint.path, problem)
            #expect(problemFaults.isEmpty, "\(name): \(problemFaults) in \(problem.body)")
        }
    }

    @Test("says what is asked: every example body fits its schema, and a body that does not fit is refused")
    func bodies() async throws {
        try await ApiStage.run(Router.endpoints.filter { $0.body != nil }) { stage, endpoint in
            let name = ApiStage.name(endpoint)
            let operation = Self.document.operation(endpoint.method.rawValue, endpoint.path)
            let schema = operation?.at("requestBody", "content")?.objectValue?.members.first?.value.at("schema")
            let example = try stage.example(of: endpoint).body ?? "{}"
            #expect(Self.document.checker.faults(of: try JSON.parse(example), against: schema).isEmpty, "\(name)")
            let wrong: JSON = ["surplus": .integer(1)]
            #expect(!Self.document.checker.faults(of: wrong, against: schema).isEmpty, "\(name)")
        }
    }
}
