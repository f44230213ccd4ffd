import CRdKafka
import FleetService
import KafkaBackend
import Synchronization
import Testing

@Suite("Kafka, looked at", .timeLimit(.minutes(3)))
struct KafkaExaminationTests {
    private func findings(of bus: KafkaBus, _ topics: [String]) async throws -> [Finding] {
        let found = Mutex<[Finding]>([])
        try await bus.examine(topics) { finding in found.withLock { $0.append(finding) } }
        return found.withLock { $0 }
    }

    @Test("is well where the topic is there and a producer is given its number")
    func well() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus()
        let topic = try await brokers.topic("events", by: bus)
        let found = try await findings(of: bus, [topic])
        #expect(found.map(\.check) == ["reachable", "latency", "permissions", "topics"])
        #expect(found.allSatisfy { $0.level == .ok }, "\(found)")
        await bus.close()
    }

    @Test("says which topic is not there, and makes none")
    func missing() async throws {
        let brokers = try Brokers()
        let bus = try brokers.bus()
        for _ in 0..<2 {
            let last = try #require(try await findings(of: bus, [brokers.prefix]).last)
            #expect(last.check == "topics" && last.level == .warn && last.text == "not there: \(brokers.prefix)")
        }
        await bus.close()
    }

    @Test(
        "says that a producer is given no number, and whose fault that is",
        arguments: [
            ("permissions", "the brokers do not permit it"), ("version", "the brokers are too old"),
        ])
    func refused(check: String, words: String) async throws {
        let cluster = try MockCluster()
        if check == "version" {
            try cluster.forget(.initProducerID)
        } else {
            cluster.fail(
                .initProducerID, with: Array(repeating: RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, count: 20))
        }
        let brokers = Brokers(cluster)
        let bus = try brokers.bus()
        let found = try await findings(of: bus, ["nowhere"]).first { $0.check == check }
        #expect(found?.level == .fail && found?.text.hasPrefix(words) == true, "\(found as Any)")
        await bus.close()
    }
}
