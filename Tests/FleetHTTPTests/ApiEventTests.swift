import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import Testing

/// Which event tells of each write.
@Suite("Every write", .timeLimit(.minutes(2)))
struct ApiEventTests {
    /// By route, what its example on the stage records, in order.
    private static let types: [String: [String]] = [
        "POST /federations": ["federation.created"],
        "PUT /federations/{federation_id}": ["federation.updated"],
        "DELETE /federations/{federation_id}": ["federation.dissolved"],
        "POST /federations/{federation_id}/members": ["fleet.registered", "member.joined"],
        "PATCH /federations/{federation_id}/members/{fleet_id}": ["member.updated"],
        "DELETE /federations/{federation_id}/members/{fleet_id}": ["member.left"],
        "POST /federations/{federation_id}/members/{fleet_id}/accept": ["member.joined"],
        "POST /federations/{federation_id}/members/{fleet_id}/suspend": ["member.suspended"],
        "POST /federations/{federation_id}/members/{fleet_id}/resume": ["member.resumed"],
        "PUT /federations/{federation_id}/members/{fleet_id}/sharing-rules": ["member.updated"],
        "PUT /federations/{federation_id}/quotas/{fleet_id}/{resource_type}": ["quota.set"],
        "DELETE /federations/{federation_id}/quotas/{fleet_id}/{resource_type}": ["quota.removed"],
        "POST /fleets": ["fleet.registered"],
        "PATCH /fleets/{fleet_id}": ["fleet.updated"],
        "DELETE /fleets/{fleet_id}": ["fleet.retired"],
        "PUT /fleets/{fleet_id}/signing-key": ["fleet.updated"],
        "POST /fleets/{fleet_id}/heartbeat": ["fleet.updated", "presence.reachable"],
        "POST /fleets/{fleet_id}/erase": ["event_replay.cancelled", "webhook.disabled", "fleet.erased"],
        "POST /fleets/{fleet_id}/resources": ["resource.registered"],
        "PATCH /fleets/{fleet_id}/resources/{resource_id}": ["resource.updated"],
        "DELETE /fleets/{fleet_id}/resources/{resource_id}": ["resource.retired"],
        // A check of a token that holds changes nothing.
        "POST /fleets/{fleet_id}/resources/{resource_id}/fence": [],
        "POST /resource-sharing": ["resource.registered", "sharing.activated"],
        "PUT /resource-sharing/{sharing_id}": ["sharing.updated"],
        "DELETE /resource-sharing/{sharing_id}": ["sharing.completed"],
        "POST /resource-sharing/{sharing_id}/approve": ["sharing.approved"],
        "POST /resource-sharing/{sharing_id}/reject": ["sharing.rejected"],
        "POST /resource-sharing/{sharing_id}/activate": ["sharing.activated"],
        "POST /resource-sharing/{sharing_id}/return": ["sharing.completed"],
        "POST /resource-sharing/{sharing_id}/revoke": ["sharing.revoking"],
        "POST /resource-sharing/{sharing_id}/acknowledge": ["sharing.revoked"],
        // The owner of the slots is asked.
        "POST /allocations": ["sharing.requested", "allocation.decided"],
        "DELETE /allocations/{allocation_id}": ["sharing.cancelled", "allocation.cancelled"],
        "POST /allocation-plans": [],
        "POST /messages": ["message.accepted"],
        "POST /messages/{message_id}/acknowledge": ["message.delivered", "message.acknowledged"],
        "POST /messages/{message_id}/reject": ["message.delivered", "message.rejected"],
        "POST /dead-letters/{log_id}/redrive": ["message.redriven"],
        "POST /webhooks": ["webhook.registered"],
        "PATCH /webhooks/{webhook_id}": ["webhook.updated"],
        "DELETE /webhooks/{webhook_id}": ["webhook.removed"],
        "POST /webhooks/{webhook_id}/test": ["webhook.tested"],
        "POST /webhooks/{webhook_id}/rotate-secret": ["webhook.updated"],
        "POST /webhooks/{webhook_id}/replay": ["event_replay.started"],
        "POST /event-replays": ["event_replay.started"],
        "DELETE /event-replays/{replay_id}": ["event_replay.cancelled"],
        "POST /metrics": ["metric.recorded"],
        "POST /api-keys": ["api_key.created"],
        "DELETE /api-keys/{key_id}": ["api_key.revoked"],
        "POST /permissions/check": [],
    ]

    @Test("is told by events of its own type")
    func types() async throws {
        let writes = Router.endpoints.filter(\.isWrite)
        #expect(
            Set(writes.map { ApiStage.name($0).replacing(API.base, with: "") }) == Set(Self.types.keys))
        try await ApiStage.run(writes) { stage, endpoint in
            let before = try await stage.service.end
            let reply = try await stage.send(endpoint)
            #expect((200..<300).contains(reply.status), "\(reply.body)")
            let events = try await stage.service.ok("GET", "/events?after=\(before)").rows("events")
            let name = ApiStage.name(endpoint).replacing(API.base, with: "")
            let wanted = Self.types[name]?.map { EventType.prefix + $0 }
            #expect(events.map { $0.text("type") } == wanted, "\(name)")
        }
    }

    @Test("of a lease is named by how far it got at once")
    func beginnings() async throws {
        try await SharingStage.run(level: "medium") { stage in
            try await stage.register("van")
            func last() async throws -> String {
                try await stage.service.ok("GET", "/events").rows("events").last?.text("type") ?? ""
            }
            _ = try await stage.lease("van", is: "pending")
            #expect(try await last() == "atlasmesh.fleet.sharing.requested")
            _ = try await stage.lease("van", as: .both, startsIn: 7200, is: "granted")
            #expect(try await last() == "atlasmesh.fleet.sharing.granted")
            try await stage.register("bus")
            _ = try await stage.lease("bus", as: .both, is: "active")
            #expect(try await last() == "atlasmesh.fleet.sharing.activated")
        }
    }
}
