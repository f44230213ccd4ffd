import FleetJSON
import Foundation
import Testing

extension ServiceProcess {
    /// At least one row in each table; the checkpoint comes by itself.
    func fill() async throws {
        func post(_ path: String, _ body: String) async throws -> Reply {
            let reply = try await send("POST", path, body)
            #expect(reply.status == 201, "\(path): \(reply.text)")
            return reply
        }
        let federation = try #require(try await create("rebuilt")["federation_id"]?.stringValue)
        for fleet in ["north", "south"] {
            _ = try await post("/fleets", #"{"fleet_id":"\#(fleet)","name":"\#(fleet)","organization":"o"}"#)
            _ = try await post(
                "/federations/\(federation)/members",
                #"{"fleet_id":"\#(fleet)","isolation_level":"none","resource_sharing":true}"#)
            let member = "/federations/\(federation)/members/\(fleet)/accept"
            _ = try await send("POST", member)
        }
        let quota = "/federations/\(federation)/quotas/north/dock"
        #expect(try await send("PUT", quota, #"{"nominal":1}"#).status == 201)
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
        try await waitForCheckpoint()
    }
}
