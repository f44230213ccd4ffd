/// What is asked of the tables for a summary. Parameters: `federation`; the period from `start` to `end` in steps of
/// `length`, of which what lies before `until` has passed `as_of` then; `position`, up to where everything is there;
/// `fleets`, to which it is restricted.
enum FactQueries {
    /// The leases that were open or ended in the period, each once.
    ///
    /// One whose last state is of up to `position` and over is read from where the ended ones are: it is there. Any other is
    /// read from where the last states are, and not again where the ended ones are: what it has there is newer.
    ///
    /// Among the last states nearly all are over: which of them may be wanted is found out by few and narrow columns, without
    /// telling what was replaced. A lease has the same key in each of its states, so none is missed that way.
    private static func leases(_ isRestricted: Bool) -> ClickHouseSQL {
        let fleets: ClickHouseSQL =
            isRestricted
            ? "AND (source_fleet_id IN {fleets:Array(String)} OR target_fleet_id IN {fleets:Array(String)})" : ""
        return """
            SELECT * FROM leases FINAL
            WHERE federation_id = {federation:UUID} AND created_at < \(end)
                AND (created_at, lease_id) IN (
                    SELECT created_at, lease_id FROM leases
                    WHERE federation_id = {federation:UUID} AND created_at < \(end)
                        AND (is_over = 0 OR position > {position:Int64})
                )
                AND (is_over = 0 OR position > {position:Int64} AND ended_at >= \(start)) \(fleets)
            UNION ALL
            SELECT * FROM ended_leases FINAL
            WHERE federation_id = {federation:UUID} AND ended_at >= \(start) AND created_at < \(end)
                AND position <= {position:Int64} \(fleets)
            """
    }

    private static let start: ClickHouseSQL = "fromUnixTimestamp64Milli({start:Int64}, 'UTC')"
    private static let end: ClickHouseSQL = "fromUnixTimestamp64Milli({end:Int64}, 'UTC')"

    /// Unit-time by pair and type over the whole period: active, idle, overdue, lent.
    static func use(isRestricted: Bool) -> ClickHouseSQL {
        """
        SELECT source_fleet_id, target_fleet_id, resource_type,
            toString(sum(q * greatest(0, least(active_to, {until:Int64}) - greatest(active_from, {start:Int64})))),
            toString(sum(q * greatest(0, least(idle_to, {until:Int64}) - greatest(idle_from, {start:Int64})))),
            toString(sum(q * greatest(0, least(overdue_to, {until:Int64}) - greatest(overdue_from, {start:Int64})))),
            toString(sum(if(use_start < {as_of:Int64}, q, 0)
                * greatest(0, least(lent_to, {until:Int64}) - greatest(lent_from, {start:Int64}))))
        FROM (SELECT *, toInt128(quantity) AS q FROM (\(leases(isRestricted))))
        GROUP BY source_fleet_id, target_fleet_id, resource_type
        """
    }

    /// The same in steps, as a tally keeps it: a span adds to what its first and its last step hold in part, and to what
    /// those between hold whole by a rise and a fall. A row of nothing stands for each source and type.
    ///
    /// To whom something was lent matters only to what was lent: of the other kinds the source stands for its pairs, of
    /// which there are many more.
    static func steps(isRestricted: Bool) -> ClickHouseSQL {
        """
        SELECT source_fleet_id, if(x.1 = 3, target_fleet_id, source_fleet_id) AS target, resource_type, x.1 AS kind,
            x.2 AS step, toString(sum(x.3)), toString(sum(x.4))
        FROM (
            SELECT source_fleet_id, target_fleet_id, resource_type, toInt128(quantity) AS q,
                arrayFilter(s -> s.2 < s.3, arrayMap(
                    (k, f, t) -> (k, greatest(f, {start:Int64}), least(t, {until:Int64})), [0, 1, 2, 3],
                    [active_from, idle_from, overdue_from, lent_from],
                    [active_to, idle_to, overdue_to, if(use_start < {as_of:Int64}, lent_to, 0)])) AS spans,
                arrayMap(s -> (
                    s.1, intDiv(s.2 - {start:Int64}, {length:Int64}), intDiv(s.3 - 1 - {start:Int64}, {length:Int64}),
                    s.2, s.3), spans) AS placed,
                arrayJoin(arrayConcat(
                    [(toUInt8(0), toInt64(0), toInt128(0), toInt128(0))],
                    arrayFlatten(arrayMap(p -> if(
                        p.2 = p.3,
                        [(p.1, p.2, q * (p.5 - p.4), toInt128(0))],
                        [
                            (p.1, p.2, q * ({start:Int64} + (p.2 + 1) * {length:Int64} - p.4), toInt128(0)),
                            (p.1, p.3, q * (p.5 - {start:Int64} - p.3 * {length:Int64}), toInt128(0)),
                            (p.1, p.2 + 1, toInt128(0), q), (p.1, p.3, toInt128(0), -q)
                        ]), placed)))) AS x
            FROM (\(leases(isRestricted)))
        ) GROUP BY source_fleet_id, target, resource_type, kind, step
        """
    }

    /// Grants by pair, step, and the part of the period in which no membership changed.
    static func checks(isRestricted: Bool) -> ClickHouseSQL {
        """
        SELECT source_fleet_id, target_fleet_id, was_approved, intDiv(check_at - {start:Int64}, {length:Int64}) AS step,
            roundDown(check_at, {times:Array(Int64)}) AS part, count(), any(check_at)
        FROM (\(leases(isRestricted))) WHERE is_check = 1 AND \(happened("check_at"))
        GROUP BY source_fleet_id, target_fleet_id, was_approved, step, part
        """
    }

    private static func happened(_ time: ClickHouseSQL) -> ClickHouseSQL {
        "\(time) >= {start:Int64} AND \(time) < {end:Int64} AND \(time) <= {as_of:Int64}"
    }

    /// Leases that were asked for by name, as requests.
    static func leaseRequests(isRestricted: Bool) -> ClickHouseSQL {
        requests(
            "SELECT * FROM (\(leases(isRestricted))) WHERE allocation_id = toUUID('00000000-0000-0000-0000-000000000000')",
            isRestricted)
    }

    static func allocationRequests(isRestricted: Bool) -> ClickHouseSQL {
        requests("SELECT * FROM allocations FINAL WHERE federation_id = {federation:UUID}", isRestricted)
    }

    /// By step: those that were satisfied (1) and that failed (2), and those that were decided (3) by how long it took.
    private static func requests(_ rows: ClickHouseSQL, _ isRestricted: Bool) -> ClickHouseSQL {
        let fleets: ClickHouseSQL = isRestricted ? "AND target_fleet_id IN {fleets:Array(String)}" : ""
        return """
            SELECT x.1 AS kind, intDiv(x.2 - {start:Int64}, {length:Int64}) AS step, x.3 AS waited, count()
            FROM (
                SELECT arrayJoin([
                    (toUInt8(outcome), outcome_at, toInt64(0)),
                    (
                        toUInt8(if(is_decided = 1, 3, 0)), decided_at,
                        greatest(toInt64(0), decided_at - toUnixTimestamp64Milli(created_at))
                    )
                ]) AS x
                FROM (\(rows) \(fleets))
            ) WHERE kind > 0 AND \(happened("x.2")) GROUP BY kind, step, waited
            """
    }

    /// By fleet and type what was offered from when until when, cut to what of the period has passed; and a row of nothing
    /// for each type that was offered at all.
    static let offers: ClickHouseSQL = """
        SELECT fleet_id, resource_type, greatest(x.1, x.4) AS since, least(x.2, x.5) AS until, sum(x.3)
        FROM (
            SELECT fleet_id, any(resource_type) AS resource_type,
                arraySort(groupArray((version, toUnixTimestamp64Milli(at), offered, status = 'retired'))) AS states,
                arrayMap(i -> (
                    states[i].2,
                    if(i = length(states), {offered_until:Int64}, least(states[i + 1].2, {offered_until:Int64})),
                    states[i].3, {start:Int64}, {until:Int64}), arrayEnumerate(states)) AS spans,
                arrayJoin(arrayConcat(
                    if(states[1].2 < {offered_until:Int64},
                        [(toInt64(0), {offered_until:Int64}, toInt64(0), toInt64(0), {offered_until:Int64})], []),
                    arrayFilter(s -> greatest(s.1, s.4) < least(s.2, s.5), spans))) AS x
            FROM resources FINAL WHERE fleet_id IN {fleets:Array(String)} GROUP BY fleet_id, resource_id
            HAVING states[-1].4 = 0 OR states[-1].2 > {start:Int64}
        ) GROUP BY fleet_id, resource_type, since, until
        """

    /// By protected fleet, step, and the part of the log in which no membership changed.
    static let denials: ClickHouseSQL = """
        SELECT protected_fleet_id, intDiv(toUnixTimestamp64Milli(at) - {start:Int64}, {length:Int64}) AS step,
            roundDown(position, {positions:Array(Int64)}) AS part, sum(count), any(toUnixTimestamp64Milli(at)),
            any(position)
        FROM crossings FINAL
        WHERE protected_fleet_id IN {fleets:Array(String)} AND at >= \(start) AND at < \(end)
            AND at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')
        GROUP BY protected_fleet_id, step, part
        """

    static func messages(isRestricted: Bool) -> ClickHouseSQL {
        // A source does not learn of those that it may not know.
        let fleets: ClickHouseSQL =
            isRestricted
            ? """
            AND (target_fleet_id IN {fleets:Array(String)}
                OR source_fleet_id IN {fleets:Array(String)} AND is_concealed = 0)
            """ : ""
        return """
            SELECT intDiv(toUnixTimestamp64Milli(created_at) - {start:Int64}, {length:Int64}) AS step,
                countIf(is_acknowledgement = 0), countIf(is_acknowledgement = 1)
            FROM deliveries FINAL
            WHERE federation_id = {federation:UUID} AND created_at >= \(start) AND created_at < \(end) \(fleets)
            GROUP BY step
            """
    }
}
