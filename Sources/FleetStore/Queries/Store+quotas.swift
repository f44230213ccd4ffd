package import FleetDomain

extension Store {
    /// The quotas of a federation in force.
    ///
    /// - Parameters:
    ///   - reader: nil is the service itself.
    ///   - fleets: of these alone; nil is of all.
    package func quotas(
        of federation: Federation.ID, for reader: Principal? = nil, fleets: [Fleet.ID]?,
        after: (fleet: Fleet.ID, type: ResourceType)?, size: Int
    ) async throws(StoreError) -> Page<Quota> {
        var conditions: [SQL.Fragment] = ["federation_id = \(federation)", "NOT is_removed"]
        if let fleets { conditions.append("fleet_id IN \(list: fleets)") }
        if let after {
            conditions.append(
                "(fleet_id > \(after.fleet) OR (fleet_id = \(after.fleet) AND resource_type > \(after.type)))")
        }
        let rows = try await database.read(
            SQL(
                "quotas.page",
                Tables.quotas.select
                    + "WHERE \(SQL.all(conditions)) ORDER BY fleet_id, resource_type LIMIT \(size + 1)"),
            within: reader.map(RowScope.init))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.quotas.decode(row) }, size: size)
    }
}
