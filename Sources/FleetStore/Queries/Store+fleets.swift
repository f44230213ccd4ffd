package import FleetDomain

extension Store {
    package func fleet(_ id: Fleet.ID) async throws(StoreError) -> Fleet? {
        let row = try await database.find(SQL("fleet.find", Tables.fleets.select + "WHERE fleet_id = \(id)")).first
        return try row.map { (row) throws(StoreError) in try Tables.fleets.decode(row) }
    }

    /// Of each fleet whose data was erased the first data key since.
    package func keysSinceErasure() async throws(StoreError) -> [KeyStore.KeyID] {
        let rows = try await database.read(
            SQL("fleets.erased", "SELECT fleet_id, key_generation FROM fleets WHERE key_generation > 0"))
        return try rows.map { (row) throws(StoreError) in
            KeyStore.KeyID(fleet: try row.name(0), generation: try row.integer(1))
        }
    }

    /// Those of the fleets that are sealed in any federation; at most a page's worth of fleets.
    package func sealed(among fleets: Set<Fleet.ID>) async throws(StoreError) -> [Fleet.ID] {
        guard !fleets.isEmpty else { return [] }
        let rows = try await database.find(
            SQL(
                "fleets.sealed",
                """
                SELECT DISTINCT fleet_id FROM fleet_federation_members \
                WHERE fleet_id IN \(list: fleets.sorted()) AND isolation_level = 'sealed' AND status <> 'left'
                """))
        return try rows.map { (row) throws(StoreError) in try row.name(0) }
    }

    /// How much of a fleet the reader may learn.
    package func disclosure(of owner: Fleet.ID, to reader: Principal) async throws(StoreError) -> Disclosure {
        if reader.holds(.fleetRead, for: owner) { return .full }
        let answers = try await database.read([
            SQL("members.of_fleet", Tables.members.aliasedSelect + "WHERE m.fleet_id = \(owner)"),
            standingsQuery(reader),
        ])
        let memberships = try answers[0].map { (row) throws(StoreError) in try Tables.members.decode(row) }
        let meetings = reader.meetings(standings: try standings(answers[1]), owner: memberships)
        return reader.disclosure(of: owner, meetings: meetings)
    }

    package func fleets(
        for reader: Principal, after: Fleet.ID?, size: Int
    ) async throws(StoreError) -> Page<Fleet> {
        var conditions = [reader.seesFleet]
        if let after { conditions.append("f.fleet_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "fleets.page",
                Tables.fleets.aliasedSelect + "WHERE \(SQL.all(conditions)) ORDER BY f.fleet_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.fleets.decode(row) }, size: size)
    }

    package func resource(_ key: Resource.Key) async throws(StoreError) -> Resource? {
        let row = try await database.find(
            SQL(
                "resource.find",
                Tables.resources.select + "WHERE fleet_id = \(key.fleet) AND resource_id = \(key.resource)")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.resources.decode(row) }
    }

    package func resources(
        of fleet: Fleet.ID, for reader: Principal, after: Resource.ID?, size: Int
    ) async throws(StoreError) -> Page<Resource> {
        var conditions: [SQL.Fragment] = ["fleet_id = \(fleet)"]
        if let after { conditions.append("resource_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "resources.page",
                Tables.resources.select
                    + "WHERE \(SQL.all(conditions)) ORDER BY resource_id LIMIT \(size + 1)"), within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.resources.decode(row) }, size: size)
    }

    /// How many a fleet has of each type, retired ones left out.
    package func resourceCounts(
        of fleet: Fleet.ID, for reader: Principal
    ) async throws(StoreError) -> [(type: ResourceType, capacity: Int64)] {
        try await database.read(
            SQL(
                "resources.counts",
                """
                SELECT resource_type, CAST(SUM(capacity) AS BIGINT) FROM resources \
                WHERE fleet_id = \(fleet) AND status <> 'retired' GROUP BY resource_type ORDER BY resource_type
                """), within: RowScope(reader)
        ).map { (row) throws(StoreError) in (type: try row.name(0), capacity: try row.integer(1)) }
    }
}
