import CRdKafka
import FleetService
import KafkaBackend
import Logging
import Testing

/// What holds with any brokers: mock ones in this process, or those that `KAFKA_BROKERS` names.
@Suite("Kafka", .timeLimit(.minutes(3)))
struct KafkaBusTests {
    @Test("stores records with their keys and headers, in order by key")
    func stores() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus()
        let topic = try await brokers.topic("events", by: bus)
        let records = (1...2500).map { BusRecord.numbered($0, in: topic) }
        #expect(try await publish(records, to: bus) == [])
        let found = try await TopicReader.records(of: topic, at: brokers.addresses, count: 2500)
        #expect(found.numbers.sorted() == Array(1...2500) && found.isInOrder)
        #expect(Set(found.map(\.partition)).count > 1)
        // One key is in one partition.
        #expect(Set(found.map { "\($0.key) \($0.partition)" }).count == 10)
        let first = try #require(found.first { $0["ce_fleetposition"] == "1" })
        #expect(first.key == "key-1" && first.headers == records[0].headers && first.value == records[0].value)
        await bus.close()
    }

    @Test("says that it can be used, and that nobody answers at an address where nobody is")
    func check() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus()
        try await bus.check()
        await bus.close()
        let lonely = try KafkaBus(.init(brokers: ["127.0.0.1:1"]), logger: .init(label: "test"))
        let error = await #expect(throws: KafkaError.self) { try await lonely.check() }
        #expect(error?.description.hasPrefix("no broker can be reached") == true, "\(error as Any)")
        await lonely.close()
    }

    @Test(
        "makes a topic with its partitions once, and leaves one that is there",
        .enabled(if: Brokers.isReal, "real brokers only"))
    func topics() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus { $0.partitions = 3 }
        let topic = "\(brokers.prefix).made"
        try await bus.prepare([topic, topic + ".2"])
        try await bus.prepare([topic])
        #expect(try await publish((1...60).map { .numbered($0, in: topic) }, to: bus) == [])
        let found = try await TopicReader.records(of: topic, at: brokers.addresses, count: 60)
        #expect(Set(found.map(\.partition)) == Set(0...2) && found.count == 60)
        await bus.close()
    }

    @Test("refuses a record that is too long, keeps those before it, and passes none after it")
    func tooLong() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus { $0.limits.recordBytes = 100_000 }
        let topic = try await brokers.topic("events", by: bus)
        let records = (1...10).map { BusRecord.numbered($0, in: topic, bytes: $0 == 6 ? 200_000 : 100) }
        let receipt = await bus.publish(records)
        #expect(receipt.taken == 5 && receipt.failure != nil)
        // It is told until something is taken again.
        await #expect(throws: KafkaError.self) { try await bus.check() }
        try await bus.reach()
        #expect(await bus.publish([records[0]]).failure == nil)
        try await bus.check()
        let found = try await TopicReader.records(of: topic, at: brokers.addresses, count: 6)
        #expect(Set(found.numbers) == Set(1...5) && found.count == 6)
        await bus.close()
    }
}
