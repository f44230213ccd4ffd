import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import SQLiteBackend
import ServiceLifecycle
import Synchronization
import Testing

/// A sink at work beside a writer.
private struct Stage: Sendable {
    static let topics = BusTopics(prefix: "fleet")
    let writer: RunningWriter
    let bus: RecordingBus
    let progress = SinkProgress()

    private var sink: BusSink {
        var limits = BusSink.Limits()
        limits.batch = 10
        limits.slice = 4
        limits.keepInterval = .milliseconds(1)
        limits.backoff = Backoff(first: .milliseconds(1), longest: .milliseconds(2))
        return BusSink(
            bus, topics: Self.topics, store: writer.store, orchestrator: writer.orchestrator, progress: progress,
            metrics: MetricsRegistry(), limits: limits,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Has the sink run for as long as `body` takes, then stops it.
    ///
    /// - Parameter dies: without storing where it stands, as a kill would have it.
    func publishing(dies: Bool = false, _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [sink], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result = await Result<Void, any Error>.catching(body)
            if dies { writer.database.setFault { _ in .unavailable("killed") } }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            writer.database.heal()
            try result.get()
        }
    }

    /// Logs so many events, of ten fleets in turn.
    func log(_ count: Int) async throws {
        for _ in 0..<count {
            let number = writer.orchestrator.committed.position
            let command = number < 10 ? Command.register("fleet-\(number)") : .rename("fleet-\(number % 10)")
            _ = await writer.submit(command)
        }
    }

    var cursor: Int64? { get async throws { try await writer.store.cursor(of: .kafka) } }
}

@Suite("A sink to a bus", .timeLimit(.minutes(3)))
struct BusSinkTests {
    private func run(waits: Bool = false, _ body: @Sendable (Stage) async throws -> Void) async throws {
        try await RunningWriter.run { writer in
            try await body(Stage(writer: writer, bus: RecordingBus(waits: waits)))
        }
    }

    /// Every event of the log is there, and what is seen for the first time comes after all before it of the same key.
    private func expectWhole(_ stage: Stage, _ comment: Comment? = nil) async throws {
        let log = try await stage.writer.log()
        let records = stage.bus.records.filter { $0.topic == Stage.topics.events }
        #expect(Set(records.map(\.position)) == Set(log.map(\.position)), comment)
        var lasts: [String: Int64] = [:]
        var seen: Set<Int64> = []
        for record in records where seen.insert(record.position).inserted {
            #expect(record.position > lasts[record.key] ?? 0, comment)
            lasts[record.key] = record.position
        }
    }

    @Test("publishes what is in the log already and what comes, each once where nothing fails")
    func publishes() async throws {
        try await run { stage in
            try await stage.log(25)
            try await stage.publishing {
                try await eventually("the past is published") { stage.bus.records.count == 25 }
                try await stage.log(20)
                try await eventually("the rest is published") { stage.bus.records.count == 45 }
            }
            #expect(stage.bus.records.map(\.position) == Array(1...45))
            #expect(try await stage.cursor == 45)
            #expect(stage.bus.batches.allSatisfy { $0 <= 10 })
            // A second start has nothing to publish.
            try await stage.publishing { try await stage.log(1) }
            #expect(stage.bus.records.count <= 46)
        }
    }

    @Test("says all that the log says, as a CloudEvent in binary mode under the key of its stream")
    func shape() async throws {
        try await run { stage in
            try await stage.log(1)
            try await stage.publishing {
                try await eventually("it is published") { stage.bus.records.count == 1 }
            }
            let event = try #require(try await stage.writer.log().first)
            let record = try #require(stage.bus.records.first)
            #expect(record.topic == "fleet.events" && record.key == "fleet-0")
            #expect(record["ce_specversion"] == "1.0" && record["ce_id"] == event.id.description)
            #expect(record["ce_source"] == "/api/v1/fleet-coordination")
            #expect(record["ce_type"] == "atlasmesh.fleet.fleet.registered" && record["ce_subject"] == "fleet-0")
            #expect(record["ce_time"] == event.at.description && record["content-type"] == "application/json")
            #expect(record["ce_fleetposition"] == "1" && record["ce_replayid"] == nil)
            #expect(record["ce_fleetaudience"] == #"{"parties":["fleet-0"]}"#)
            var data = JSONWriter()
            event.entity.write(to: &data)
            #expect(record.value == data.bytes)
        }
    }

    @Test("has the topics be there before there is anything to go to them, and one for each federation")
    func topics() async throws {
        try await run { stage in
            let first = try #require(await stage.writer.submit(.found("first")).decision?.entity?.federation)
            try await stage.publishing {
                try await eventually("topics are made") { stage.bus.records.count == 1 }
                #expect(stage.bus.topics == ["fleet.events", "fleet.messages.\(first)"])
                let second = try #require(await stage.writer.submit(.found("second")).decision?.entity?.federation)
                try await eventually("another is made") { stage.bus.records.count == 2 }
                #expect(stage.bus.topics.last == "fleet.messages.\(second)")
            }
        }
    }

    @Test("waits while the bus is away, reads no further, and goes on where it was")
    func away() async throws {
        try await run(waits: true) { stage in
            stage.bus.setReachable(false)
            try await stage.publishing {
                try await stage.log(200)
                try await eventually("the circuit is open") { stage.bus.breaker.state != .closed }
                #expect(stage.bus.records.isEmpty && stage.bus.batches.isEmpty)
                let lag = stage.progress.gauges(end: stage.writer.orchestrator.committed.position)
                    .first { $0.labels.contains { $0.value == "kafka" } }
                #expect(lag == nil || lag?.value == 200)
                stage.bus.setReachable(true)
                try await eventually("all is published") { stage.bus.records.count == 200 }
            }
            try await expectWhole(stage)
            #expect(stage.bus.records.map(\.position) == Array(1...200))
        }
    }

    @Test("publishes all that goes before an event that the bus refuses, and nothing behind it")
    func poison() async throws {
        try await run { stage in
            try await stage.log(40)
            stage.bus.refuse(18)
            try await stage.publishing {
                try await eventually("all before is stored") { try await stage.cursor == 17 }
                #expect(stage.bus.records.last?.position == 17)
                stage.bus.refuse(nil)
                try await eventually("the rest follows") { try await stage.cursor == 40 }
            }
            try await expectWhole(stage)
        }
    }

    @Test("Invariant 14: whatever is lost or told wrongly, every event arrives, in order, and the cursor skips none")
    func faults() async throws {
        for seed in Generator.seeds(Effort.seeds(12, slow: 300)) {
            try await run { stage in
                let random = Mutex(Generator(seed: seed))
                stage.bus.setFate { count in
                    random.withLock { random in
                        guard random.chance(40) else { return nil }
                        let stored = Int(random.int(in: 0...Int64(count)))
                        // Never more than is stored; what is stored may be told of in part.
                        return RecordingBus.Fate(stored: stored, told: Int(random.int(in: 0...Int64(stored))))
                    }
                }
                for _ in 0..<5 {
                    let (dies, count, fails) = random.withLock { random in
                        (random.chance(50), Int(random.int(in: 0...40)), random.chance(30))
                    }
                    try await stage.publishing(dies: dies) {
                        try await stage.log(count)
                        if fails { stage.writer.database.failNext(2, with: .unavailable("busy")) }
                        try await Task.sleep(for: .milliseconds(random.withLock { $0.int(in: 0...8) }))
                    }
                    // The cursor says nothing that the bus does not have.
                    let cursor = try await stage.cursor ?? 0
                    let stored = Set(stage.bus.records.map(\.position))
                    #expect(cursor == 0 || stored.isSuperset(of: 1...cursor), "seed \(seed)")
                }
                stage.bus.setFate(nil)
                try await stage.publishing {
                    let end = stage.writer.orchestrator.committed.position
                    try await eventually("all is published") { try await stage.cursor ?? 0 == end }
                }
                try await expectWhole(stage, "seed \(seed)")
            }
        }
    }

    @Test("killed before the cursor moves it publishes again; killed after it does not", arguments: [false, true])
    func killed(isAfter: Bool) async throws {
        try await run { stage in
            try await stage.log(30)
            if !isAfter { stage.writer.database.setFault { _ in .unavailable("killed") } }
            try await stage.publishing(dies: true) {
                try await eventually("all is published") { stage.bus.records.count == 30 }
                if isAfter { try await eventually("the cursor is stored") { try await stage.cursor == 30 } }
            }
            #expect(try await stage.cursor == (isAfter ? 30 : nil))
            try await stage.publishing {
                try await stage.log(1)
                try await eventually("the last is published") { stage.bus.records.last?.position == 31 }
            }
            #expect(stage.bus.records.count == (isAfter ? 31 : 61))
            try await expectWhole(stage)
        }
    }

    @Test("publishes a stretch again where it is asked to, marked and in order, also when that fails on its way")
    func replays() async throws {
        try await run { stage in
            try await stage.log(60)
            let failures = Countdown(3)
            try await stage.publishing {
                try await eventually("all is published") { stage.bus.records.count == 60 }
                stage.bus.setFate { count in
                    failures.take() ? RecordingBus.Fate(stored: count / 2, told: count / 3) : nil
                }
                let answer = await stage.writer.submit(
                    .admin("event_replay.start") { ledger, context throws(FleetError) in
                        try ledger.replayToBus(from: 11, to: 45, &context)
                    })
                let replay = try #require(answer.decision?.entity?.asReplay)
                try await eventually("it is over") {
                    try await stage.writer.store.replay(replay.id)?.status == .completed
                }
                try await stage.log(1)
                try await eventually("what is live goes on") { stage.bus.records.last?.position == 63 }
                let again = stage.bus.records.filter { $0["ce_replayid"] == replay.id.description }.map(\.position)
                #expect(Set(again) == Set(11...45))
                var seen: Set<Int64> = []
                #expect(again.filter { seen.insert($0).inserted } == Array(11...45))
                #expect(
                    try await stage.writer.store.progress(of: try await stage.writer.store.replay(replay.id)!)?
                        .delivered == 35)
            }
            let live = stage.bus.records.filter { $0["ce_replayid"] == nil }.map(\.position)
            #expect(Set(live) == Set(1...63))
        }
    }

    @Test("a replay that a stop cuts short goes on where it was")
    func replayAcrossStop() async throws {
        try await run { stage in
            try await stage.log(60)
            try await stage.publishing { try await eventually("all is published") { stage.bus.records.count == 60 } }
            let answer = await stage.writer.submit(
                .admin("event_replay.start") { ledger, context throws(FleetError) in
                    try ledger.replayToBus(from: 1, to: 60, &context)
                })
            let replay = try #require(answer.decision?.entity?.asReplay)
            // After two batches of it nothing is stored.
            let passes = Countdown(2)
            stage.bus.setFate { count in
                count < 10 || passes.take() ? nil : RecordingBus.Fate(stored: 0, told: 0)
            }
            try await stage.publishing(dies: true) {
                try await eventually("part is published") { stage.bus.records.count == 81 }
            }
            stage.bus.setFate(nil)
            let before = stage.bus.records.count
            try await stage.publishing {
                try await eventually("it is over") {
                    try await stage.writer.store.replay(replay.id)?.status == .completed
                }
            }
            let again = stage.bus.records.filter { $0["ce_replayid"] != nil }.map(\.position)
            #expect(Set(again) == Set(1...60) && stage.bus.records.count > before)
        }
    }

    @Test("tells how far it is behind, beside the other sinks")
    func gauges() async throws {
        try await run { stage in
            try await stage.log(5)
            try await stage.publishing {
                try await eventually("all is published") { stage.bus.records.count == 5 }
                try await eventually("it is told") {
                    let gauges = stage.progress.gauges(end: 5).filter { $0.labels.contains { $0.value == "kafka" } }
                    return gauges.count == 2 && gauges.allSatisfy { $0.value == 0 }
                }
                let names = stage.progress.gauges(end: 5).map { $0.labels.map(\.value).joined() }
                #expect(names == ["webhook", "warnings", "replay", "kafka", "webhook", "warnings", "replay", "kafka"])
            }
        }
    }
}
