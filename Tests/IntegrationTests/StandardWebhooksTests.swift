import FleetJSON
import Foundation
import Testing

@Suite("Webhooks")
struct StandardWebhooksTests {
    private static let script = checkout + "/Tests/Peers/receive-webhooks.py"

    @Test("are accepted by the library of Standard Webhooks")
    func library() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory, ["WEBHOOK_ALLOW_PRIVATE": "true"])
        async let receiver = TestTool.run(
            "python3", [Self.script, "port.txt", "secret.txt", "3"], in: directory)
        let port = try await eventually("the receiver listens") {
            (try? String(contentsOfFile: directory.path + "/port.txt", encoding: .utf8)).flatMap { Int($0) }
        }
        let fleet = #"{"fleet_id":"north","name":"North","organization":"o"}"#
        #expect(try await service.send("POST", "/fleets", fleet).status == 201)
        let body = #"{"url":"http://127.0.0.1:\#(port)/hook","fleet_id":"north"}"#
        let made = try await service.send("POST", "/webhooks", body)
        #expect(made.status == 201, "\(made.text)")
        let secret = try #require(made["secret"]?.stringValue)
        let id = try #require(made["webhook_id"]?.stringValue)
        try directory.write(secret, to: "secret.txt")
        #expect(try await service.send("PATCH", "/fleets/north", #"{"name":"Pole"}"#).status == 200)
        let rotated = try await service.send("POST", "/webhooks/\(id)/rotate-secret")
        #expect(rotated.status == 200, "\(rotated.text)")
        #expect(try await service.send("POST", "/webhooks/\(id)/test").status == 202)
        let (status, output, errors) = try await receiver
        #expect(status == .exited(0), "\(output)\(errors)")
        let types = try JSON.parse(output.trimmingCharacters(in: .whitespacesAndNewlines)).arrayValue
        let names = (types ?? []).compactMap { $0.stringValue?.split(separator: ".").suffix(2).joined(separator: ".") }
        #expect(names.sorted() == ["fleet.updated", "webhook.tested", "webhook.updated"])
    }
}
