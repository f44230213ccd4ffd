import FleetDomain
import FleetHTTP

/// The endpoints of the contract and the permission that each asks for; nil asks for none. Written down a second
/// time, so that a row of the router with another permission, or without a row here, is found.
enum ApiRouteTable {
    static let permissions: [String: Permission?] = {
        var table = operations
        for (name, permission) in based {
            let parts = name.split(separator: " ")
            table["\(parts[0]) \(API.base)\(parts[1])"] = .some(permission)
        }
        return table
    }()

    private static let operations: [String: Permission?] = [
        "GET /health": nil, "GET /livez": nil, "GET /readyz": nil, "GET /openapi.json": nil,
        "GET /metrics": .metricsRead,
    ]

    /// Below the base path.
    private static let based: [(String, Permission?)] = [
        ("POST /federations", .federationCreate),
        ("GET /federations", .federationRead),
        ("GET /federations/{federation_id}", .federationRead),
        ("PUT /federations/{federation_id}", .federationManage),
        ("DELETE /federations/{federation_id}", .federationManage),
        ("POST /federations/{federation_id}/members", .memberManage),
        ("GET /federations/{federation_id}/members", .federationRead),
        ("GET /federations/{federation_id}/members/{fleet_id}", .federationRead),
        ("PATCH /federations/{federation_id}/members/{fleet_id}", .memberManage),
        ("DELETE /federations/{federation_id}/members/{fleet_id}", .memberManage),
        ("POST /federations/{federation_id}/members/{fleet_id}/accept", .memberManage),
        ("POST /federations/{federation_id}/members/{fleet_id}/suspend", .memberManage),
        ("POST /federations/{federation_id}/members/{fleet_id}/resume", .memberManage),
        ("GET /federations/{federation_id}/members/{fleet_id}/sharing-rules", .fleetRead),
        ("PUT /federations/{federation_id}/members/{fleet_id}/sharing-rules", .fleetOperate),
        ("GET /federations/{federation_id}/quotas", .federationRead),
        ("GET /federations/{federation_id}/quotas/{fleet_id}/{resource_type}", .federationRead),
        ("PUT /federations/{federation_id}/quotas/{fleet_id}/{resource_type}", .federationManage),
        ("DELETE /federations/{federation_id}/quotas/{fleet_id}/{resource_type}", .federationManage),
        ("POST /allocations", .sharingRequest),
        ("GET /allocations", .sharingRead),
        ("GET /allocations/{allocation_id}", .sharingRead),
        ("DELETE /allocations/{allocation_id}", .sharingRequest),
        ("POST /allocation-plans", .sharingRead),
        ("POST /fleets", .fleetManage),
        ("GET /fleets", .fleetRead),
        ("GET /fleets/{fleet_id}", .fleetRead),
        ("PATCH /fleets/{fleet_id}", .fleetManage),
        ("DELETE /fleets/{fleet_id}", .fleetManage),
        ("PUT /fleets/{fleet_id}/signing-key", .fleetOperate),
        ("POST /fleets/{fleet_id}/heartbeat", .fleetOperate),
        ("POST /fleets/{fleet_id}/erase", .fleetManage),
        ("POST /fleets/{fleet_id}/resources", .fleetOperate),
        ("GET /fleets/{fleet_id}/resources", .fleetRead),
        ("GET /fleets/{fleet_id}/resources/{resource_id}", .fleetRead),
        ("PATCH /fleets/{fleet_id}/resources/{resource_id}", .fleetOperate),
        ("DELETE /fleets/{fleet_id}/resources/{resource_id}", .fleetOperate),
        ("GET /fleets/{fleet_id}/resources/{resource_id}/calendar", .fleetRead),
        ("POST /fleets/{fleet_id}/resources/{resource_id}/fence", .fleetOperate),
        ("POST /resource-sharing", .sharingRequest),
        ("GET /resource-sharing", .sharingRead),
        ("GET /resource-sharing/{sharing_id}", .sharingRead),
        ("PUT /resource-sharing/{sharing_id}", .sharingManage),
        ("DELETE /resource-sharing/{sharing_id}", .sharingManage),
        ("POST /resource-sharing/{sharing_id}/approve", .sharingApprove),
        ("POST /resource-sharing/{sharing_id}/reject", .sharingApprove),
        ("POST /resource-sharing/{sharing_id}/activate", .sharingManage),
        ("POST /resource-sharing/{sharing_id}/return", .sharingManage),
        ("POST /resource-sharing/{sharing_id}/revoke", .sharingManage),
        ("POST /resource-sharing/{sharing_id}/acknowledge", .sharingManage),
        ("POST /messages", .communicationSend),
        ("GET /messages/{message_id}", .communicationRead),
        ("POST /messages/{message_id}/acknowledge", .communicationReceive),
        ("POST /messages/{message_id}/reject", .communicationReceive),
        ("GET /fleets/{fleet_id}/inbox", .communicationRead),
        ("GET /communication-logs", .communicationRead),
        ("GET /dead-letters", .communicationManage),
        ("POST /dead-letters/{log_id}/redrive", .communicationManage),
        ("POST /webhooks", .communicationManage),
        ("GET /webhooks", .communicationManage),
        ("GET /webhooks/{webhook_id}", .communicationManage),
        ("PATCH /webhooks/{webhook_id}", .communicationManage),
        ("DELETE /webhooks/{webhook_id}", .communicationManage),
        ("POST /webhooks/{webhook_id}/test", .communicationManage),
        ("POST /webhooks/{webhook_id}/rotate-secret", .communicationManage),
        ("POST /webhooks/{webhook_id}/replay", .communicationManage),
        ("GET /webhooks/{webhook_id}/deliveries", .communicationManage),
        ("POST /event-replays", .eventReplay),
        ("GET /event-replays/{replay_id}", .eventReplay),
        ("DELETE /event-replays/{replay_id}", .eventReplay),
        ("GET /metrics", .metricsRead),
        ("POST /metrics", .metricsWrite),
        ("GET /events", .eventRead),
        ("GET /events/stream", .eventRead),
        ("GET /audit-log", .auditRead),
        ("GET /audit-log/checkpoint", .auditRead),
        ("GET /audit-log/proof", .auditRead),
        ("POST /api-keys", .keyManage),
        ("GET /api-keys", .keyManage),
        ("DELETE /api-keys/{key_id}", .keyManage),
        ("GET /whoami", nil),
        ("POST /permissions/check", nil),
    ]
}
