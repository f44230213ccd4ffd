import FleetDomain
import FleetJSON
import FleetService
import FleetStore

/// The schemas of the answers.
enum OpenAPISchemas {
    static var all: JSONObject {
        var schemas = JSONObject()
        for (name, fields) in objects { schemas[name] = object(fields) }
        for (name, member, element) in lists {
            schemas[name] = list(of: member, element, also: ["next_page_token": Schema.string(1...1024).openAPI])
        }
        // For who may not know the resources, how many there are of each type.
        schemas["ResourceList"] = list(
            of: "resources", "Resource",
            also: ["next_page_token": Schema.string(1...1024).openAPI, "counts": array(of: "ResourceCount")])
        // Of one federation.
        schemas["MetricList"] = list(
            of: "metrics", "Metric",
            also: [
                "next_page_token": Schema.string(1...1024).openAPI, "summary": reference(to: "MetricsSummary"),
                "series": array(of: "MetricsSummary"),
            ])
        schemas["Inbox"] = list(
            of: "messages", "CommunicationLog", also: ["next_after": Schema.string(1...512).openAPI])
        schemas["EventList"] = list(of: "events", "Event", also: ["next_after": Schema.string(1...512).openAPI])
        return schemas
    }

    private static func list(of member: String, _ element: String, also others: JSONObject) -> JSON {
        var properties = others
        properties[member] = array(of: element)
        return [
            "type": .string("object"), "properties": .object(properties), "required": .array([.string(member)]),
        ]
    }

    private static func array(of element: String) -> JSON {
        ["type": .string("array"), "items": reference(to: element)]
    }

    private static func reference(to schema: String) -> JSON {
        ["$ref": .string("#/components/schemas/\(schema)")]
    }

    private typealias Field = (name: String, schema: Schema, isAlways: Bool)

    private static let quantity = Schema.integer(0...Int64.max)
    /// Null without data.
    private static let ratio = Schema.nullable(.number)
    private static let text = Schema.string(0...10_000)
    private static let texts = Schema.array(text, atMost: 10_000)

    /// Of what is reached across a network.
    private static let circuit = [
        Schema.Field("circuit", .choice(CircuitBreaker.State.self)), Schema.Field("reason", text),
    ]
    private static let dependency = Schema.object(
        [Schema.Field("status", .choice(["healthy", "unhealthy", "disabled"]), required: true)] + circuit)

    /// Where something stands in the queue.
    private static let place = Schema.object([
        Schema.Field("position", quantity, required: true), Schema.Field("estimated_start", .timestamp),
        Schema.Field("estimated_wait_seconds", quantity), Schema.Field("expires_at", .timestamp, required: true),
    ])

    private static let messageFields: [Field] = [
        ("message_id", .uuid, true), ("federation_id", .uuid, true), ("source_fleet_id", .name, true),
        ("message_type", .name, true), ("class", .choice(MessageClass.self), true), ("ordering_key", text, false),
        ("message_content", .anything, false), ("content_erased", .boolean, false),
        ("signature", .attributes(atMost: 6), false),
        ("status", .choice(DeliveryStatus.self), true), ("status_reason", text, false),
        ("delivered_at", .timestamp, false), ("acknowledged_at", .timestamp, false), ("ended_at", .timestamp, false),
        ("created_at", .timestamp, true), ("expires_at", .timestamp, true),
    ]

    private static let objects: [(String, [Field])] = [
        (
            "Federation",
            [
                ("federation_id", .uuid, true), ("name", text, true), ("description", text, true),
                ("status", .choice(FederationStatus.self), true), ("policy", .attributes(atMost: 64), true),
                ("membership_epoch", quantity, false), ("version", quantity, true), ("created_at", .timestamp, true),
                ("updated_at", .timestamp, true), ("obligations", obligations, false),
            ]
        ),
        (
            "Member",
            [
                ("federation_id", .uuid, true), ("fleet_id", .name, true),
                ("isolation_level", .choice(IsolationLevel.self), true), ("resource_sharing", .boolean, true),
                ("communication_enabled", .boolean, true), ("role", .choice(MemberRole.self), true),
                ("status", .choice(MemberStatus.self), true), ("suspended_by", .choice(MemberSide.self), false),
                ("presence", .choice(Presence.self), false),
                ("version", quantity, true), ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
                ("obligations", obligations, false),
            ]
        ),
        (
            "Quota",
            [
                ("federation_id", .uuid, true), ("fleet_id", .name, true), ("resource_type", .name, true),
                ("nominal", quantity, true), ("lending_limit", quantity, false),
                ("borrowing_limit", quantity, false), ("weight", quantity, true), ("in_use", quantity, false),
                ("lent", quantity, false), ("borrowed", quantity, false), ("over_committed", .boolean, false),
                ("version", quantity, true), ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
            ]
        ),
        ("SharingRules", [("rules", .array(.attributes(atMost: 8), atMost: 100), true)]),
        (
            "Fleet",
            [
                ("fleet_id", .name, true), ("name", text, true), ("organization", text, true),
                ("contact", .attributes(atMost: 3), false), ("heartbeat_interval_seconds", quantity, false),
                ("signing_key", .attributes(atMost: 4), false),
                ("status", .choice(FleetStatus.self), true), ("version", quantity, true),
                ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
            ]
        ),
        (
            "Resource",
            [
                ("fleet_id", .name, true), ("resource_id", .name, true), ("resource_type", .name, true),
                ("capacity", quantity, true), ("attributes", .attributes(atMost: 64), true),
                ("buffer_seconds", quantity, true), ("handover", .choice(Handover.self), true),
                ("interruptible", .boolean, true), ("pooled", .boolean, true),
                ("on_lease_loss", .choice(LeaseLossRule.self), true), ("status", .choice(ResourceStatus.self), true),
                ("fencing_token", quantity, false), ("version", quantity, true), ("created_at", .timestamp, true),
                ("updated_at", .timestamp, true),
            ]
        ),
        ("ResourceCount", [("resource_type", .name, true), ("quantity", quantity, true)]),
        (
            "CalendarEntry",
            [
                ("sharing_id", .uuid, false), ("starts_at", .timestamp, true), ("ends_at", .timestamp, true),
                ("quantity", quantity, true), ("status", .choice(LeaseStatus.self), false),
            ]
        ),
        (
            "ResourceSharing",
            [
                ("sharing_id", .uuid, true), ("federation_id", .uuid, true), ("source_fleet_id", .name, true),
                ("target_fleet_id", .name, true), ("resource_type", .name, true),
                ("resource_id", .nullable(.name), true), ("binds_at", .timestamp, false),
                ("quantity", quantity, true), ("starts_at", .timestamp, true), ("duration", quantity, true),
                ("ends_at", .timestamp, true), ("granted_at", .timestamp, false), ("activated_at", .timestamp, false),
                ("ended_at", .timestamp, false),
                ("priority", .choice(Priority.self), true), ("purpose", text, false), ("reason", text, false),
                ("status", .choice(LeaseStatus.self), true), ("requested_by", .choice(LeaseSide.self), true),
                ("status_reason", text, false),
                ("handover", .choice(Handover.self), true), ("fencing_token", quantity, false),
                ("deadline", .timestamp, false), ("queue", place, false), ("allocation_id", .uuid, false),
                ("version", quantity, true),
                ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
                ("obligations", obligations, false),
            ]
        ),
        (
            "Allocation",
            [
                ("allocation_id", .uuid, true), ("federation_id", .uuid, true), ("target_fleet_id", .name, true),
                ("items", .array(.attributes(atMost: 3), atMost: 16), true), ("duration", quantity, true),
                ("earliest", .timestamp, true), ("latest", .timestamp, true),
                ("priority", .choice(Priority.self), true), ("partial", .boolean, true), ("purpose", text, false),
                ("reason", text, false), ("status", .choice(AllocationStatus.self), true),
                ("leases", .array(.attributes(atMost: 32), atMost: 10_000), true),
                ("queue", place, false), ("explanation", .attributes(atMost: 16), true), ("version", quantity, true),
                ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
            ]
        ),
        (
            "AllocationPlan",
            [
                ("claims", .array(.attributes(atMost: 8), atMost: Division.claimsMax), true),
                ("order", .array(.name, atMost: Division.orderMax), true),
            ]
        ),
        (
            "Message",
            messageFields + [
                ("target_fleet_id", .name, false),
                ("deliveries", .array(.attributes(atMost: 8), atMost: 10_000), false),
                ("attempts", quantity, false),
            ]
        ),
        (
            "CommunicationLog",
            messageFields + [
                ("log_id", .uuid, true), ("target_fleet_id", .name, true), ("broadcast", .boolean, true),
                ("attempts", quantity, true),
            ]
        ),
        (
            "Metric",
            [
                ("federation_id", .uuid, true), ("metric_type", .name, true), ("metric_value", .number, true),
                ("metric_unit", text, true), ("calculated_at", .timestamp, true),
            ]
        ),
        (
            "MetricsSummary",
            [
                ("from", .timestamp, true), ("to", .timestamp, true), ("as_of", .timestamp, false),
                ("coordination_efficiency", ratio, true), ("requests_satisfied", quantity, true),
                ("requests_failed", quantity, true), ("resource_utilization", ratio, true),
                ("communication_health", ratio, true), ("messages_accepted", quantity, true),
                ("messages_acknowledged", quantity, true), ("isolation_compliance", ratio, true),
                ("isolation_checks", quantity, true), ("isolation_violations", quantity, true),
                (
                    "decision_latency_seconds",
                    .object(["p50", "p95", "p99"].map { Schema.Field($0, ratio, required: true) }), true
                ),
                ("fairness_jain", ratio, true), ("lent_hours", .number, true), ("borrowed_hours", .number, true),
                (
                    "pairs",
                    .array(
                        .object([
                            Schema.Field("source_fleet_id", .name, required: true),
                            Schema.Field("target_fleet_id", .name, required: true),
                            Schema.Field("lent_hours", .number, required: true),
                        ]), atMost: MetricsTally.pairsMax), true
                ),
                (
                    "utilization_by_type",
                    .array(
                        .object(
                            [Schema.Field("resource_type", .name, required: true)]
                                + ["offered_hours", "active_hours", "idle_hours", "overdue_hours"].map {
                                    Schema.Field($0, .number, required: true)
                                } + [Schema.Field("ratio", ratio, required: true)]), atMost: 10_000), true
                ),
            ]
        ),
        (
            "Webhook",
            [
                ("webhook_id", .uuid, true), ("fleet_id", .name, true), ("url", text, true),
                ("event_types", texts, false), ("status", .choice(WebhookStatus.self), true),
                ("status_reason", text, false), ("secret", text, false), ("public_key", text, true),
                ("previous_secret_until", .timestamp, false), ("version", quantity, true),
                ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
            ]
        ),
        (
            "WebhookDelivery",
            [
                ("event_id", .uuid, true), ("event_type", text, true), ("replay_id", .uuid, false),
                ("status", .choice(Push.Status.self), true), ("attempts", quantity, true),
                ("http_status", quantity, false), ("error", text, false), ("next_attempt_at", .timestamp, false),
                ("created_at", .timestamp, true), ("updated_at", .timestamp, true),
            ]
        ),
        (
            "EventReplay",
            [
                ("replay_id", .uuid, true), ("webhook_id", .uuid, false), ("fleet_id", .name, false),
                ("topic", .boolean, false),
                ("status", .choice(EventReplayStatus.self), true), ("status_reason", text, false),
                ("delivered", quantity, false), ("failed", quantity, false), ("pending", quantity, false),
                ("version", quantity, true), ("created_at", .timestamp, true), ("ended_at", .timestamp, false),
            ]
        ),
        (
            "Event",
            [
                ("specversion", .choice(["1.0"]), true), ("id", .uuid, true), ("source", text, true),
                ("type", text, true), ("subject", text, true), ("time", .timestamp, true),
                ("datacontenttype", text, true), ("partitionkey", text, true), ("sequence", text, true),
                ("replayid", .uuid, false),
                ("data", .attributes(atMost: 64), true),
            ]
        ),
        (
            "AuditRecord",
            [
                ("record_id", .uuid, true), ("at", .timestamp, true), ("actor", text, true),
                ("acting_fleet_id", .name, false), ("action", text, true), ("object", text, true),
                ("outcome", .choice(["done", "denied", "privileged"]), true), ("protected_fleet_id", .name, false),
                ("count", quantity, false), ("request_id", text, true), ("dry_run", .boolean, true),
            ]
        ),
        (
            "Checkpoint",
            [
                ("tree_size", quantity, true), ("root_hash", text, true), ("made_at", .timestamp, true),
                ("public_key", text, true), ("note", text, true),
            ]
        ),
        (
            "AuditProof",
            [
                ("record_id", .uuid, false), ("leaf_index", quantity, false), ("leaf_hash", text, false),
                ("tree_size", quantity, false), ("root_hash", text, false), ("from_size", quantity, false),
                ("to_size", quantity, false), ("hashes", texts, true),
            ]
        ),
        (
            "APIKey",
            [
                ("key_id", .uuid, true), ("key", text, false), ("name", text, true), ("roles", texts, true),
                ("fleet_ids", texts, true), ("federation_ids", texts, true), ("scopes", texts, true),
                ("expires_at", .timestamp, false), ("revoked_at", .timestamp, false), ("created_at", .timestamp, true),
            ]
        ),
        (
            "Caller",
            [
                ("subject", text, true), ("roles", texts, true), ("fleet_ids", texts, true),
                ("federation_ids", texts, true), ("scopes", texts, true), ("permissions", texts, true),
            ]
        ),
        ("PermissionCheck", [("allowed", .boolean, true), ("reason", text, false)]),
        (
            "Health",
            [
                ("status", .choice(["healthy", "degraded", "unhealthy"]), true), ("service", text, true),
                (
                    "checks",
                    .object([
                        Schema.Field(
                            "database",
                            .object(
                                [
                                    Schema.Field("status", .choice(["healthy", "unhealthy"]), required: true),
                                    Schema.Field("engine", .choice(["sqlite", "postgres"]), required: true),
                                    Schema.Field("role", .choice(["none", "writer", "follower"])),
                                    Schema.Field("replication", .choice(Replication.self)),
                                ] + circuit), required: true),
                        Schema.Field("redis", dependency, required: true),
                        Schema.Field("kafka", dependency, required: true),
                        Schema.Field("clickhouse", dependency, required: true),
                    ]), false
                ),
            ]
        ),
        ("Status", [("status", text, true)]),
        (
            "Problem",
            [
                ("type", text, true), ("title", text, true), ("status", quantity, true), ("detail", text, true),
                ("instance", text, false), ("code", .choice(ErrorCode.allCases.map(\.rawValue)), true),
                ("request_id", text, true), ("retryable", .boolean, true),
                ("errors", .array(.attributes(atMost: 3), atMost: 10_000), false),
                ("explanation", .attributes(atMost: 16), false), ("live_leases", quantity, false),
                ("federation_ids", .array(.uuid, atMost: 10_000), false),
                ("sharing_status", .choice(LeaseStatus.self), false), ("allocation_id", .uuid, false),
            ]
        ),
    ]

    private static let lists: [(String, String, String)] = [
        ("FederationList", "federations", "Federation"), ("MemberList", "members", "Member"),
        ("FleetList", "fleets", "Fleet"),
        ("Calendar", "entries", "CalendarEntry"), ("ResourceSharingList", "resource_sharing", "ResourceSharing"),
        ("QuotaList", "quotas", "Quota"), ("AllocationList", "allocations", "Allocation"),
        ("CommunicationLogList", "communication_logs", "CommunicationLog"),
        ("DeadLetterList", "dead_letters", "CommunicationLog"), ("WebhookList", "webhooks", "Webhook"),
        ("WebhookDeliveryList", "deliveries", "WebhookDelivery"),
        ("AuditList", "audit_records", "AuditRecord"), ("APIKeyList", "api_keys", "APIKey"),
    ]

    private static let obligations = Schema.array(.attributes(atMost: 4), atMost: 100)

    /// What is answered may gain members, so unknown ones are allowed.
    private static func object(_ fields: [Field]) -> JSON {
        var properties = JSONObject()
        for field in fields { properties[field.name] = field.schema.openAPI }
        return [
            "type": .string("object"), "properties": .object(properties),
            "required": .array(fields.filter(\.isAlways).map { .string($0.name) }),
        ]
    }
}
