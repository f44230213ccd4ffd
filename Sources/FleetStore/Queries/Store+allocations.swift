package import FleetDomain

package struct AllocationFilter: Sendable {
    package var federation: Federation.ID?
    package var fleet: Fleet.ID?
    package var status: AllocationStatus?

    package init() {}
}

extension Store {
    /// The allocation with the leases made for it.
    package func allocation(_ id: Allocation.ID) async throws(StoreError) -> (Allocation, [Lease])? {
        let row = try await database.find(
            SQL("allocation.find", Tables.allocations.select + "WHERE allocation_id = \(id)")
        ).first
        guard let row else { return nil }
        let allocation = try Tables.allocations.decode(row)
        return (allocation, try await leases(of: [id])[id] ?? [])
    }

    /// Those that the reader may see.
    package func allocations(
        for reader: Principal, _ filter: AllocationFilter, after: Allocation.ID?, size: Int
    ) async throws(StoreError) -> Page<Allocation> {
        var conditions = [reader.seesAllocation]
        if let federation = filter.federation { conditions.append("a.federation_id = \(federation)") }
        if let fleet = filter.fleet { conditions.append("a.target_fleet_id = \(fleet)") }
        if let status = filter.status { conditions.append("a.status = \(status.rawValue)") }
        if let after { conditions.append("a.allocation_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "allocations.page",
                Tables.allocations.aliasedSelect
                    + "WHERE \(SQL.all(conditions)) ORDER BY a.allocation_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.allocations.decode(row) }, size: size)
    }

    /// The leases made for each of the allocations; at most a page's worth of them.
    ///
    /// - Parameter reader: of whom those are left out that it may not see; nil is whoever may see all.
    package func leases(
        of allocations: [Allocation.ID], for reader: Principal? = nil
    ) async throws(StoreError) -> [Allocation.ID: [Lease]] {
        guard !allocations.isEmpty else { return [:] }
        let conditions = ["s.allocation_id IN \(list: allocations)"] + (reader.map { [$0.seesLease] } ?? [])
        let rows = try await database.read(
            SQL(
                "leases.of_allocations",
                Tables.leases.aliasedSelect + "WHERE \(SQL.all(conditions)) ORDER BY s.sharing_id"),
            within: reader.map(RowScope.init))
        let leases = try rows.map { (row) throws(StoreError) in try Tables.leases.decode(row) }
        return Dictionary(grouping: leases.filter { $0.allocation != nil }) { $0.allocation ?? Allocation.ID(raw: 0) }
    }
}
