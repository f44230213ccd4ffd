package import FleetDomain

extension Store {
    /// The state as of the last commit, read from the projections: they are committed with the log, and so are
    /// its snapshot.
    package func loadLedger() async throws(StoreError) -> Ledger {
        let end = try await database.read(EventLog.end).first
        var ledger = Ledger(
            position: try end?.integer(0) ?? 0,
            lastTime: try end?.timestamp(1) ?? Timestamp(milliseconds: 0))
        try await load(Tables.fleets, Entity.fleet, into: &ledger)
        try await load(Tables.resources, Entity.resource, into: &ledger)
        try await load(Tables.federations, Entity.federation, into: &ledger)
        try await load(Tables.members, Entity.member, into: &ledger)
        try await load(Tables.quotas, Entity.quota, into: &ledger, where: "WHERE NOT is_removed")
        try await load(Tables.balances, Entity.balance, into: &ledger)
        try await load(
            Tables.allocations, Entity.allocation, into: &ledger,
            where: "WHERE status IN \(list: AllocationStatus.allCases.filter { !$0.isFinal }.map(\.rawValue))")
        try await load(
            Tables.deliveries, Entity.delivery, into: &ledger,
            where: "WHERE status IN \(list: DeliveryStatus.allCases.filter { !$0.isFinal }.map(\.rawValue))")
        try await load(Tables.webhooks, Entity.webhook, into: &ledger, where: "WHERE status <> 'removed'")
        try await load(Tables.replays, Entity.replay, into: &ledger, where: "WHERE status = 'running'")
        try await load(Tables.keys, Entity.apiKey, into: &ledger)
        try await load(
            Tables.leases, Entity.lease, into: &ledger,
            where: "WHERE status IN \(list: LeaseStatus.allCases.filter { !$0.isFinal }.map(\.rawValue))")
        ledger.resumeDrains()
        return ledger
    }

    private func load<Row: Record>(
        _ table: Table<Row>, _ entity: (Row) -> Entity, into ledger: inout Ledger, where filter: SQL.Fragment = ""
    ) async throws(StoreError) {
        for row in try await database.read(SQL("load", table.select + filter)) {
            ledger.restore(entity(try table.decode(row)))
        }
    }
}
