import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import KafkaBackend
import Logging
import ServiceLifecycle
import Testing

/// The service in process, with its log published to Kafka.
@Suite("The log in Kafka", .timeLimit(.minutes(3)))
struct KafkaSinkTests {
    private static let example = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/examples/kafka-consumer.py").path

    /// Runs a service whose log is published for as long as `body` takes.
    private func run(
        _ cluster: MockCluster?, patience: Duration = .seconds(10),
        _ body: @Sendable (TestService, Brokers, BusTopics) async throws -> Void
    ) async throws {
        let brokers = try cluster.map { Brokers($0) } ?? Brokers()
        let topics = BusTopics(prefix: brokers.prefix)
        let bus = try brokers.bus { $0.limits.patience = patience }
        try cluster?.create(topics.events, partitions: 6)
        try await TestService.run(dependencies: [bus]) { service in
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let sink = BusSink(
                bus, topics: topics, store: service.api.store, orchestrator: service.api.orchestrator,
                progress: service.api.sinks.progress, metrics: service.api.metrics, logger: logger)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [sink], logger: logger))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                do {
                    try await body(service, brokers, topics)
                } catch {
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
        await bus.close()
    }

    /// nil where the brokers are real.
    private func mock() throws -> MockCluster? { Brokers.isReal ? nil : try MockCluster() }

    @discardableResult
    private func ok(_ service: TestService, _ method: String, _ path: String, _ body: String? = nil) async throws
        -> TestService.Reply
    {
        let reply = try await service.send(method, path, body)
        try #require(
            (200..<300).contains(reply.status), "\(method) \(path): \(String(decoding: reply.bytes, as: UTF8.self))")
        return reply
    }

    /// Two fleets in a federation that may send each other messages.
    private func found(_ service: TestService, _ cluster: MockCluster?, _ topics: BusTopics) async throws
        -> Federation.ID
    {
        let made = try await ok(service, "POST", "/federations", #"{"name":"f","description":"d"}"#)
        let text = try #require(made["federation_id"]?.stringValue)
        let federation = try #require(Federation.ID(text))
        try cluster?.create(topics.messages(of: federation), partitions: 3)
        for fleet in ["red", "blue"] {
            try await ok(
                service, "POST", "/federations/\(text)/members",
                #"{"fleet_id":"\#(fleet)","isolation_level":"none","resource_sharing":true}"#)
        }
        return federation
    }

    private func waitUntilPublished(_ service: TestService) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await service.api.store.cursor(of: .kafka) ?? 0 < service.api.orchestrator.committed.position {
            guard ContinuousClock.now < end else { throw Stuck(failures: ["the log is not published"]) }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test("has every event, and messages also in a topic of their federation, sealed and in order")
    func whole() async throws {
        let cluster = try mock()
        try await run(cluster) { service, brokers, topics in
            let federation = try await found(service, cluster, topics)
            for number in 0..<50 {
                try await ok(
                    service, "POST", "/messages",
                    """
                    {"federation_id":"\(federation)","source_fleet_id":"red","target_fleet_id":"blue",\
                    "message_type":"note","message_content":{"text":"plain words \(number)"},"ordering_key":"lane"}
                    """)
            }
            try await waitUntilPublished(service)
            let log = try await service.api.store.events(after: 0, limit: 10_000)
            let found = try await TopicReader.records(of: topics.events, at: brokers.addresses, count: log.count)
            #expect(found.numbers.sorted() == log.map { Int($0.position) } && found.isInOrder)
            let byPosition = Dictionary(uniqueKeysWithValues: log.map { (Int($0.position), $0) })
            for record in found {
                let event = try #require(record["ce_fleetposition"].flatMap { Int($0) }.flatMap { byPosition[$0] })
                #expect(record.key == event.entity.subject && record["ce_id"] == event.id.description)
                #expect(record["ce_type"] == EventType.prefix + event.type.rawValue)
                var data = JSONWriter()
                event.entity.write(to: &data)
                #expect(record.value == data.bytes)
                #expect(!String(decoding: record.value, as: UTF8.self).contains("plain words"))
            }
            let messages = try await TopicReader.records(
                of: topics.messages(of: federation), at: brokers.addresses, count: 50)
            #expect(messages.count == 50 && messages.numbers == messages.numbers.sorted())
            #expect(Set(messages.map(\.key)) == ["red/lane"] && Set(messages.map(\.partition)).count == 1)
        }
    }

    @Test("goes on without Kafka, says so, and publishes what piled up once it is back")
    func pileUp() async throws {
        let cluster = try MockCluster()
        try await run(cluster, patience: .milliseconds(800)) { service, brokers, topics in
            try await ok(service, "POST", "/fleets", #"{"fleet_id":"first","name":"f","organization":"o"}"#)
            try await waitUntilPublished(service)
            try cluster.setDown()
            for number in 0..<300 {
                try await ok(
                    service, "POST", "/fleets", #"{"fleet_id":"fleet-\#(number)","name":"f","organization":"o"}"#)
            }
            let end = ContinuousClock.now + .seconds(30)
            while try await ok(service, "GET", "//health").object["status"]?.stringValue != "degraded" {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(50))
            }
            let metrics = String(decoding: try await ok(service, "GET", "//metrics").bytes, as: UTF8.self)
            let lag = metrics.split(separator: "\n").first { $0.hasPrefix(#"fleet_sink_lag_events{sink="kafka"} "#) }
            #expect((lag?.split(separator: " ").last).flatMap { Int($0) } ?? 0 > 0)
            #expect(metrics.contains(#"fleet_dependency_up{dependency="kafka"} 0"#))
            try cluster.setUp()
            try await waitUntilPublished(service)
            let count = Int(service.api.orchestrator.committed.position)
            let found = try await TopicReader.records(of: topics.events, at: brokers.addresses, count: count)
            #expect(Set(found.numbers) == Set(1...count) && found.isInOrder)
            while try await ok(service, "GET", "//health").object["status"]?.stringValue != "healthy" {
                try #require(ContinuousClock.now < end + .seconds(30))
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    @Test("has a stretch again where somebody asks for it, marked as a replay")
    func replay() async throws {
        let cluster = try mock()
        try await run(cluster) { service, brokers, topics in
            _ = try await found(service, cluster, topics)
            try await waitUntilPublished(service)
            let events = try await ok(service, "GET", "/events")["events"]?.arrayValue?.compactMap(\.objectValue) ?? []
            let places = events.compactMap { $0["sequence"]?.stringValue }
            let made = try await ok(
                service, "POST", "/event-replays",
                #"{"from_position":"\#(places[1])","to_position":"\#(places[3])","target":{"topic":true}}"#)
            let id = try #require(made["replay_id"]?.stringValue)
            let end = ContinuousClock.now + .seconds(30)
            while try await ok(service, "GET", "/event-replays/\(id)")["status"]?.stringValue != "completed" {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(20))
            }
            try await waitUntilPublished(service)
            let count = Int(service.api.orchestrator.committed.position)
            let found = try await TopicReader.records(of: topics.events, at: brokers.addresses, count: count + 3)
            let again = found.filter { $0["ce_replayid"] == id }.compactMap { $0["ce_id"] }
            #expect(again.sorted() == events[1...3].compactMap { $0["id"]?.stringValue }.sorted())
            #expect(found.count == count + 3)
        }
    }

    @Test(
        "is read by the documented consumer, which handles each event once, however often it is there and it is started"
    )
    func consumer() async throws {
        let cluster = try mock()
        let scratch = try Scratch()
        try await run(cluster) { service, brokers, topics in
            _ = try await found(service, cluster, topics)
            try await waitUntilPublished(service)
            let log = try await service.api.store.events(after: 0, limit: 10_000)
            let arguments = [
                Self.example, "--brokers", brokers.addresses.joined(separator: ","), "--topic", topics.events,
                "--group", topics.events, "--state", scratch.path + "/state.db", "--stop-after", "5",
            ]
            let first = try await Self.read(arguments)
            #expect(
                Set(first.map { $0["id"]?.stringValue }) == Set(log.map(\.id.description)) && first.count == log.count)
            // Everything once more, as after a kill, and something new.
            let again = try brokers.bus()
            #expect(
                try await publish(
                    log.flatMap { topics.records(of: $0) }.filter { $0.topic == topics.events }, to: again) == [])
            await again.close()
            try await ok(service, "POST", "/fleets", #"{"fleet_id":"late","name":"f","organization":"o"}"#)
            try await waitUntilPublished(service)
            let second = try await Self.read(arguments)
            #expect(second.map { $0["subject"]?.stringValue } == ["late"])
            // The log goes on elsewhere without its last two events: what takes their places is new, all else is not.
            let all = try await service.api.store.events(after: 0, limit: 10_000)
            let timelines = [
                LogTimeline(number: 7, startsAfter: 0),
                LogTimeline(number: 9, startsAfter: try #require(all.last).position - 2),
            ]
            for known in [[timelines[0]], timelines] {
                let bus = try brokers.bus()
                let records = all.flatMap { topics.records(of: $0, on: known) }.filter { $0.topic == topics.events }
                #expect(try await publish(records, to: bus) == [])
                await bus.close()
            }
            let third = try await Self.read(arguments)
            // On the first of them everything is new, because before there was none.
            let ids = (all + all.suffix(2)).map(\.id.description)
            #expect(third.compactMap { $0["id"]?.stringValue }.sorted() == ids.sorted())
        }
    }

    /// The events that the example prints.
    private static func read(_ arguments: [String]) async throws -> [JSONObject] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3"] + arguments
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = "\(root)/.build/test-venv/bin:\(environment["PATH"] ?? "")"
        // Its library is its own.
        environment["LD_LIBRARY_PATH"] = nil
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let handle = output.fileHandleForReading
        let bytes = await Task.detached { handle.readDataToEndOfFile() }.value
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap {
            (try? JSON.parse(String($0)))?.objectValue
        }
    }
}
