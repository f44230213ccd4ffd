/// What is carried to another database besides the projections.
///
/// Three tables stay behind: `fleet_schema_migrations`, because each engine has steps of its own, `writer`, because who decides
/// is elected on each database, and `log_timelines`, which are of its servers.
extension Tables {
    /// The log. Its JSON is kept as the text that it is, because the audit tree is made of its bytes.
    package static let log = AnyTable(
        "events",
        [
            .integer("position"), .id("event_id"), .text("type"), .text("actor"), .text("acting_fleet_id"),
            .text("request_id"), .timestamp("at"), .json("audience"), .json("data"), .integer("is_privileged"),
        ], key: ["position"])

    /// What the log does not say, in the database of the log.
    package static let besideLog = [
        AnyTable(
            "idempotency_keys", [.id("key_hash"), .id("fingerprint"), .integer("position"), .timestamp("at")],
            key: ["key_hash"]),
        AnyTable("service_settings", [.text("name"), .bytes("value")], key: ["name"]),
        AnyTable("sink_cursors", [.text("sink"), .integer("position")], key: ["sink"]),
        AnyTable(
            "webhook_pushes",
            [
                .text("sink"), .integer("position"), .id("webhook_id"), .id("event_id"), .text("event_type"),
                .text("lane"), .text("status"), .integer("attempts"), .timestamp("next_at"), .integer("http_status"),
                .text("error"), .timestamp("created_at"), .timestamp("updated_at"),
            ], key: ["sink", "position"]),
        AnyTable("audit_tiles", [.integer("level"), .integer("number"), .bytes("hashes")], key: ["level", "number"]),
    ]

    /// What is in the database of the data keys. They are carried wrapped, so the key that wraps them is not needed.
    package static let ofKeys = [
        AnyTable(
            "data_keys", [.text("fleet_id"), .integer("generation"), .bytes("wrapped")],
            key: ["fleet_id", "generation"]),
        AnyTable("labels", [.text("name"), .bytes("value")], key: ["name"]),
    ]
}
