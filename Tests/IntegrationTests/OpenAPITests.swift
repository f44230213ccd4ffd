import Foundation
import Testing

@Suite("The OpenAPI document")
struct OpenAPITests {
    @Test("is valid in the eyes of a validator of others, and needs no credential")
    func validator() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        let reply = try await service.send("GET", "//openapi.json", key: .some(nil))
        #expect(reply.status == 200)
        try directory.write(reply.text, to: "openapi.json")
        let (status, output, errors) = try await TestTool.run("openapi-spec-validator", ["openapi.json"], in: directory)
        #expect(status == .exited(0), "\(output)\(errors)")
    }

    @Test("is refused by that validator once it is damaged")
    func damaged() async throws {
        let directory = try ScratchDirectory()
        try directory.write(#"{"openapi":"3.1.0","info":{"title":"no version"},"paths":{}}"#, to: "openapi.json")
        let (status, _, _) = try await TestTool.run("openapi-spec-validator", ["openapi.json"], in: directory)
        #expect(status == .exited(1))
    }
}
