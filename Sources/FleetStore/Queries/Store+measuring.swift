package import FleetDomain

/// What the metrics of a federation are made from, read page by page: a federation may have more than fits in memory.
///
/// `fleets` restricts to what concerns these fleets, where the rows are read; nil is all.
extension Store {
    /// Leases that are not over, in the order of their making.
    package func openLeases(
        of federation: Federation.ID, fleets: [Fleet.ID]?, before end: Timestamp, after: Lease.ID?, size: Int
    ) async throws(StoreError) -> Page<Lease> {
        var conditions = leaseConditions(federation, fleets, before: end) + ["ended_at IS NULL"]
        if let after { conditions.append("sharing_id > \(after)") }
        return try await page(
            SQL(
                "leases.open",
                Tables.leases.select + "WHERE \(SQL.all(conditions)) ORDER BY sharing_id LIMIT \(size + 1)"),
            size
        ) { (row) throws(StoreError) in try Tables.leases.decode(row) }
    }

    /// Leases that ended at `start` or later, in the order of their ends.
    package func endedLeases(
        of federation: Federation.ID, fleets: [Fleet.ID]?, since start: Timestamp, before end: Timestamp,
        after: (Timestamp, Lease.ID)?, size: Int
    ) async throws(StoreError) -> Page<Lease> {
        var conditions = leaseConditions(federation, fleets, before: end)
        conditions.append(place("ended_at", "sharing_id", since: start, after: after))
        return try await page(
            SQL(
                "leases.ended",
                Tables.leases.select + "WHERE \(SQL.all(conditions)) ORDER BY ended_at, sharing_id LIMIT \(size + 1)"),
            size
        ) { (row) throws(StoreError) in try Tables.leases.decode(row) }
    }

    private func leaseConditions(
        _ federation: Federation.ID, _ fleets: [Fleet.ID]?, before end: Timestamp
    ) -> [SQL.Fragment] {
        var conditions: [SQL.Fragment] = ["federation_id = \(federation)", "created_at < \(end)"]
        if let fleets {
            conditions.append("(source_fleet_id IN \(list: fleets) OR target_fleet_id IN \(list: fleets))")
        }
        return conditions
    }

    /// Allocations that were admitted and changed at `start` or later, in the order of their last changes.
    package func measuredAllocations(
        of federation: Federation.ID, targets: [Fleet.ID]?, since start: Timestamp,
        after: (Timestamp, Allocation.ID)?, size: Int
    ) async throws(StoreError) -> Page<MeasuredAllocation> {
        var conditions: [SQL.Fragment] = [
            "federation_id = \(federation)", "status <> 'refused'",
            place("updated_at", "allocation_id", since: start, after: after),
        ]
        if let targets { conditions.append("target_fleet_id IN \(list: targets)") }
        return try await page(
            SQL(
                "allocations.measured",
                """
                SELECT allocation_id, status, has_begun, created_at, updated_at FROM allocations \
                WHERE \(SQL.all(conditions)) ORDER BY updated_at, allocation_id LIMIT \(size + 1)
                """), size
        ) { (row) throws(StoreError) in
            MeasuredAllocation(
                id: try row.id(0), status: try row.choice(1), hasBegun: try row.bool(2),
                createdAt: try row.timestamp(3), updatedAt: try row.timestamp(4))
        }
    }

    /// An allocation with what tells whose it is.
    package struct MeasuredAllocationRow: Sendable {
        package let allocation: MeasuredAllocation
        package let federation: Federation.ID
        package let target: Fleet.ID
        package let version: Int64
    }

    /// The allocations of these that were admitted; at most a page's worth of them.
    package func measuredAllocations(
        _ ids: [Allocation.ID]
    ) async throws(StoreError) -> [MeasuredAllocationRow] {
        guard !ids.isEmpty else { return [] }
        let rows = try await database.read(
            SQL(
                "allocations.measured_by_id",
                """
                SELECT allocation_id, status, has_begun, created_at, updated_at, federation_id, target_fleet_id, version \
                FROM allocations WHERE status <> 'refused' AND allocation_id IN \(list: ids)
                """))
        return try rows.map { (row) throws(StoreError) in
            MeasuredAllocationRow(
                allocation: MeasuredAllocation(
                    id: try row.id(0), status: try row.choice(1), hasBegun: try row.bool(2),
                    createdAt: try row.timestamp(3), updatedAt: try row.timestamp(4)),
                federation: try row.id(5), target: try row.name(6), version: try row.integer(7))
        }
    }

    /// Every membership that there is or was.
    package func memberships(
        of federation: Federation.ID, after: Fleet.ID?, size: Int
    ) async throws(StoreError) -> Page<Member> {
        var conditions: [SQL.Fragment] = ["federation_id = \(federation)"]
        if let after { conditions.append("fleet_id > \(after)") }
        return try await page(
            SQL(
                "members.measured",
                Tables.members.select + "WHERE \(SQL.all(conditions)) ORDER BY fleet_id LIMIT \(size + 1)"),
            size
        ) { (row) throws(StoreError) in try Tables.members.decode(row) }
    }

    /// Resources of the members, those left out that were retired before `start`.
    package func measuredResources(
        of federation: Federation.ID, fleets: [Fleet.ID]?, since start: Timestamp, after: Resource.Key?, size: Int
    ) async throws(StoreError) -> Page<MeasuredResource> {
        var conditions: [SQL.Fragment] = [
            "m.federation_id = \(federation)", "(r.status <> 'retired' OR r.updated_at > \(start))",
        ]
        if let fleets { conditions.append("m.fleet_id IN \(list: fleets)") }
        if let after { conditions.append("(r.fleet_id, r.resource_id) > (\(after.fleet), \(after.resource))") }
        return try await page(
            SQL(
                "resources.measured",
                """
                SELECT r.fleet_id, r.resource_id, r.resource_type, r.capacity, r.status, r.version, r.updated_at \
                FROM fleet_federation_members AS m JOIN resources AS r ON r.fleet_id = m.fleet_id \
                WHERE \(SQL.all(conditions)) ORDER BY r.fleet_id, r.resource_id LIMIT \(size + 1)
                """), size
        ) { (row) throws(StoreError) in
            MeasuredResource(
                key: Resource.Key(fleet: try row.name(0), resource: try row.name(1)), type: try row.name(2),
                capacity: try row.integer(3), status: try row.choice(4), version: try row.integer(5),
                updatedAt: try row.timestamp(6))
        }
    }

    /// Deliveries that were accepted in a period, by its steps.
    package func measuredMessages(
        of federation: Federation.ID, fleets: [Fleet.ID]?, in period: MetricsPeriod
    ) async throws(StoreError) -> [MeasuredMessages] {
        let (window, length) = (period.window, period.stepLength)
        var conditions: [SQL.Fragment] = [
            "federation_id = \(federation)", "created_at >= \(window.start)", "created_at < \(window.end)",
        ]
        if let fleets {
            // A source does not learn of those that it may not know.
            conditions.append(
                "(target_fleet_id IN \(list: fleets) OR (source_fleet_id IN \(list: fleets) AND NOT is_concealed))")
        }
        let step = database.dialect.milliseconds(from: window.start, to: "created_at") + " / \(length)"
        let rows = try await database.read(
            SQL(
                "deliveries.measured",
                """
                SELECT \(step) AS step, COUNT(*), CAST(SUM(CASE WHEN status = 'acknowledged' THEN 1 ELSE 0 END) AS BIGINT) \
                FROM communication_logs WHERE \(SQL.all(conditions)) GROUP BY step
                """))
        return try rows.map { (row) throws(StoreError) in
            MeasuredMessages(
                step: Int(try row.integer(0)), accepted: try row.integer(1), acknowledged: try row.integer(2))
        }
    }

    /// Names that a search of the log is narrowed to: engines bound the depth of an expression, and more cost more
    /// than they save.
    private static let namesMax = 32

    /// Events from `start` on, in order.
    ///
    /// - Parameters:
    ///   - types: among those of `Migration.measuredEvents`.
    ///   - names: values of `field` in their data, of which one must be there; more than 32 narrow nothing. May let
    ///     through more than it should, because `_` stands for any character, never less.
    package func measuredEvents(
        _ types: [EventType], _ field: StaticString, _ names: [String], from start: Timestamp, after: Event?, size: Int
    ) async throws(StoreError) -> Page<Event> {
        let conditions = eventConditions(types, field, names, from: start, after: after.map { ($0.at, $0.position) })
        return try await page(
            SQL(
                "events.measured",
                """
                SELECT \(EventLog.columns) FROM events WHERE \(conditions) ORDER BY at, position LIMIT \(size + 1)
                """), size
        ) { (row) throws(StoreError) in try EventLog.decode(row) }
    }

    private func eventConditions(
        _ types: [EventType], _ field: StaticString, _ names: [String], from start: Timestamp,
        after: (Timestamp, Int64)?
    ) -> SQL.Fragment {
        var conditions: [SQL.Fragment] = [
            SQL.Fragment(trusted: "type IN \(Migration.measuredEvents)"), "type IN \(list: types.map(\.rawValue))",
            "at >= \(after?.0 ?? start)",
        ]
        // The log is in the order of time.
        if let after { conditions.append("position > \(after.1)") }
        if names.count <= Self.namesMax {
            conditions.append(SQL.any(names.map { "CAST(data AS TEXT) LIKE \("%\"\(field)\":\"\($0)\"%")" }))
        }
        return SQL.all(conditions)
    }

    /// Where a list by time begins. One bound at a time, so that the engine seeks to it: with both it would read all
    /// rows of the instant again for each page.
    private func place<Key: SQLEncodable>(
        _ time: StaticString, _ key: StaticString, since start: Timestamp, after: (Timestamp, Key)?
    ) -> SQL.Fragment {
        let (time, key) = (SQL.Fragment(stringLiteral: time), SQL.Fragment(stringLiteral: key))
        guard let after else { return "\(time) >= \(start)" }
        return "(\(time), \(key)) > (\(after.0), \(after.1))"
    }

    private func page<Row: Sendable>(
        _ query: SQL, _ size: Int, _ decode: (SQLRow) throws(StoreError) -> Row
    ) async throws(StoreError) -> Page<Row> {
        let rows = try await database.read(query)
        return Page(found: try rows.map { (row) throws(StoreError) in try decode(row) }, size: size)
    }
}

extension SQLRow {
    fileprivate func choice<Choice: RawRepresentable<String>>(_ index: Int) throws(StoreError) -> Choice {
        guard let choice = Choice(rawValue: try text(index)) else { throw .corrupt("column \(index)") }
        return choice
    }
}
