package import FleetDomain

package struct LeaseFilter: Sendable {
    package var federation: Federation.ID?
    /// On either side.
    package var fleet: Fleet.ID?
    package var status: LeaseStatus?
    package var resourceType: ResourceType?
    package var resource: Resource.ID?
    /// Leases whose window ends after this.
    package var from: Timestamp?
    /// Leases whose window starts before this.
    package var to: Timestamp?

    package init() {}
}

extension Store {
    package func lease(_ id: Lease.ID) async throws(StoreError) -> Lease? {
        let row = try await database.find(SQL("lease.find", Tables.leases.select + "WHERE sharing_id = \(id)")).first
        return try row.map { (row) throws(StoreError) in try Tables.leases.decode(row) }
    }

    package func leases(
        for reader: Principal, _ filter: LeaseFilter, after: Lease.ID?, size: Int
    ) async throws(StoreError) -> Page<Lease> {
        var conditions = [reader.seesLease]
        if let federation = filter.federation { conditions.append("s.federation_id = \(federation)") }
        if let fleet = filter.fleet {
            conditions.append("(s.source_fleet_id = \(fleet) OR s.target_fleet_id = \(fleet))")
        }
        if let status = filter.status { conditions.append("s.status = \(status.rawValue)") }
        if let type = filter.resourceType { conditions.append("s.resource_type = \(type)") }
        if let resource = filter.resource {
            conditions.append("s.resource_id = \(resource)")
            conditions.append(reader.seesResourceOfLease)
        }
        if let from = filter.from { conditions.append("s.ends_at > \(from)") }
        if let to = filter.to { conditions.append("s.starts_at < \(to)") }
        if let after { conditions.append("s.sharing_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "leases.page",
                Tables.leases.aliasedSelect + "WHERE \(SQL.all(conditions)) ORDER BY s.sharing_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.leases.decode(row) }, size: size)
    }

    /// The live leases of one resource that touch the time from `from` to `to`, in the order of their starts.
    ///
    /// - Parameter borrowers: only leases to these fleets; nil for all.
    package func calendar(
        of key: Resource.Key, from: Timestamp, to: Timestamp, after: (Timestamp, Lease.ID)?, size: Int,
        borrowers: Set<Fleet.ID>? = nil
    ) async throws(StoreError) -> Page<Lease> {
        var conditions: [SQL.Fragment] = [
            "s.source_fleet_id = \(key.fleet)", "s.resource_id = \(key.resource)",
            "s.status IN ('pending', 'granted', 'active', 'revoking', 'overdue')", "s.starts_at < \(to)",
            "(s.ends_at > \(from) OR s.status IN ('overdue', 'revoking'))",
        ]
        if let borrowers { conditions.append("s.target_fleet_id IN \(list: borrowers.sorted())") }
        if let after {
            conditions.append("(s.starts_at > \(after.0) OR (s.starts_at = \(after.0) AND s.sharing_id > \(after.1)))")
        }
        let rows = try await database.read(
            SQL(
                "leases.calendar",
                Tables.leases.aliasedSelect
                    + "WHERE \(SQL.all(conditions)) ORDER BY s.starts_at, s.sharing_id LIMIT \(size + 1)"))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.leases.decode(row) }, size: size)
    }
}
