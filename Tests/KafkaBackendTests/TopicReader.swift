import CRdKafka
import FleetService
import Foundation

/// A record as a consumer finds it.
struct FoundRecord: Sendable, Equatable {
    let partition: Int32
    let offset: Int64
    let key: String
    let headers: [BusRecord.Header]
    let value: [UInt8]

    subscript(header: String) -> String? { headers.first { $0.name == header }?.value }
}

/// Reads a topic from its beginning.
enum TopicReader {
    /// - Parameter count: it waits for so many, at most a minute, and then reads to the end of each partition.
    static func records(of topic: String, at brokers: [String], count: Int) async throws -> [FoundRecord] {
        // It blocks: on a thread of its own.
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(with: Result { try read(topic, brokers, count) })
            }
        }
    }

    private static func read(_ topic: String, _ brokers: [String], _ count: Int) throws -> [FoundRecord] {
        let consumer = try open(brokers)
        defer { rd_kafka_destroy(consumer) }
        var unread = try assign(topic, to: consumer)
        var found: [FoundRecord] = []
        let end = ContinuousClock.now + .seconds(60)
        while found.count < count || !unread.isEmpty, ContinuousClock.now < end {
            guard let message = rd_kafka_consumer_poll(consumer, 1000) else { continue }
            defer { rd_kafka_message_destroy(message) }
            switch message.pointee.err {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                found.append(FoundRecord(message))
                unread.insert(message.pointee.partition)
            case RD_KAFKA_RESP_ERR__PARTITION_EOF: unread.remove(message.pointee.partition)
            default: continue
            }
        }
        return found
    }

    private static func open(_ brokers: [String]) throws -> OpaquePointer {
        let configuration = rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 256)
        for (name, value) in [
            ("bootstrap.servers", brokers.joined(separator: ",")), ("group.id", "reader"),
            ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
        ] {
            rd_kafka_conf_set(configuration, name, value, &text, text.count)
        }
        guard let consumer = rd_kafka_new(RD_KAFKA_CONSUMER, configuration, &text, text.count) else {
            throw MockFailure()
        }
        rd_kafka_poll_set_consumer(consumer)
        return consumer
    }

    /// - Returns: its partitions.
    private static func assign(_ topic: String, to consumer: OpaquePointer) throws -> Set<Int32> {
        let list = rd_kafka_topic_partition_list_new(8)
        defer { rd_kafka_topic_partition_list_destroy(list) }
        let handle = rd_kafka_topic_new(consumer, topic, nil)
        defer { rd_kafka_topic_destroy(handle) }
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(consumer, 0, handle, &metadata, 10_000)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw MockFailure() }
        defer { rd_kafka_metadata_destroy(metadata) }
        let partitions = 0..<metadata.pointee.topics[0].partition_cnt
        for partition in partitions { rd_kafka_topic_partition_list_add(list, topic, partition).pointee.offset = 0 }
        rd_kafka_assign(consumer, list)
        return Set(partitions)
    }
}

extension FoundRecord {
    fileprivate init(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
        let found = message.pointee
        partition = found.partition
        offset = found.offset
        key = String(decoding: UnsafeRawBufferPointer(start: found.key, count: found.key_len), as: UTF8.self)
        value = Array(UnsafeRawBufferPointer(start: found.payload, count: found.len))
        var list: OpaquePointer?
        rd_kafka_message_headers(message, &list)
        var headers: [BusRecord.Header] = []
        var name: UnsafePointer<CChar>?
        var text: UnsafeRawPointer?
        var size = 0
        while list != nil,
            rd_kafka_header_get_all(list, headers.count, &name, &text, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
        {
            guard let name else { break }
            let bytes = UnsafeRawBufferPointer(start: text, count: size)
            headers.append(BusRecord.Header(String(cString: name), String(decoding: bytes, as: UTF8.self)))
        }
        self.headers = headers
    }
}
