import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

@Suite("Attributes of a resource", .timeLimit(.minutes(2)))
struct ResourceAttributeTests {
    @Test("are merged by a patch, and may not become too many")
    func merged() async throws {
        try await TestService.run { service in
            _ = try await service.found([("owner", "none")])
            try await service.register("owner", "van")
            let path = "/fleets/owner/resources/van"
            try await service.ok("PATCH", path, #"{"attributes":{"seats":8,"lift":true}}"#)
            let patched = try await service.ok("PATCH", path, #"{"attributes":{"lift":null,"fuel":"diesel"}}"#)
            #expect(patched["attributes"]?.objectValue == ["seats": .integer(8), "fuel": .string("diesel")])
            let many = (0..<Resource.attributesMax - 1).map { "\"a\($0)\":1" }.joined(separator: ",")
            try await service.refused(422, "validation_failed", "PATCH", path, "{\"attributes\":{\(many)}}")
            for index in 0..<3 {
                let long = String(repeating: "x", count: 4000)
                let reply = try await service.send("PATCH", path, #"{"attributes":{"n":{"\#(index)":"\#(long)"}}}"#)
                #expect(reply.status == (index < 2 ? 200 : 422), "\(index)")
            }
            try await service.ok("PATCH", path, #"{"attributes":{"n":null}}"#)
            #expect(try await service.ok("GET", path)["attributes"] == patched["attributes"])
        }
    }
}
