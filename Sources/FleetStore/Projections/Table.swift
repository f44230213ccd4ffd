package import FleetDomain
import FleetJSON

/// A projection: one row for each record, replaced whole when the record changes.
package struct Table<Row: Record>: Sendable {
    package let name: String
    /// The columns of its primary key.
    package let key: [String]
    /// `SELECT` with every column in the record's order.
    let select: SQL.Fragment
    /// The same with the table's alias before each, for a statement with several tables.
    let aliasedSelect: SQL.Fragment
    /// The columns with the alias before each, for a join.
    let aliasedColumns: SQL.Fragment
    private let upsertText: String

    /// - Parameter alias: what the table is called in statements with several tables.
    init(_ name: String, as alias: String, key: [String]) {
        let fields = Row.fields.map(\.description)
        let updates = fields.filter { !key.contains($0) }.map { "\($0) = excluded.\($0)" }
        let marks = Array(repeating: "?", count: fields.count).joined(separator: ", ")
        self.name = name
        self.key = key
        let aliased = fields.map { "\(alias).\($0)" }.joined(separator: ", ")
        select = SQL.Fragment(trusted: "SELECT \(fields.joined(separator: ", ")) FROM \(name) ")
        aliasedSelect = SQL.Fragment(trusted: "SELECT \(aliased) FROM \(name) AS \(alias) ")
        aliasedColumns = SQL.Fragment(trusted: aliased)
        upsertText = """
            INSERT INTO \(name) (\(fields.joined(separator: ", "))) VALUES (\(marks)) \
            ON CONFLICT (\(key.joined(separator: ", "))) DO UPDATE SET \(updates.joined(separator: ", "))
            """
    }

    func upsert(_ row: Row) -> SQL { SQL("projection.upsert", text: upsertText, values: row.values) }

    /// Reads the columns from `offset` on.
    func decode(_ row: SQLRow, from offset: Int = 0) throws(StoreError) -> Row {
        do {
            return try Row(values: Array(row.values[offset..<min(row.values.count, offset + Row.fields.count)]))
        } catch {
            throw StoreError.corrupt("\(name).\(error.field)")
        }
    }
}

/// The tables of the service. Five of the names are the origin's.
package enum Tables {
    package static let fleets = Table<Fleet>("fleets", as: "f", key: ["fleet_id"])
    package static let resources = Table<Resource>("resources", as: "r", key: ["fleet_id", "resource_id"])
    package static let federations = Table<Federation>("fleet_federations", as: "f", key: ["federation_id"])
    package static let members = Table<Member>("fleet_federation_members", as: "m", key: ["federation_id", "fleet_id"])
    package static let quotas = Table<Quota>(
        "fleet_quotas", as: "q", key: ["federation_id", "fleet_id", "resource_type"])
    package static let balances = Table<Balance>(
        "fleet_balances", as: "b", key: ["federation_id", "fleet_id", "resource_type"])
    package static let allocations = Table<Allocation>("allocations", as: "a", key: ["allocation_id"])
    package static let leases = Table<Lease>("resource_sharing", as: "s", key: ["sharing_id"])
    package static let messages = Table<MessageHead>("messages", as: "h", key: ["message_id", "source_fleet_id"])
    package static let deliveries = Table<Delivery>(
        "communication_logs", as: "l", key: ["position", "target_fleet_id"])
    package static let webhooks = Table<Webhook>("webhooks", as: "w", key: ["webhook_id"])
    package static let replays = Table<EventReplay>("event_replays", as: "e", key: ["replay_id"])
    package static let metrics = Table<Metric>("coordination_metrics", as: "c", key: ["metric_id"])
    package static let keys = Table<APIKey>("api_keys", as: "k", key: ["key_id"])
    package static let checkpoints = Table<Checkpoint>("audit_checkpoints", as: "c", key: ["tree_size"])

    /// Every projection, for a rebuild and its comparison.
    package static var projections: [AnyTable] {
        [
            AnyTable(federations), AnyTable(members), AnyTable(quotas), AnyTable(balances), AnyTable(allocations),
            AnyTable(leases), AnyTable(webhooks), AnyTable(replays), AnyTable(messages), AnyTable(deliveries),
            AnyTable(metrics), AnyTable(fleets), AnyTable(resources), AnyTable(keys), AnyTable(checkpoints),
        ]
    }
}
