package import FleetDomain
import FleetJSON
package import FleetService
import Synchronization

/// ClickHouse as the analytics store, over its HTTP interface.
package final class ClickHouse: AnalyticsStore {
    /// The oldest release that has what the statements use.
    static let oldestVersion = 22

    let client: ClickHouseClient
    private let settings: ClickHouseSettings
    /// What stands in the way although it answers, since it was last asked to do something.
    private let obstacle = Mutex<ClickHouseError?>(nil)
    /// Tells the batches of a log that is handed on anew from those of before; empty the first time.
    private let feed = Mutex("")

    package init(_ settings: ClickHouseSettings, limits: ClickHouseLimits = ClickHouseLimits()) {
        self.settings = settings
        client = ClickHouseClient(settings, limits: limits)
    }

    package var name: DependencyName { .clickhouse }
    package var breaker: CircuitBreaker { client.breaker }
    package var retention: Seconds { settings.retention }

    package func close() async { await client.close() }

    package func standAside() { obstacle.withLock { $0 = nil } }

    package func check() async throws {
        try await checkVersion()
        if let obstacle = obstacle.withLock({ $0 }) { throw obstacle }
    }

    private func checkVersion() async throws {
        let version = try await client.version()
        guard let major = version.prefix(while: { $0 != "." }).wholeMatch(of: /[0-9]+/).flatMap({ Int($0.output) })
        else {
            throw ClickHouseError.malformed("it does not say its version as ClickHouse does")
        }
        guard major >= Self.oldestVersion else {
            throw ClickHouseError.unusable("it is version \(version), and \(Self.oldestVersion) or newer is needed")
        }
    }

    /// Remembers what the server itself refuses; that it cannot be reached is the circuit's matter.
    private func noting<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            let answer = try await body()
            obstacle.withLock { $0 = nil }
            return answer
        } catch let error as ClickHouseError {
            if case .unreachable = error { throw error }
            obstacle.withLock { $0 = error }
            throw error
        }
    }

    // MARK: Migrations

    package func migrate(for installation: String, isOfLog: (AnalyticsPlace) async throws -> Bool) async throws {
        try await noting {
            try await checkVersion()
            try await client.change(ClickHouseSchema.migrationTable)
            try await client.change(ClickHouseSchema.settingTable)
            let version = try await schemaVersion()
            guard version <= ClickHouseSchema.version else {
                throw ClickHouseError.unusable(
                    "its tables are of version \(version), and this release knows \(ClickHouseSchema.version)")
            }
            try await claim(for: installation)
            for number in version..<ClickHouseSchema.version {
                for statement in ClickHouseSchema.migrations[number] { try await client.change(statement) }
                var parameters = ClickHouseParameters()
                parameters.set("version", Int64(number + 1))
                try await client.change("INSERT INTO fleet_migrations (version) SELECT {version:UInt32}", parameters)
            }
            try await expire()
            let current = try await setting("feed") ?? ""
            feed.withLock { $0 = current }
            if let last = try await last(), try await !isOfLog(last) {
                throw ClickHouseError.unusable(
                    """
                    it has events up to \(last.position) that the log has not: the SQL database was put back, or a fail-over \
                    lost them; empty the analytics database, and it is filled anew
                    """)
            }
        }
    }

    /// The last step of the schema that was taken.
    func schemaVersion() async throws -> Int {
        Int(try await client.read("SELECT max(version) FROM fleet_migrations").first?.integer(0) ?? 0)
    }

    /// Whose log it has; nil before it has any.
    package func installation() async throws -> String? {
        let tables = try await client.read(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'fleet_settings'")
        return try tables.first?.integer(0) ?? 0 > 0 ? try await setting("installation") : nil
    }

    /// Two logs in one database would be added up.
    private func claim(for installation: String) async throws {
        guard let owner = try await setting("installation") else { return try await set("installation", installation) }
        guard owner == installation else {
            throw ClickHouseError.unusable("its database is that of another installation; give each one of its own")
        }
    }

    private func expire() async throws {
        let days = String(settings.retentionDays)
        let before = try await setting("retention_days")
        guard before != days else { return }
        // What is gone by the old limit is handed on again, from the beginning of the log.
        if let before, Int(before).map({ $0 < settings.retentionDays }) ?? true {
            // Of before the tables know the batches, and would take them for there.
            try await set("feed", String(UInt64.random(in: .min ... .max), radix: 16))
            try await client.change("TRUNCATE TABLE progress")
        }
        for statement in ClickHouseSchema.expiries(days: settings.retentionDays) { try await client.change(statement) }
        try await set("retention_days", days)
    }

    private func setting(_ name: String) async throws -> String? {
        var parameters = ClickHouseParameters()
        parameters.set("name", name)
        return try await client.read("SELECT value FROM fleet_settings FINAL WHERE name = {name:String}", parameters)
            .first?.text(0)
    }

    private func set(_ name: String, _ value: String) async throws {
        var parameters = ClickHouseParameters()
        parameters.set("name", name)
        parameters.set("value", value)
        try await client.change(
            "INSERT INTO fleet_settings (name, value) SELECT {name:String}, {value:String}", parameters)
    }

    // MARK: The log

    package func place() async throws -> AnalyticsPlace? {
        let rows = try await client.read(
            """
            SELECT position, event_id, toUnixTimestamp64Milli(at), (SELECT max(version) FROM fleet_migrations)
            FROM progress FINAL WHERE sink = 'events'
            """)
        guard let row = rows.first, try row.integer(3) == ClickHouseSchema.version else { return nil }
        return try place(row)
    }

    package func last() async throws -> AnalyticsPlace? {
        try await client.read(
            """
            SELECT position, event_id, toUnixTimestamp64Milli(at) FROM (
                SELECT position, event_id, at FROM events ORDER BY position DESC LIMIT 1
                UNION ALL SELECT position, event_id, at FROM progress FINAL WHERE sink = 'events'
            ) ORDER BY position DESC LIMIT 1
            """
        ).first.map(place)
    }

    private func place(_ row: Row) throws -> AnalyticsPlace {
        AnalyticsPlace(
            position: try row.integer(0), event: try row.parsed(1), at: Timestamp(milliseconds: try row.integer(2)))
    }

    package func insert(_ batch: AnalyticsBatch) async throws {
        let rows = ClickHouseRows(batch)
        let feed = feed.withLock { $0 }
        let token = feed.isEmpty ? batch.token : "\(feed)-\(batch.token)"
        let tables: [(ClickHouseSQL, RowBuffer)] = [
            ("INSERT INTO events FORMAT JSONEachRow", rows.events),
            ("INSERT INTO leases FORMAT JSONEachRow", rows.leases),
            ("INSERT INTO ended_leases FORMAT JSONEachRow", rows.endedLeases),
            ("INSERT INTO allocations FORMAT JSONEachRow", rows.allocations),
            ("INSERT INTO resources FORMAT JSONEachRow", rows.resources),
            ("INSERT INTO deliveries FORMAT JSONEachRow", rows.deliveries),
            ("INSERT INTO crossings FORMAT JSONEachRow", rows.crossings),
            ("INSERT INTO metrics FORMAT JSONEachRow", rows.metrics),
        ]
        try await noting {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (statement, buffer) in tables where !buffer.bytes.isEmpty {
                    group.addTask { try await self.client.insert(buffer.bytes, into: statement, token: token) }
                }
                try await group.waitForAll()
            }
            // After all of them: up to here everything is there.
            var parameters = ClickHouseParameters()
            parameters.set("position", batch.end.position)
            parameters.set("event", batch.end.event.description)
            parameters.set("at", batch.end.at.milliseconds)
            try await client.change(
                """
                INSERT INTO progress (sink, position, event_id, at)
                SELECT 'events', {position:Int64}, {event:UUID}, fromUnixTimestamp64Milli({at:Int64}, 'UTC')
                """, parameters)
        }
    }

    package func source(upTo place: AnalyticsPlace) -> any MetricsSource {
        ClickHouseFacts(client: client, position: place.position)
    }
}
