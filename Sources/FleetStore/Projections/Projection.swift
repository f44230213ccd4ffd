package import FleetDomain

/// Turns what a batch changed into the rows that show it.
package enum Projection {
    /// What a row is about; leases are missing because each of their changes is written (see `statements`).
    private enum Key: Hashable {
        case federation(Federation.ID)
        case member(Member.Key)
        case quota(Quota.Key)
        case balance(Quota.Key)
        case allocation(Allocation.ID)
        case fleet(Fleet.ID)
        case resource(Resource.Key)
        case message(Int64)
        case delivery(Delivery.ID)
        case webhook(Webhook.ID)
        case replay(EventReplay.ID)
        case metric(Metric.ID)
        case apiKey(APIKey.ID)
        case checkpoint(Int64)
    }

    /// One statement for each entity that changed, with its last state; for leases one for each change, because
    /// the order in which windows are given up and taken must be the order that the database's guard sees.
    package static func statements(for changes: [Entity.Change]) -> [SQL] {
        var seen = Set<Key>(minimumCapacity: changes.count)
        return changes.reversed().compactMap { change in
            if case .lease(let lease) = change.new { return Tables.leases.upsert(lease) }
            guard let (key, statement) = row(of: change.new), seen.insert(key).inserted else { return nil }
            return statement
        }
        .reversed()
    }

    private static func row(of entity: Entity) -> (Key, SQL)? {
        switch entity {
        case .federation(let row): (.federation(row.id), Tables.federations.upsert(row))
        case .member(let row): (.member(row.key), Tables.members.upsert(row))
        case .quota(let row): (.quota(row.key), Tables.quotas.upsert(row))
        case .balance(let row): (.balance(row.key), Tables.balances.upsert(row))
        case .allocation(let row): (.allocation(row.id), Tables.allocations.upsert(row))
        case .fleet(let row): (.fleet(row.id), Tables.fleets.upsert(row))
        case .resource(let row): (.resource(row.key), Tables.resources.upsert(row))
        case .message(let message): (.message(message.position), Tables.messages.upsert(message.head))
        case .delivery(let row): (.delivery(row.id), Tables.deliveries.upsert(row))
        case .webhook(let row): (.webhook(row.id), Tables.webhooks.upsert(row))
        case .replay(let row): (.replay(row.id), Tables.replays.upsert(row))
        case .metric(let row): (.metric(row.id), Tables.metrics.upsert(row))
        case .apiKey(let row): (.apiKey(row.id), Tables.keys.upsert(row))
        case .checkpoint(let row): (.checkpoint(row.treeSize), Tables.checkpoints.upsert(row))
        // A crossing is its event alone; leases have been dealt with.
        case .crossing, .lease: nil
        }
    }
}
