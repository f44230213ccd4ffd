import ClickHouseBackend
import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import SQLiteBackend
import Testing

extension ClickHouseTests {
    @Suite("The sink to it")
    struct SinkTests {
        @Test("hands on every event once, keeps its place, and summaries come from there")
        func handsOn() async throws {
            try await ClickHouseServer.database { settings, server in
                try await SinkStage.run(settings) { stage in
                    let federation = try await stage.found()
                    try await stage.register(200)
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                    let cursor = try await stage.store.cursor(of: .analytics)
                    #expect(try await cursor == stage.store.endOfLog())
                    let text = try await stage.metrics()
                    #expect(text.contains(#"fleet_sink_lag_events{sink="clickhouse"} 0"#))
                    #expect(text.components(separatedBy: "# TYPE fleet_sink_lag_events").count == 2)
                    #expect(text.components(separatedBy: "# TYPE fleet_sink_depth").count == 2)
                    let summary = try await stage.summary(of: federation)
                    #expect(summary["as_of"]?.stringValue == stage.service.clock.now.description)
                    #expect(try await stage.metrics().contains(#"fleet_metrics_reports_total{source="clickhouse"} 1"#))
                }
            }
        }

        @Test(
            "takes a metric of any time, of before years had four digits of seconds and of after all that it can tell")
        func anyTime() async throws {
            try await ClickHouseServer.database { settings, server in
                try await SinkStage.run(settings) { stage in
                    let federation = try await stage.found()
                    let times = [
                        "1970-01-01T00:00:00Z", "1970-01-01T00:30:00Z", "2001-09-09T01:46:40Z", "9999-12-31T23:59:59Z",
                    ]
                    for time in times {
                        let made = try await stage.service.send(
                            "POST", "/metrics",
                            #"{"federation_id":"\#(federation)","metric_type":"own","metric_value":1,"#
                                + #""metric_unit":"one","calculated_at":"\#(time)"}"#)
                        #expect(made.status == 201, "\(time)")
                    }
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("killed after an insert and before its cursor was kept, it sends again, and nothing counts twice")
        func killedBeforeItsCursor() async throws {
            try await ClickHouseServer.database { settings, server in
                let disk = try SinkStage.Disk()
                try await SinkStage.run(settings, on: disk) { stage in
                    stage.database.setFault {
                        $0.contains { "\($0.name)" == "cursor.keep" } ? .unavailable("killed") : nil
                    }
                    try await stage.register(120)
                    try await stage.catchUp()
                    #expect(try await stage.store.cursor(of: .analytics) == nil)
                    stage.database.setFault(nil)
                }
                try await SinkStage.run(settings, on: disk, batchLength: 7) { stage in
                    try await stage.register(30, from: 120)
                    try await eventually("the cursor is kept") {
                        try await stage.store.cursor(of: .analytics) == stage.store.endOfLog()
                    }
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("the server killed and restarted amid the batches: nothing is lost and nothing counts twice")
        func serverKilled() async throws {
            guard try ClickHouseServer.current.canBeBroken else { return }
            try await ClickHouseServer.database { settings, server in
                try await SinkStage.run(settings, batchLength: 20) { stage in
                    let federation = try await stage.found()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await stage.register(1500) }
                        try await eventually("some is there") {
                            (try? await stage.clickHouse.place())??.position ?? 0 >= 40
                        }
                        try await server.kill()
                        // Decisions and summaries go on without it.
                        let summary = try await stage.summary(of: federation)
                        #expect(summary["as_of"]?.stringValue == stage.service.clock.now.description)
                        try await eventually("it is known to be down") {
                            stage.service.api.dependencies.health.allSatisfy { !$0.isReachable }
                        }
                        #expect(try await stage.metrics().contains(#"fleet_metrics_reports_total{source="sql"} 1"#))
                        try await server.restart()
                        try await group.waitForAll()
                    }
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("a frozen server holds up no summary and no decision, and has everything once it thaws")
        func serverFrozen() async throws {
            guard try ClickHouseServer.current.canBeBroken else { return }
            try await ClickHouseServer.database { settings, server in
                var limits = ClickHouseLimits()
                limits.read = .milliseconds(300)
                limits.insert = .milliseconds(500)
                try await SinkStage.run(settings, limits: limits) { stage in
                    let federation = try await stage.found()
                    try await stage.catchUp()
                    try await server.freeze()
                    do {
                        try await stage.register(50)
                        let start = ContinuousClock.now
                        _ = try await stage.summary(of: federation)
                        #expect(ContinuousClock.now - start < .seconds(3))
                        try await eventually("its circuit opens") { stage.clickHouse.breaker.state != .closed }
                        try await server.thaw()
                    } catch {
                        try await server.thaw()
                        throw error
                    }
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("a server that was emptied is filled anew from the first event")
        func emptied() async throws {
            try await ClickHouseServer.database { settings, server in
                try await SinkStage.run(settings) { stage in
                    try await stage.register(60)
                    try await stage.catchUp()
                    _ = try await server.ask("DROP DATABASE \(settings.database) SYNC", in: "default")
                    _ = try await server.ask("CREATE DATABASE \(settings.database)", in: "default")
                    try await stage.register(1, from: 60)
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("what it has of events that the log has not is no answer, and it is filled anew when it was emptied")
        func putBack() async throws {
            try await ClickHouseServer.database { settings, server in
                let disk = try SinkStage.Disk()
                try await SinkStage.run(settings, on: disk) { stage in
                    _ = try await stage.found()
                    try await stage.catchUp()
                }
                try disk.keep()
                try await SinkStage.run(settings, on: disk) { stage in
                    try await stage.register(10)
                    try await stage.catchUp()
                }
                try disk.putBack()
                try await SinkStage.run(settings, on: disk) { stage in
                    // More than was lost: its length does not tell.
                    let federation = try await stage.found()
                    try await stage.register(20)
                    try await eventually("it says why") {
                        let health = try await stage.service.send("GET", "//health")
                        let text = String(decoding: health.bytes, as: UTF8.self)
                        return text.contains("it has events up to 13 that the log has not")
                    }
                    _ = try await stage.summary(of: federation)
                    #expect(try await stage.metrics().contains(#"fleet_metrics_reports_total{source="sql"} 1"#))
                    _ = try await server.ask("DROP DATABASE \(settings.database) SYNC", in: "default")
                    _ = try await server.ask("CREATE DATABASE \(settings.database)", in: "default")
                    try await stage.catchUp()
                    try await stage.expectExact(server)
                }
            }
        }

        @Test("where nothing listens the service is whole but for it, and says why and how much waits")
        func refused() async throws {
            var settings = ClickHouseSettings(addresses: [try #require(ClickHouseSettings.Address("127.0.0.1:9"))])
            settings.password = "hidden-away"
            try await SinkStage.run(settings) { stage in
                let federation = try await stage.found()
                try await stage.register(10)
                _ = try await stage.summary(of: federation)
                try await eventually("it is known to be down") {
                    stage.service.api.dependencies.health.allSatisfy { !$0.isReachable }
                }
                let health = try await stage.service.send("GET", "//health")
                #expect(health["status"]?.stringValue == "degraded")
                let text = String(decoding: health.bytes, as: UTF8.self)
                #expect(text.contains("127.0.0.1:9 cannot be reached") && !text.contains("hidden-away"), "\(text)")
                let end = try await stage.store.endOfLog()
                #expect(try await stage.metrics().contains(#"fleet_sink_lag_events{sink="clickhouse"} \#(end)"#))
            }
        }
    }
}

/// A service whose log goes to a ClickHouse.
struct SinkStage: Sendable {
    let service: TestService
    let database: FaultyDatabase
    let clickHouse: ClickHouse
    let name: String

    var store: Store { service.api.store }

    /// What is left when a service ends.
    final class Disk: Sendable {
        fileprivate let scratch: Scratch
        fileprivate let key = KeyEncryptionKey.make()

        init() throws { scratch = try Scratch() }

        private func copies() -> [(file: String, copy: String)] {
            ["fleet.db", "keys.db"].map { ("\(scratch.path)/\($0)", "\(scratch.path)/\($0).kept") }
        }

        /// Copies the databases, which nobody has open.
        func keep() throws {
            for (file, copy) in copies() { try FileManager.default.copyItem(atPath: file, toPath: copy) }
        }

        func putBack() throws {
            for (file, copy) in copies() {
                try FileManager.default.removeItem(atPath: file)
                try FileManager.default.copyItem(atPath: copy, toPath: file)
            }
        }
    }

    static func run(
        _ settings: ClickHouseSettings, on disk: Disk? = nil, limits: ClickHouseLimits = ClickHouseLimits(),
        batchLength: Int = 5000, _ body: @Sendable (SinkStage) async throws -> Void
    ) async throws {
        let disk = try disk ?? Disk()
        let clickHouse = ClickHouse(settings, limits: limits)
        let database = FaultyDatabase(try await SQLiteDatabase.open(path: disk.scratch.path + "/fleet.db"))
        let keys = KeyStore(database: try await SQLiteDatabase.open(path: disk.scratch.path + "/keys.db"))
        var sink = AnalyticsSink.Limits()
        sink.batchAge = .milliseconds(20)
        sink.feed.batchLength = batchLength
        let result: Result<Void, any Error>
        do {
            // No two of them make the same ids.
            let clock = VirtualClock(seed: .random(in: 0 ... .max / 2))
            try await TestService.run(
                clock: clock, database: database, keys: keys, encryptionKey: disk.key, dependencies: [clickHouse],
                analytics: clickHouse, sinkLimits: sink
            ) { service in
                try await body(
                    SinkStage(service: service, database: database, clickHouse: clickHouse, name: settings.database))
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await keys.database.close()
        await clickHouse.close()
        try result.get()
    }

    func found() async throws -> String {
        let reply = try await service.send("POST", "/federations", #"{"name":"Federation"}"#)
        return try #require(reply["federation_id"]?.stringValue)
    }

    func register(_ count: Int, from first: Int = 0) async throws {
        for number in first..<first + count {
            guard let id = Fleet.ID("fleet-\(number)") else { continue }
            let command = Command(
                operation: "fleet.register", principal: LedgerScenario.admin, requestID: "test-\(number)"
            ) { ledger, context throws(FleetError) in
                Decision(try ledger.register(FleetDraft(id: id, name: "f", organization: "org"), &context))
            }
            _ = try await service.api.orchestrator.submit(command)
        }
    }

    func catchUp() async throws {
        try await eventually("ClickHouse has the whole log") {
            try await (try? clickHouse.place())??.position == store.endOfLog()
        }
    }

    /// Every event is counted once, in the table and in what is rolled up from it.
    func expectExact(_ server: ClickHouseServer) async throws {
        let end = try await store.endOfLog()
        let counts = try await server.ask(
            "SELECT count(), min(position), max(position) FROM events FINAL FORMAT TabSeparated", in: name)
        #expect(counts == "\(end)\t1\t\(end)")
        let rolled = try await server.ask(
            "SELECT sum(n) FROM (SELECT groupBitmapMerge(positions) AS n FROM events_hourly GROUP BY type, hour)",
            in: name)
        #expect(rolled == "\(end)")
    }

    func summary(of federation: String) async throws -> JSONObject {
        let reply = try await service.send("GET", "/metrics?federation_id=\(federation)")
        #expect(reply.status == 200)
        return try #require(reply["summary"]?.objectValue)
    }

    func metrics() async throws -> String {
        String(decoding: try await service.send("GET", "//metrics").bytes, as: UTF8.self)
    }
}
