import CRdKafka
import FleetService
import KafkaBackend
import Synchronization
import Testing

/// Failures that only mock brokers have when they are told to.
@Suite("Kafka that fails", .timeLimit(.minutes(3)))
struct KafkaFaultTests {
    private static let count = 3000

    private func expectWhole(_ topic: String, _ cluster: MockCluster, _ comment: Comment? = nil) async throws {
        let found = try await TopicReader.records(of: topic, at: cluster.addresses, count: Self.count)
        #expect(Set(1...Self.count).subtracting(found.numbers).isEmpty, comment)
        #expect(found.isInOrder, comment)
    }

    @Test("gives up in time while no broker is there, and loses nothing")
    func down() async throws {
        let cluster = try MockCluster()
        let brokers = Brokers(cluster)
        let bus = try brokers.bus { $0.limits.patience = .milliseconds(700) }
        let topic = try await brokers.topic("events", by: bus)
        let records = (1...Self.count).map { BusRecord.numbered($0, in: topic) }
        try cluster.setDown()
        let start = ContinuousClock.now
        let receipt = await bus.publish(Array(records.prefix(500)))
        #expect(receipt.taken == 0 && receipt.failure != nil)
        #expect(ContinuousClock.now - start < .seconds(10))
        let error = await #expect(throws: KafkaError.self) { try await bus.check() }
        #expect(error?.description.isEmpty == false)
        try cluster.setUp()
        _ = try await publish(records, to: bus)
        try await expectWhole(topic, cluster)
        await bus.close()
    }

    @Test("loses nothing and keeps order when brokers go and come while it publishes")
    func flapping() async throws {
        let cluster = try MockCluster()
        let brokers = Brokers(cluster)
        // Longer than a new client takes to be given its number, which waits half a second between two tries.
        let bus = try brokers.bus { $0.limits.patience = .milliseconds(1200) }
        let topic = try await brokers.topic("events", by: bus)
        let records = (1...Self.count).map { BusRecord.numbered($0, in: topic) }
        let outages = Outages(cluster)
        outages.begin()
        let ending = Task { await outages.end() }
        let failures = try await publish(records, to: bus, batch: 300) { if $0 > 0 { outages.begin() } }
        ending.cancel()
        await ending.value
        #expect(outages.count == 4 && !failures.isEmpty)
        try cluster.setUp()
        try await expectWhole(topic, cluster)
        await bus.close()
    }

    @Test("follows a leader that moves")
    func leader() async throws {
        let cluster = try MockCluster(brokers: 3)
        let brokers = Brokers(cluster)
        let bus = try brokers.bus()
        let topic = try await brokers.topic("events", by: bus, copies: 3)
        let records = (1...Self.count).map { BusRecord.numbered($0, in: topic) }
        let moving = Task {
            var turn: Int32 = 0
            while !Task.isCancelled {
                for partition in 0..<Int32(6) {
                    try cluster.setLeader(of: topic, partition, to: (turn + partition) % 3 + 1)
                }
                turn += 1
                try? await Task.sleep(for: .milliseconds(100))
            }
        }
        _ = try await publish(records, to: bus, batch: 100)
        moving.cancel()
        try? await moving.value
        try await expectWhole(topic, cluster)
        await bus.close()
    }

    @Test(
        "begins anew after any refusal, with what was not stored",
        arguments: [
            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_INVALID_MSG,
        ].map(\.rawValue))
    func refused(code: Int32) async throws {
        let cluster = try MockCluster()
        let brokers = Brokers(cluster)
        let bus = try brokers.bus { $0.limits.patience = .seconds(3) }
        let topic = try await brokers.topic("events", by: bus)
        let records = (1...Self.count).map { BusRecord.numbered($0, in: topic) }
        _ = try await publish(Array(records[..<1000]), to: bus)
        let name = String(cString: rd_kafka_err2name(rd_kafka_resp_err_t(code)))
        for part in [1000..<2000, 2000..<3000] {
            cluster.fail(.produce, with: Array(repeating: rd_kafka_resp_err_t(code), count: 3))
            _ = try await publish(Array(records[part]), to: bus)
        }
        try await expectWhole(topic, cluster, "\(name)")
        await bus.close()
    }

    @Test("says that brokers are too old which know no idempotent producer")
    func tooOld() async throws {
        let cluster = try MockCluster()
        try cluster.forget(.initProducerID)
        let brokers = Brokers(cluster)
        let bus = try brokers.bus { $0.limits.patience = .seconds(5) }
        let topic = try await brokers.topic("events", by: bus)
        let receipt = await bus.publish([.numbered(1, in: topic)])
        #expect(receipt.taken == 0)
        let error = await #expect(throws: KafkaError.self) { try await bus.check() }
        #expect(error?.description.hasPrefix("the brokers are too old") == true, "\(error as Any)")
        await bus.close()
    }

    @Test("says which topic is missing where it may not make it")
    func missing() async throws {
        let brokers = Brokers(try MockCluster())
        let bus = try brokers.bus { $0.limits.topicPatience = .seconds(1) }
        let error = await #expect(throws: KafkaError.self) { try await bus.prepare(["nowhere"]) }
        #expect(error?.description.contains("nowhere") == true, "\(error as Any)")
        await bus.close()
    }

    @Test("waits a short while only once it is told to stop")
    func stop() async throws {
        let cluster = try MockCluster()
        let brokers = Brokers(cluster)
        let bus = try brokers.bus { $0.limits.stopPatience = .milliseconds(200) }
        let topic = try await brokers.topic("events", by: bus)
        try cluster.setDown()
        let start = ContinuousClock.now
        let task = Task { await bus.publish([.numbered(1, in: topic)]) }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        #expect(await task.value.failure != nil)
        #expect(ContinuousClock.now - start < .seconds(15))
        await bus.close()
    }
}

/// Four of them, in turn longer and shorter than a batch is waited for.
private final class Outages: Sendable {
    private let cluster: MockCluster
    private let state = Mutex((count: 0, isDown: false))

    init(_ cluster: MockCluster) { self.cluster = cluster }

    var count: Int { state.withLock { $0.count } }

    func begin() {
        state.withLock { state in
            guard !state.isDown, state.count < 4 else { return }
            state = (state.count + 1, true)
            try? cluster.setDown()
        }
    }

    /// Ends each after its time, until its task is cancelled.
    func end() async {
        while !Task.isCancelled {
            let (count, isDown) = state.withLock { $0 }
            try? await Task.sleep(for: .milliseconds(!isDown ? 5 : count.isMultiple(of: 2) ? 300 : 1500))
            guard isDown else { continue }
            try? cluster.setUp()
            state.withLock { $0.isDown = false }
        }
    }
}
