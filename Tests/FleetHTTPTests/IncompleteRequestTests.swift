import FleetHTTP
import FleetTestSupport
import Testing

@Suite("A request that does not come whole", .timeLimit(.minutes(1)))
struct IncompleteRequestTests {
    @Test(
        "is refused, and nothing is done",
        arguments: ["Content-Length: 99", "Transfer-Encoding: chunked"], [true, false])
    func nothing(framing: String, staysForAnswer: Bool) async throws {
        try await TestService.run { service in
            let end = try await service.end
            for number in 0..<10 {
                let body = #"{"fleet_id":"short-\#(number)","name":"short","organization":"o"}"#
                let sent = framing.hasPrefix("T") ? "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n" : body
                try await EdgeWire.open(service.port) { wire async throws in
                    try await wire.request(
                        "POST \(API.base)/fleets",
                        ["Authorization: Bearer \(service.adminKey)", "Content-Type: application/json", framing])
                    try await wire.send(sent)
                    guard staysForAnswer else { return }
                    wire.closeOutput()
                    #expect(try await wire.response().status == 400)
                }
            }
            for number in 0..<10 {
                try await service.refused(404, "fleet_not_found", "GET", "/fleets/short-\(number)")
            }
            #expect(try await service.end == end)
        }
    }
}
