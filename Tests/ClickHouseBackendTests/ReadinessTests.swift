import ClickHouseBackend
import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import Testing

extension ClickHouseTests {
    @Suite("What it takes")
    struct ReadinessTests {
        @Test("its tables are made once, whoever asks how often, and expire as was last said")
        func migrate() async throws {
            try await ClickHouseServer.database { settings, server in
                // Whether the log is to be handed on anew: where more is to be kept than was.
                for (days, isAnew) in [(600, false), (400, false), (400, false), (500, true)] {
                    var changed = settings
                    changed.retentionDays = days
                    try await Self.with(changed) { clickHouse in try await clickHouse.migrate(for: "one") { _ in true }
                    }
                    let places = try await server.ask(
                        "SELECT count() FROM progress FINAL FORMAT TabSeparated", in: settings.database)
                    #expect(places == (isAnew || days == 600 ? "0" : "1"))
                    _ = try await server.ask(
                        "INSERT INTO progress (sink, position) SELECT 'events', 7", in: settings.database)
                }
                let made = "SELECT count(), max(version) FROM fleet_migrations FORMAT TabSeparated"
                #expect(try await server.ask(made, in: settings.database) == "1\t1")
                let table = try await server.ask("SHOW CREATE TABLE events", in: settings.database)
                #expect(table.contains("toIntervalDay(500)"))
            }
        }

        @Test("tables of a newer release, and those of another log, are refused")
        func foreign() async throws {
            try await ClickHouseServer.database { settings, server in
                try await Self.with(settings) { clickHouse in
                    #expect(try await clickHouse.installation() == nil)
                    try await clickHouse.migrate(for: "one") { _ in true }
                    #expect(try await clickHouse.installation() == "one")
                    let other = await Self.reason { try await clickHouse.migrate(for: "other") { _ in true } }
                    #expect(other == "its database is that of another installation; give each one of its own")
                    _ = try await server.ask("INSERT INTO fleet_migrations (version) SELECT 99", in: settings.database)
                    let newer = await Self.reason { try await clickHouse.migrate(for: "one") { _ in true } }
                    #expect(newer == "its tables are of version 99, and this release knows 1")
                    // Whoever asks how it is hears of it, too.
                    #expect(await Self.reason { try await clickHouse.check() } == newer)
                }
            }
        }

        @Test("a wrong password, a database that is not there and a missing right each have one clear reason")
        func refused() async throws {
            try await ClickHouseServer.database { settings, server in
                var wrong = settings
                wrong.password = "wrong-one"
                #expect(await Self.reason(wrong) == "the user name or the password is wrong")
                var missing = settings
                missing.database = "missing_one"
                #expect(await Self.reason(missing) == "the database does not exist; create it")
                guard let user = server.user else { return }
                var powerless = settings
                (powerless.username, powerless.password) = user
                let reason = await Self.reason(powerless)
                #expect(reason?.hasPrefix("the user may not do what is needed: ") == true, "\(reason ?? "")")
            }
        }

        @Test("a summary says as of when it is, and is read from the SQL database once that is more than a minute ago")
        func staleness() async throws {
            try await ClickHouseServer.database { settings, _ in
                try await Self.with(settings) { clickHouse in
                    var history = try await MeasuredHistory(seed: 1)
                    try await clickHouse.migrate(for: "one") { _ in true }
                    let feed = AnalyticsFeed(store: history.store)
                    try await clickHouse.insert(#require(try await feed.batch(after: 0)))
                    let place = try #require(try await clickHouse.place())
                    #expect(await history.asOf(60, after: place, clickHouse) == .init(place.at + 60, "clickhouse"))
                    try await history.run(commands: 40)
                    // Behind, it is as old as its last event.
                    #expect(await history.asOf(60, after: place, clickHouse) == .init(place.at, "clickhouse"))
                    #expect(await history.asOf(61, after: place, clickHouse) == .init(place.at + 61, "sql"))
                    // Nor does it know of what it has forgotten.
                    let before = -clickHouse.retention - 1
                    #expect(await history.asOf(0, from: before, after: place, clickHouse)?.source == "sql")
                    await history.store.database.close()
                }
            }
        }

        static func with(
            _ settings: ClickHouseSettings, _ body: (ClickHouse) async throws -> Void
        ) async throws {
            let clickHouse = ClickHouse(settings)
            do {
                try await body(clickHouse)
            } catch {
                await clickHouse.close()
                throw error
            }
            await clickHouse.close()
        }

        /// Why it cannot be used, or nil.
        static func reason(_ settings: ClickHouseSettings) async -> String? {
            let clickHouse = ClickHouse(settings)
            let reason = await reason { try await clickHouse.migrate(for: "one") { _ in true } }
            await clickHouse.close()
            return reason
        }

        static func reason(_ body: () async throws -> Void) async -> String? {
            do {
                try await body()
                return nil
            } catch {
                return "\(error)"
            }
        }
    }
}

/// As of when a summary is, and which database it is from.
struct ReportOrigin: Equatable {
    let asOf: Timestamp
    let source: String

    init(_ asOf: Timestamp, _ source: String) {
        self.asOf = asOf
        self.source = source
    }
}

extension MeasuredHistory {
    fileprivate func asOf(
        _ seconds: Seconds, from start: Seconds = 0, after place: AnalyticsPlace, _ analytics: ClickHouse
    ) async -> ReportOrigin? {
        let now = place.at + seconds
        let window = Window(start: place.at + start, end: now + 1)
        guard let id = federations.first, let period = MetricsPeriod(window, asOf: now) else { return nil }
        let metrics = MetricsRegistry()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let reporter = MetricsReporter(store: store, analytics: analytics, metrics: metrics, logger: logger)
        guard let federation = federation(id),
            let report = try? await reporter.report(on: federation, for: LedgerScenario.admin, .federation, period)
        else { return nil }
        let text = metrics.exposition(gauges: [])
        return ReportOrigin(report.asOf, text.contains(#"{source="sql"}"#) ? "sql" : "clickhouse")
    }
}
