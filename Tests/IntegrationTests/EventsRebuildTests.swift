import FleetJSON
import Foundation
import Testing

@Suite("events rebuild")
struct EventsRebuildTests {
    private static let tables: Set<Substring> = [
        "allocations", "api_keys", "audit_checkpoints", "communication_logs", "coordination_metrics", "messages",
        "webhooks", "event_replays", "fleet_balances",
        "fleet_federation_members",
        "fleet_federations", "fleet_quotas", "fleets",
        "resource_sharing", "resources",
    ]

    @Test("proves beside the running service that every table is what the log says")
    func same() async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        try await fill(service)
        let (status, output, errors) = try await ServiceProcess.run(in: directory, [:], ["events", "rebuild"])
        #expect(status == .exited(0), "\(output)\(errors)")
        let rows = output.lines.dropLast().map { $0.split(separator: " ") }
        #expect(Set(rows.map { $0[0] }) == Self.tables)
        #expect(rows.count == Self.tables.count)
        #expect(rows.allSatisfy { $0.count == 5 && $0[4] == "same" }, "\(output)")
        // A table that no write reached would be the same whatever the program did.
        #expect(rows.filter { $0[1] == "0" }.map { $0[0] } == [], "\(output)")
        #expect(try await service.create("after").status == 201)
    }

    @Test(
        "exits 1 and names the table when one was changed by hand",
        arguments: [
            ("fleet_federations", "UPDATE fleet_federations SET name = 'changed'"), ("fleets", "DELETE FROM fleets"),
            ("resources", "UPDATE resources SET capacity = capacity + 1"),
        ])
    func differs(table: String, statement: String) async throws {
        let directory = try ScratchDirectory()
        let service = try await ServiceProcess.start(in: directory)
        try await fill(service)
        try await service.stop()
        try database(in: directory, statement)
        let (status, output, _) = try await ServiceProcess.run(in: directory, [:], ["events", "rebuild"])
        #expect(status == .exited(1))
        let different = output.lines.filter { $0.contains(" DIFFERS from ") }
        #expect(different.count == 1 && different[0].hasPrefix(table + " "), "\(output)")
    }

    /// At least one row in each table; the checkpoint comes by itself.
    private func fill(_ service: ServiceProcess) async throws {
        func post(_ path: String, _ body: String) async throws -> Reply {
            let reply = try await service.send("POST", path, body)
            #expect(reply.status == 201, "\(path): \(reply.text)")
            return reply
        }
        let federation = try #require(try await service.create("rebuilt")["federation_id"]?.stringValue)
        for fleet in ["north", "south"] {
            _ = try await post("/fleets", #"{"fleet_id":"\#(fleet)","name":"\#(fleet)","organization":"o"}"#)
            _ = try await post(
                "/federations/\(federation)/members",
                #"{"fleet_id":"\#(fleet)","isolation_level":"none","resource_sharing":true}"#)
            let member = "/federations/\(federation)/members/\(fleet)/accept"
            _ = try await service.send("POST", member)
        }
        let quota = "/federations/\(federation)/quotas/north/dock"
        #expect(try await service.send("PUT", quota, #"{"nominal":1}"#).status == 201)
        _ = try await post("/fleets/north/resources", #"{"resource_id":"dock","resource_type":"dock"}"#)
        _ = try await post(
            "/resource-sharing",
            #"{"source_fleet_id":"north","target_fleet_id":"south","resource_type":"dock","resource_id":"dock","#
                + #""duration":3600,"priority":"normal","federation_id":"\#(federation)"}"#)
        _ = try await post(
            "/allocations",
            #"{"target_fleet_id":"north","resource_type":"dock","quantity":1,"duration":60,"latest":"2100-01-01T00:00:00Z","#
                + #""federation_id":"\#(federation)"}"#)
        _ = try await post(
            "/messages",
            #"{"federation_id":"\#(federation)","source_fleet_id":"north","target_fleet_id":"south","#
                + #""message_type":"note","message_content":"hello"}"#)
        let hook = try await post(
            "/webhooks", #"{"url":"https://192.0.32.10/","fleet_id":"north","event_types":["quota.removed"]}"#)
        let webhook = try #require(hook["webhook_id"]?.stringValue)
        _ = try await post("/webhooks/\(webhook)/replay", #"{"from_position":"1","to_position":"2"}"#)
        _ = try await post(
            "/metrics",
            #"{"federation_id":"\#(federation)","metric_type":"load","metric_value":0.5,"metric_unit":"ratio"}"#)
        try await service.waitForCheckpoint()
    }
}
