/// The tables. A change of them is a new migration; one that was released is never edited.
///
/// Every table gives the same answer however often, and in whatever stretches, a part of the log was inserted: its rows
/// are told apart by where in the log they come from, and each is counted once (`FINAL`). A partition follows from a row's
/// key, so that what replaces a row is found beside it.
enum ClickHouseSchema {
    static let migrations: [[ClickHouseSQL]] = [
        [events, hourlyEvents, hourlyEventsView]
            + [leases, endedLeases, allocations, resources, deliveries, crossings, metrics, progress]
    ]

    static var version: Int { migrations.count }

    /// The table remembers the tokens of the last inserts, and takes none of them twice.
    private static let remembered: ClickHouseSQL = "SETTINGS non_replicated_deduplication_window = 1000"

    // MARK: What is always there

    /// What was done to the tables.
    static let migrationTable: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS fleet_migrations (version UInt32, at DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = ReplacingMergeTree ORDER BY version
        """

    /// Whose log it is, and how long its facts are kept.
    static let settingTable: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS fleet_settings (name String, value String, at DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = ReplacingMergeTree(at) ORDER BY name
        """

    // MARK: The log

    /// One row for each event, without what people wrote and without who did it. It remembers no tokens: a view hangs on
    /// it, which would miss what a failed insert had put into the table alone.
    private static let events: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS events (
            position Int64, at DateTime64(3, 'UTC'), event_id UUID, type LowCardinality(String), federation_id UUID,
            source_fleet_id LowCardinality(String), target_fleet_id LowCardinality(String),
            acting_fleet_id LowCardinality(String), resource_type LowCardinality(String), subject_id UUID,
            status LowCardinality(String), quantity Int64
        ) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY position
        """

    /// How many events there were of a type in an hour: as the set of their places, so that what comes twice is one.
    private static let hourlyEvents: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS events_hourly (
            federation_id UUID, type LowCardinality(String), hour DateTime('UTC'),
            positions AggregateFunction(groupBitmap, UInt64)
        ) ENGINE = AggregatingMergeTree PARTITION BY toYYYYMM(hour) ORDER BY (federation_id, type, hour)
        """

    private static let hourlyEventsView: ClickHouseSQL = """
        CREATE MATERIALIZED VIEW IF NOT EXISTS events_hourly_view TO events_hourly AS
        SELECT federation_id, type, toStartOfHour(toDateTime(at, 'UTC')) AS hour,
            groupBitmapState(toUInt64(position)) AS positions
        FROM events GROUP BY federation_id, type, hour
        """

    // MARK: What metrics are made of

    /// A lease with its spans of time in milliseconds, each of which ends before it begins where there is none, and far
    /// ahead where it goes on.
    private static let leaseColumns: ClickHouseSQL = """
        position Int64, federation_id UUID, lease_id UUID, allocation_id UUID,
        source_fleet_id LowCardinality(String), target_fleet_id LowCardinality(String),
        resource_type LowCardinality(String), quantity Int64, status LowCardinality(String), is_over UInt8,
        created_at DateTime64(3, 'UTC'), ended_at DateTime64(3, 'UTC'), use_start Int64,
        active_from Int64, active_to Int64, idle_from Int64, idle_to Int64, overdue_from Int64, overdue_to Int64,
        lent_from Int64, lent_to Int64, is_check UInt8, was_approved UInt8, check_at Int64,
        outcome UInt8, outcome_at Int64, is_decided UInt8, decided_at Int64
        """

    /// The last state of each lease. Of those that are over it is there to replace what was before; they are read from
    /// `ended_leases`, which is in the order of their ends.
    private static let leases: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS leases (\(leaseColumns)) ENGINE = ReplacingMergeTree(position)
        PARTITION BY toYYYYMM(created_at) ORDER BY (federation_id, created_at, lease_id) \(remembered)
        """

    private static let endedLeases: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS ended_leases (\(leaseColumns)) ENGINE = ReplacingMergeTree(position)
        PARTITION BY toYYYYMM(ended_at) ORDER BY (federation_id, ended_at, lease_id) \(remembered)
        """

    private static let allocations: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS allocations (
            version Int64, federation_id UUID, allocation_id UUID, target_fleet_id LowCardinality(String),
            status LowCardinality(String), created_at DateTime64(3, 'UTC'), outcome UInt8, outcome_at Int64,
            is_decided UInt8, decided_at Int64
        ) ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(created_at)
        ORDER BY (federation_id, created_at, allocation_id) \(remembered)
        """

    /// What each resource was since each change of it. Kept for as long as the resource: what it offers now may have been
    /// said long ago.
    private static let resources: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS resources (
            position Int64, fleet_id LowCardinality(String), resource_id String, version Int64,
            resource_type LowCardinality(String), status LowCardinality(String), offered Int64,
            at DateTime64(3, 'UTC')
        ) ENGINE = ReplacingMergeTree(position) ORDER BY (fleet_id, resource_id, version) \(remembered)
        """

    /// A row for each message that a recipient was to get, and one for each that it acknowledged.
    private static let deliveries: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS deliveries (
            position Int64, federation_id UUID, source_fleet_id LowCardinality(String),
            target_fleet_id LowCardinality(String), is_concealed UInt8, is_acknowledgement UInt8,
            created_at DateTime64(3, 'UTC')
        ) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(created_at)
        ORDER BY (federation_id, created_at, position, target_fleet_id) \(remembered)
        """

    private static let crossings: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS crossings (
            position Int64, protected_fleet_id LowCardinality(String), at DateTime64(3, 'UTC'), count Int64
        ) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at) ORDER BY (protected_fleet_id, at, position) \(remembered)
        """

    /// What somebody recorded for a federation.
    private static let metrics: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS metrics (
            position Int64, federation_id UUID, metric_id UUID, metric_type LowCardinality(String),
            metric_value Float64, metric_unit LowCardinality(String), calculated_at DateTime64(3, 'UTC'),
            at DateTime64(3, 'UTC')
        ) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(at)
        ORDER BY (federation_id, metric_type, at, metric_id) \(remembered)
        """

    /// Up to where everything is there, and the event there.
    private static let progress: ClickHouseSQL = """
        CREATE TABLE IF NOT EXISTS progress (
            sink LowCardinality(String), position Int64, event_id UUID, at DateTime64(3, 'UTC')
        ) ENGINE = ReplacingMergeTree(position) ORDER BY sink
        """

    // MARK: How long

    /// How long after it was made a lease or an allocation may still be under way: it is booked for a year ahead and for a
    /// year at most, and may be handed back late.
    private static let daysUnderWay = 800

    static func expiries(days: Int) -> [ClickHouseSQL] {
        [
            "ALTER TABLE events MODIFY TTL toDateTime(at) + INTERVAL \(days) DAY",
            "ALTER TABLE events_hourly MODIFY TTL hour + INTERVAL \(days) DAY",
            "ALTER TABLE leases MODIFY TTL toDateTime(created_at) + INTERVAL \(days + daysUnderWay) DAY",
            "ALTER TABLE ended_leases MODIFY TTL toDateTime(ended_at) + INTERVAL \(days) DAY",
            "ALTER TABLE allocations MODIFY TTL toDateTime(created_at) + INTERVAL \(days + daysUnderWay) DAY",
            "ALTER TABLE deliveries MODIFY TTL toDateTime(created_at) + INTERVAL \(days) DAY",
            "ALTER TABLE crossings MODIFY TTL toDateTime(at) + INTERVAL \(days) DAY",
            "ALTER TABLE metrics MODIFY TTL toDateTime(at) + INTERVAL \(days) DAY",
        ]
    }
}
