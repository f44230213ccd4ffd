import FleetDomain
import FleetStore
import Hummingbird

/// Every route with its permission, on one screen. The OpenAPI document and the tests of permissions are made
/// from the same rows; a row cannot be written without saying who may call it.
// One route per line, however long, keeps every route on one screen.
// swift-format-ignore
package enum Router {
    package static let endpoints: [Endpoint] = federations + members + quotas + fleets + resources + sharing + allocations + messages + webhooks + rest + operations

    private static let f = API.base + "/federations"
    private static let m = f + "/{federation_id}/members"
    private static let q = f + "/{federation_id}/quotas"
    private static let v = API.base + "/fleets"
    private static let r = v + "/{fleet_id}/resources"
    private static let s = API.base + "/resource-sharing"
    private static let a = API.base + "/allocations"

    private static let federations: [Endpoint] = [
        .init(.post, f, .permission(.federationCreate), "Create a federation", body: FederationRoutes.draft, answers: [(201, "Federation")], handler: FederationRoutes.create),
        .init(.get, f, .permission(.federationRead), "List federations", parameters: Filters.federations, answers: [(200, "FederationList")], handler: FederationRoutes.list),
        .init(.get, f + "/{federation_id}", .permission(.federationRead), "Read a federation", answers: [(200, "Federation")], handler: FederationRoutes.get),
        .init(.put, f + "/{federation_id}", .permission(.federationManage), "Update, suspend or resume a federation", body: FederationRoutes.update, answers: [(200, "Federation")], handler: FederationRoutes.put),
        .init(.delete, f + "/{federation_id}", .permission(.federationManage), "End a federation", parameters: [.force], answers: [(202, "Federation"), (204, nil)], handler: FederationRoutes.delete),
    ]
    private static let members: [Endpoint] = [
        .init(.post, m, .permission(.memberManage), "Invite a fleet, or add one's own", body: MemberRoutes.draft, answers: [(201, "Member")], handler: MemberRoutes.add),
        .init(.get, m, .permission(.federationRead), "List members", parameters: Endpoint.Parameter.paging, answers: [(200, "MemberList")], handler: MemberRoutes.list),
        .init(.get, m + "/{fleet_id}", .permission(.federationRead), "Read a membership", answers: [(200, "Member")], handler: MemberRoutes.get),
        .init(.patch, m + "/{fleet_id}", .permission(.memberManage), "Change a membership", body: MemberRoutes.patch, answers: [(200, "Member")], handler: MemberRoutes.patch),
        .init(.delete, m + "/{fleet_id}", .permission(.memberManage), "Leave, or remove a member", parameters: [.force], answers: [(202, "Member"), (204, nil)], handler: MemberRoutes.remove),
        .init(.post, m + "/{fleet_id}/accept", .permission(.memberManage), "Accept an invitation", answers: [(200, "Member")], handler: MemberRoutes.act(.accept)),
        .init(.post, m + "/{fleet_id}/suspend", .permission(.memberManage), "Suspend a membership", answers: [(200, "Member")], handler: MemberRoutes.act(.suspend)),
        .init(.post, m + "/{fleet_id}/resume", .permission(.memberManage), "Resume a membership", answers: [(200, "Member")], handler: MemberRoutes.act(.resume)),
        .init(.get, m + "/{fleet_id}/sharing-rules", .permission(.fleetRead), "Read one's standing approvals", answers: [(200, "SharingRules")], handler: MemberRoutes.getRules),
        .init(.put, m + "/{fleet_id}/sharing-rules", .permission(.fleetOperate), "Replace one's standing approvals", body: MemberRoutes.rules, answers: [(200, "SharingRules")], handler: MemberRoutes.putRules),
    ]
    private static let quotas: [Endpoint] = [
        .init(.get, q, .permission(.federationRead), "List quotas", parameters: Filters.quotas, answers: [(200, "QuotaList")], handler: QuotaRoutes.list),
        .init(.get, q + "/{fleet_id}/{resource_type}", .permission(.federationRead), "Read a quota", answers: [(200, "Quota")], handler: QuotaRoutes.get),
        .init(.put, q + "/{fleet_id}/{resource_type}", .permission(.federationManage), "Set a quota", body: QuotaRoutes.draft, answers: [(200, "Quota"), (201, "Quota")], handler: QuotaRoutes.put),
        .init(.delete, q + "/{fleet_id}/{resource_type}", .permission(.federationManage), "Remove a quota", answers: [(204, nil)], handler: QuotaRoutes.remove),
    ]
    private static let fleets: [Endpoint] = [
        .init(.post, v, .permission(.fleetManage), "Register a fleet", body: FleetRoutes.draft, answers: [(201, "Fleet")], handler: FleetRoutes.register),
        .init(.get, v, .permission(.fleetRead), "List fleets", parameters: Endpoint.Parameter.paging, answers: [(200, "FleetList")], handler: FleetRoutes.list),
        .init(.get, v + "/{fleet_id}", .permission(.fleetRead), "Read a fleet", answers: [(200, "Fleet")], handler: FleetRoutes.get),
        .init(.patch, v + "/{fleet_id}", .permission(.fleetManage), "Change a fleet", body: FleetRoutes.patch, answers: [(200, "Fleet")], handler: FleetRoutes.patch),
        .init(.delete, v + "/{fleet_id}", .permission(.fleetManage), "Retire a fleet", answers: [(204, nil)], handler: FleetRoutes.retire),
        .init(.put, v + "/{fleet_id}/signing-key", .permission(.fleetOperate), "Set the key that signs the fleet's messages", body: FleetRoutes.signingKey, answers: [(200, "Fleet")], handler: FleetRoutes.putSigningKey),
        .init(.post, v + "/{fleet_id}/heartbeat", .permission(.fleetOperate), "Give a sign of life", body: FleetRoutes.heartbeat, answers: [(200, "Fleet")], handler: FleetRoutes.beat),
        .init(.post, v + "/{fleet_id}/erase", .permission(.fleetManage), "Erase what the fleet's people wrote", answers: [(200, "Fleet")], handler: FleetRoutes.erase),
    ]
    private static let resources: [Endpoint] = [
        .init(.post, r, .permission(.fleetOperate), "Register a resource", body: ResourceRoutes.draft, answers: [(201, "Resource")], handler: ResourceRoutes.register),
        .init(.get, r, .permission(.fleetRead), "List resources", parameters: Endpoint.Parameter.paging, answers: [(200, "ResourceList")], handler: ResourceRoutes.list),
        .init(.get, r + "/{resource_id}", .permission(.fleetRead), "Read a resource", answers: [(200, "Resource")], handler: ResourceRoutes.get),
        .init(.patch, r + "/{resource_id}", .permission(.fleetOperate), "Change a resource", body: ResourceRoutes.patch, answers: [(200, "Resource")], handler: ResourceRoutes.patch),
        .init(.delete, r + "/{resource_id}", .permission(.fleetOperate), "Retire a resource", answers: [(204, nil)], handler: ResourceRoutes.retire),
        .init(.get, r + "/{resource_id}/calendar", .permission(.fleetRead), "Read when a resource is used", parameters: Filters.window + Endpoint.Parameter.paging, answers: [(200, "Calendar")], handler: ResourceRoutes.calendar),
        .init(.post, r + "/{resource_id}/fence", .permission(.fleetOperate), "Check a fencing token", body: ResourceRoutes.fence, answers: [(204, nil)], handler: ResourceRoutes.reportFence),
    ]
    private static let sharing: [Endpoint] = [
        .init(.post, s, .permission(.sharingRequest), "Ask for a lease", body: SharingRoutes.request, answers: [(201, "ResourceSharing")], handler: SharingRoutes.create),
        .init(.get, s, .permission(.sharingRead), "List leases", parameters: Filters.sharing, answers: [(200, "ResourceSharingList")], handler: SharingRoutes.list),
        .init(.get, s + "/{sharing_id}", .permission(.sharingRead), "Read a lease", answers: [(200, "ResourceSharing")], handler: SharingRoutes.get),
        .init(.put, s + "/{sharing_id}", .permission(.sharingManage), "Change a lease", body: SharingRoutes.update, answers: [(200, "ResourceSharing")], handler: SharingRoutes.put),
        .init(.delete, s + "/{sharing_id}", .permission(.sharingManage), "End a lease", answers: [(202, "ResourceSharing"), (204, nil)], handler: SharingRoutes.delete),
        .init(.post, s + "/{sharing_id}/approve", .permission(.sharingApprove), "Approve a request", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.approve)),
        .init(.post, s + "/{sharing_id}/reject", .permission(.sharingApprove), "Reject a request", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.reject)),
        .init(.post, s + "/{sharing_id}/activate", .permission(.sharingManage), "Begin using it", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.activate)),
        .init(.post, s + "/{sharing_id}/return", .permission(.sharingManage), "Hand it back", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.return)),
        .init(.post, s + "/{sharing_id}/revoke", .permission(.sharingManage), "Take it back", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.revoke)),
        .init(.post, s + "/{sharing_id}/acknowledge", .permission(.sharingManage), "Confirm a revocation", body: SharingRoutes.reason, answers: [(200, "ResourceSharing")], handler: SharingRoutes.act(.acknowledge)),
    ]
    private static let allocations: [Endpoint] = [
        .init(.post, a, .permission(.sharingRequest), "Ask for a quantity of a type", body: AllocationRoutes.request, answers: [(201, "Allocation")], handler: AllocationRoutes.create),
        .init(.get, a, .permission(.sharingRead), "List allocations", parameters: Filters.allocations, answers: [(200, "AllocationList")], handler: AllocationRoutes.list),
        .init(.get, a + "/{allocation_id}", .permission(.sharingRead), "Read an allocation", answers: [(200, "Allocation")], handler: AllocationRoutes.get),
        .init(.delete, a + "/{allocation_id}", .permission(.sharingRequest), "Cancel an allocation", answers: [(204, nil)], handler: AllocationRoutes.cancel),
        .init(.post, API.base + "/allocation-plans", .permission(.sharingRead), "How would capacity be divided", body: PlanRoutes.plan, answers: [(200, "AllocationPlan")], handler: PlanRoutes.create),
    ]
    private static let messages: [Endpoint] = [
        .init(.post, API.base + "/messages", .permission(.communicationSend), "Send a message", body: MessageRoutes.draft, answers: [(201, "Message")], handler: MessageRoutes.send),
        .init(.get, API.base + "/messages/{message_id}", .permission(.communicationRead), "Read a message", parameters: [Filters.source], answers: [(200, "Message")], handler: MessageRoutes.get),
        .init(.post, API.base + "/messages/{message_id}/acknowledge", .permission(.communicationReceive), "Acknowledge a message", parameters: [Filters.source], body: MessageRoutes.answer, answers: [(200, "CommunicationLog")], handler: MessageRoutes.answer(.acknowledged)),
        .init(.post, API.base + "/messages/{message_id}/reject", .permission(.communicationReceive), "Reject a message", parameters: [Filters.source], body: MessageRoutes.answer, answers: [(200, "CommunicationLog")], handler: MessageRoutes.answer(.rejected)),
        .init(.get, v + "/{fleet_id}/inbox", .permission(.communicationRead), "Receive messages", parameters: Filters.inbox, answers: [(200, "Inbox")], handler: InboxRoutes.inbox),
        .init(.get, API.base + "/communication-logs", .permission(.communicationRead), "Read the log of communication", parameters: Filters.communication, answers: [(200, "CommunicationLogList")], handler: InboxRoutes.log),
    ]
    private static let w = API.base + "/webhooks"
    private static let webhooks: [Endpoint] = [
        .init(.get, API.base + "/dead-letters", .permission(.communicationManage), "List messages that were given up", parameters: Filters.deadLetters, answers: [(200, "DeadLetterList")], handler: DeadLetterRoutes.list),
        .init(.post, API.base + "/dead-letters/{log_id}/redrive", .permission(.communicationManage), "Put a message on its way again", answers: [(202, "CommunicationLog")], handler: DeadLetterRoutes.redrive),
        .init(.post, w, .permission(.communicationManage), "Have events pushed to an address", body: WebhookRoutes.draft, answers: [(201, "Webhook")], handler: WebhookRoutes.create),
        .init(.get, w, .permission(.communicationManage), "List webhooks", parameters: Filters.webhooks, answers: [(200, "WebhookList")], handler: WebhookRoutes.list),
        .init(.get, w + "/{webhook_id}", .permission(.communicationManage), "Read a webhook", answers: [(200, "Webhook")], handler: WebhookRoutes.get),
        .init(.patch, w + "/{webhook_id}", .permission(.communicationManage), "Change, disable or enable a webhook", body: WebhookRoutes.patch, answers: [(200, "Webhook")], handler: WebhookRoutes.patch),
        .init(.delete, w + "/{webhook_id}", .permission(.communicationManage), "Remove a webhook", answers: [(204, nil)], handler: WebhookRoutes.remove),
        .init(.post, w + "/{webhook_id}/test", .permission(.communicationManage), "Have a test pushed", answers: [(202, "Webhook")], handler: WebhookRoutes.test),
        .init(.post, w + "/{webhook_id}/rotate-secret", .permission(.communicationManage), "Have another secret sign", answers: [(200, "Webhook")], handler: WebhookRoutes.rotateSecret),
        .init(.post, w + "/{webhook_id}/replay", .permission(.communicationManage), "Have a range pushed again", body: WebhookRoutes.range, answers: [(201, "EventReplay")], handler: WebhookRoutes.replay),
        .init(.get, w + "/{webhook_id}/deliveries", .permission(.communicationManage), "Read what was pushed", parameters: Filters.pushes, answers: [(200, "WebhookDeliveryList")], handler: WebhookRoutes.deliveries),
        .init(.post, API.base + "/event-replays", .permission(.eventReplay), "Have a range of the log pushed or published again", body: EventReplayRoutes.draft, answers: [(201, "EventReplay")], handler: EventReplayRoutes.create),
        .init(.get, API.base + "/event-replays/{replay_id}", .permission(.eventReplay), "Read how far a replay is", answers: [(200, "EventReplay")], handler: EventReplayRoutes.get),
        .init(.delete, API.base + "/event-replays/{replay_id}", .permission(.eventReplay), "Cancel a replay", answers: [(204, nil)], handler: EventReplayRoutes.cancel),
    ]
    private static let rest: [Endpoint] = [
        .init(.get, API.base + "/metrics", .permission(.metricsRead), "Read recorded metrics, and how well a federation coordinates", parameters: Filters.metrics, answers: [(200, "MetricList")], handler: MetricRoutes.list),
        .init(.post, API.base + "/metrics", .permission(.metricsWrite), "Record a coordination metric", body: MetricRoutes.draft, answers: [(201, "Metric")], handler: MetricRoutes.record),
        .init(.get, API.base + "/events", .permission(.eventRead), "Read events", parameters: Filters.events, answers: [(200, "EventList")], handler: EventRoutes.list),
        .init(.get, API.base + "/events/stream", .permission(.eventRead), "Follow the events", parameters: Filters.eventStream, answers: [(200, nil)], handler: EventRoutes.stream),
        .init(.get, API.base + "/audit-log", .permission(.auditRead), "Read the audit log", parameters: Filters.audit, answers: [(200, "AuditList")], handler: EventRoutes.audit),
        .init(.get, API.base + "/audit-log/checkpoint", .permission(.auditRead), "Read the newest signed checkpoint of the audit log", answers: [(200, "Checkpoint")], handler: AuditRoutes.checkpoint),
        .init(.get, API.base + "/audit-log/proof", .permission(.auditRead), "Prove that a record is in the audit log, or that the log only grew", parameters: Filters.proof, answers: [(200, "AuditProof")], handler: AuditRoutes.proof),
        .init(.post, API.base + "/api-keys", .permission(.keyManage), "Make an API key", body: KeyRoutes.draft, answers: [(201, "APIKey")], handler: KeyRoutes.create),
        .init(.get, API.base + "/api-keys", .permission(.keyManage), "List API keys", parameters: Endpoint.Parameter.paging, answers: [(200, "APIKeyList")], handler: KeyRoutes.list),
        .init(.delete, API.base + "/api-keys/{key_id}", .permission(.keyManage), "Revoke an API key", answers: [(204, nil)], handler: KeyRoutes.revoke),
        .init(.get, API.base + "/whoami", .authenticated, "Who am I", answers: [(200, "Caller")], handler: CallerRoutes.whoami),
        .init(.post, API.base + "/permissions/check", .authenticated, "Could I, and if not why", body: CallerRoutes.check, answers: [(200, "PermissionCheck")], handler: CallerRoutes.checkPermission),
    ]
    private static let operations: [Endpoint] = [
        .init(.get, "/health", .anybodyKnown, "Is the service healthy", answers: [(200, "Health"), (503, "Health")], handler: OperationRoutes.health),
        .init(.get, "/livez", .anybody, "Is the process alive", answers: [(200, "Status")], handler: OperationRoutes.live),
        .init(.get, "/readyz", .anybody, "Can the service answer", answers: [(200, "Status")], handler: OperationRoutes.ready),
        .init(.get, "/metrics", .permission(.metricsRead), "Measurements for Prometheus", answers: [(200, nil)], handler: OperationRoutes.metrics),
        .init(.get, "/openapi.json", .anybody, "This document", answers: [(200, nil)], handler: OpenAPI.answer),
    ]
}

/// The filters of the lists.
private enum Filters {
    private static let federation = Endpoint.Parameter("federation_id", .uuid, "Of this federation.")
    private static let fleet = Endpoint.Parameter("fleet_id", .name, "Of this fleet.")
    static let window = [
        Endpoint.Parameter("from", .timestamp, "Not before."), Endpoint.Parameter("to", .timestamp, "Before."),
    ]
    static let federations =
        [
            Endpoint.Parameter("status", .choice(FederationStatus.self), "In this state."), fleet,
            Endpoint.Parameter(
                "q", .string(1...100), "Whose name contains this, whatever the case of its ASCII letters."),
        ] + Endpoint.Parameter.paging
    static let quotas = [fleet] + Endpoint.Parameter.paging
    static let sharing =
        [
            federation, fleet, Endpoint.Parameter("status", .choice(LeaseStatus.self), "In this state."),
            Endpoint.Parameter("resource_type", .name, "Of this type."),
            Endpoint.Parameter("resource_id", .name, "Of this resource."),
        ] + window + Endpoint.Parameter.paging
    static let allocations =
        [federation, fleet, Endpoint.Parameter("status", .choice(AllocationStatus.self), "In this state.")]
        + Endpoint.Parameter.paging
    static let source = Endpoint.Parameter("source_fleet_id", .name, "Whose, where several chose the id.")
    static let inbox = [
        Endpoint.Parameter("after", .string(1...512), "What comes after this next_after."),
        Endpoint.Parameter("wait_seconds", .integer(0...25), "How long to wait for something to come; 0 by default."),
        Endpoint.Parameter("limit", .integer(1...100), "Messages at most; 20 by default."),
    ]
    static let communication =
        [
            federation, Endpoint.Parameter("fleet_id", .name, "From or to this fleet."),
            Endpoint.Parameter("status", .choice(DeliveryStatus.self), "In this state."),
            Endpoint.Parameter("message_type", .name, "Of this type."),
        ] + window + Endpoint.Parameter.paging
    static let deadLetters =
        [federation, Endpoint.Parameter("fleet_id", .name, "To this fleet.")] + Endpoint.Parameter.paging
    static let webhooks = [fleet] + Endpoint.Parameter.paging
    static let pushes =
        [Endpoint.Parameter("status", .choice(Push.Status.self), "In this state.")] + Endpoint.Parameter.paging
    static let metrics =
        [
            Endpoint.Parameter("federation_id", .uuid, "Of this federation; the first page has its summary."),
            Endpoint.Parameter("metric_type", .name, "Recorded metrics of this type."),
            Endpoint.Parameter("from", .timestamp, "Not before; for the summary 7 days before to, by default."),
            Endpoint.Parameter("to", .timestamp, "Before; for the summary now, by default."),
            Endpoint.Parameter(
                "step", .integer(MetricsPeriod.stepMin...31_536_000),
                "Divides the summary into steps of so many seconds, at most 1,000; needs federation_id."),
        ] + Endpoint.Parameter.paging
    static let eventStream = [
        Endpoint.Parameter(
            "after", .string(1...512), "What comes after this position; Last-Event-ID goes before, and without it now."),
        Endpoint.Parameter("types", .string(1...2000), "Only these types, separated by commas."), federation,
    ]
    static let events = [
        Endpoint.Parameter("after", .string(1...512), "What comes after this position."),
        Endpoint.Parameter("types", .string(1...2000), "Only these types, separated by commas."), federation,
        Endpoint.Parameter("limit", .integer(1...1000), "Events at most; 100 by default."),
    ]
    static let proof = [
        Endpoint.Parameter("record", .uuid, "That this record_id is covered by the newest checkpoint."),
        Endpoint.Parameter("from_size", .integer(1...Int64.max), "That the log of so many records"),
        Endpoint.Parameter("to_size", .integer(1...Int64.max), "became this one by growing alone."),
    ]
    static let audit =
        [
            fleet, Endpoint.Parameter("actor", .string(1...255), "By this principal."),
            Endpoint.Parameter("action", .string(1...100), "This action."),
            Endpoint.Parameter("outcome", .choice(["done", "denied", "privileged"]), "With this outcome."),
        ] + window + Endpoint.Parameter.paging
}
