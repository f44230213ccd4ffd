import CRdKafka

/// Brokers in this process that speak the real protocol over TCP, and fail when they are told to. They are librdkafka's
/// own, and so no proof against a real one.
// The library's functions may be called on any thread.
final class MockCluster: @unchecked Sendable {
    /// Kinds of requests, by the protocol's numbers.
    enum Request: Int16 {
        case produce = 0
        case initProducerID = 22
    }

    private let client: OpaquePointer
    private let cluster: OpaquePointer

    init(brokers: Int32 = 1) throws {
        var text = [CChar](repeating: 0, count: 256)
        let configuration = rd_kafka_conf_new()
        // It needs no brokers, and would complain that it has none.
        rd_kafka_conf_set(configuration, "log_level", "3", &text, text.count)
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, &text, text.count),
            let cluster = rd_kafka_mock_cluster_new(client, brokers)
        else { throw MockFailure() }
        self.client = client
        self.cluster = cluster
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }

    var addresses: [String] {
        String(cString: rd_kafka_mock_cluster_bootstraps(cluster)).split(separator: ",").map(String.init)
    }

    func create(_ topic: String, partitions: Int32, copies: Int32 = 1) throws {
        try expect(rd_kafka_mock_topic_create(cluster, topic, partitions, copies))
    }

    func setDown(_ broker: Int32 = 1) throws { try expect(rd_kafka_mock_broker_set_down(cluster, broker)) }

    func setUp(_ broker: Int32 = 1) throws { try expect(rd_kafka_mock_broker_set_up(cluster, broker)) }

    func setLeader(of topic: String, _ partition: Int32, to broker: Int32) throws {
        try expect(rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker))
    }

    func setDelay(_ milliseconds: Int32, of broker: Int32 = 1) throws {
        try expect(rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds))
    }

    /// The next requests of the kind are answered so.
    func fail(_ request: Request, with errors: [rd_kafka_resp_err_t]) {
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }

    /// Has the brokers not know a kind of request, as old ones do.
    func forget(_ request: Request) throws {
        try expect(rd_kafka_mock_set_apiversion(cluster, request.rawValue, -1, -1))
    }

    private func expect(_ code: rd_kafka_resp_err_t) throws {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw MockFailure() }
    }
}

struct MockFailure: Error {}
