import FleetJSON
import Foundation
import Testing

@Suite("The events")
struct CloudEventsTests {
    private static let script = checkout + "/Tests/Peers/check-events.py"

    @Test("are CloudEvents in the eyes of the project's own SDK, listed and streamed alike")
    func sdk() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        for fleet in ["north", "south"] {
            let body = #"{"fleet_id":"\#(fleet)","name":"\#(fleet)","organization":"o","contact":{"name":"N"}}"#
            #expect(try await service.send("POST", "/fleets", body).status == 201)
        }
        _ = try await service.create("first")
        let listed = try await service.send("GET", "/events")
        let events = try #require(JSON.parse(listed.text).objectValue?["events"]?.arrayValue)
        #expect(events.count >= 4)
        try directory.write(events.map { $0.text + "\n" }.joined(), to: "events.jsonl")
        let (status, output, errors) = try await TestTool.run(
            "python3", [Self.script, "events.jsonl"], in: directory)
        #expect(status == .exited(0) && output == "\(events.count)\n", "\(output)\(errors)")
    }

    @Test("would be refused by that SDK without one of their attributes", arguments: ["specversion", "id", "source"])
    func damaged(attribute: String) async throws {
        let directory = try ScratchDirectory()
        var event: JSONObject = [
            "specversion": .string("1.0"), "id": .string("1"), "source": .string("/s"), "type": .string("t"),
            "time": .string("2026-01-01T00:00:00Z"), "data": .integer(1),
        ]
        event[attribute] = nil
        try directory.write(JSON.object(event).text + "\n", to: "events.jsonl")
        let (status, _, _) = try await TestTool.run("python3", [Self.script, "events.jsonl"], in: directory)
        #expect(status == .exited(1))
    }
}
