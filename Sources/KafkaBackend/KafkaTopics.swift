import CRdKafka
import Logging

/// Makes topics as the operator wants them, and looks at those that are there already. It blocks.
struct KafkaTopics {
    /// As the brokers have it.
    private struct Found {
        let partitions: Int
        let error: rd_kafka_resp_err_t
    }

    let handle: KafkaHandle
    let settings: KafkaSettings
    let logger: Logger

    /// - Throws: `KafkaError` when one is not there afterwards.
    func prepare(_ names: [String]) throws(KafkaError) {
        var found = try topics()
        var missing = names.filter { found[$0] == nil }[...]
        let existing = names.filter { found[$0] != nil }
        var left: [String] = []
        while !missing.isEmpty {
            let some = missing.prefix(settings.limits.topicsAtOnce)
            missing = missing.dropFirst(some.count)
            left += try make(Array(some))
        }
        // Others may have made them meanwhile.
        if !left.isEmpty { found = try topics() }
        try verify(existing + left, found)
    }

    // MARK: Making

    /// - Returns: those that it did not make: they are there already, or others are to make them.
    private func make(_ names: [String]) throws(KafkaError) -> [String] {
        var new = try names.map { name throws(KafkaError) in try newTopic(name) }
        defer { for topic in new { rd_kafka_NewTopic_destroy(topic) } }
        let results: [(name: String, error: KafkaError)]
        do {
            let patience = settings.limits.topicPatience
            results = try answer(to: RD_KAFKA_ADMIN_OP_CREATETOPICS, within: patience) { options, queue in
                rd_kafka_CreateTopics(handle.pointer, &new, new.count, options, queue)
            } read: { event in
                var count = 0
                let topics = rd_kafka_CreateTopics_result_topics(event, &count)
                return (0..<count).compactMap { index in
                    guard let topic = topics?[index], let name = rd_kafka_topic_result_name(topic) else { return nil }
                    let text = rd_kafka_topic_result_error_string(topic).map { String(cString: $0) }
                    return (String(cString: name), KafkaError(rd_kafka_topic_result_error(topic), text))
                }
            }
        } catch  where error.code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE {
            return names
        } catch {
            throw KafkaError(error.code, "topics cannot be made, among them \(names[0]): \(error.text)")
        }
        var left: [String] = []
        for (name, error) in results {
            switch error.code {
            case RD_KAFKA_RESP_ERR_NO_ERROR: logger.info("a topic was made", metadata: ["topic": "\(name)"])
            // Where the service may not make topics, others make them.
            case _ where error.isOfPermission || error.code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: left.append(name)
            default: throw KafkaError(error.code, "the topic \(name) cannot be made: \(error.text)")
            }
        }
        return left
    }

    private func newTopic(_ name: String) throws(KafkaError) -> OpaquePointer? {
        var text = [CChar](repeating: 0, count: 512)
        guard
            let topic = rd_kafka_NewTopic_new(
                name, settings.partitions, settings.replication ?? -1, &text, text.count)
        else { throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, "the topic \(name) cannot be made") }
        rd_kafka_NewTopic_set_config(topic, "retention.ms", retention)
        // The longest event must fit, whatever the brokers' own limit is.
        rd_kafka_NewTopic_set_config(topic, "max.message.bytes", String(settings.limits.recordBytes))
        return topic
    }

    private var retention: String { settings.retentionHours.map { String($0 * 3_600_000) } ?? "-1" }

    // MARK: Looking

    /// Those of these that are not there, or that the user may not know of.
    func missing(of names: [String]) throws(KafkaError) -> [String] {
        let found = try topics()
        return names.filter { found[$0] == nil }
    }

    private func verify(_ names: [String], _ found: [String: Found]) throws(KafkaError) {
        for name in names {
            guard let topic = found[name], topic.error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART else {
                throw KafkaError(
                    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                    "the topic \(name) is not there and may not be made; make it, with \(settings.partitions) partitions"
                )
            }
            guard topic.error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(topic.error, name) }
            if topic.partitions != Int(settings.partitions) {
                complain(of: name, ["partitions": "\(topic.partitions)", "wanted": "\(settings.partitions)"])
            }
        }
        for (name, kept) in retentions(of: names) where kept != retention {
            complain(of: name, ["retention_ms": "\(kept)", "wanted": "\(retention)"])
        }
    }

    /// Once for as long as the service runs.
    private func complain(of name: String, _ difference: Logger.Metadata) {
        guard handle.notes.isNews("\(name) \(difference.keys.sorted())") else { return }
        logger.warning("a topic is not as it is set", metadata: difference.merging(["topic": "\(name)"]) { $1 })
    }

    /// All that the user may know of. Asked for one, the brokers may make it, and not as it is set.
    private func topics() throws(KafkaError) -> [String: Found] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let code = rd_kafka_metadata(handle.pointer, 1, nil, &metadata, settings.limits.topicPatience.milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else { throw KafkaError(code) }
        defer { rd_kafka_metadata_destroy(metadata) }
        var found: [String: Found] = [:]
        for index in 0..<Int(metadata.pointee.topic_cnt) {
            let topic = metadata.pointee.topics[index]
            found[String(cString: topic.topic)] = Found(partitions: Int(topic.partition_cnt), error: topic.err)
        }
        return found
    }

    /// How many milliseconds topics keep records, of those of which the user may know it.
    private func retentions(of names: [String]) -> [(name: String, milliseconds: String)] {
        guard !names.isEmpty else { return [] }
        var resources = names.map { rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, $0) }
        defer { for resource in resources { rd_kafka_ConfigResource_destroy(resource) } }
        let patience = settings.limits.retentionPatience
        let found = try? answer(to: RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, within: patience) { options, queue in
            rd_kafka_DescribeConfigs(handle.pointer, &resources, resources.count, options, queue)
        } read: { event -> [(name: String, milliseconds: String)] in
            var count = 0
            let described = rd_kafka_DescribeConfigs_result_resources(event, &count)
            return (0..<count).compactMap { index in
                guard let resource = described?[index], let name = rd_kafka_ConfigResource_name(resource) else {
                    return nil
                }
                return Self.value(of: "retention.ms", in: resource).map { (String(cString: name), $0) }
            }
        }
        return found ?? []
    }

    private static func value(of wanted: String, in resource: OpaquePointer) -> String? {
        var count = 0
        let entries = rd_kafka_ConfigResource_configs(resource, &count)
        for index in 0..<count {
            guard let entry = entries?[index], let name = rd_kafka_ConfigEntry_name(entry),
                String(cString: name) == wanted
            else { continue }
            return rd_kafka_ConfigEntry_value(entry).map { String(cString: $0) }
        }
        return nil
    }

    // MARK: Asking

    /// What the brokers answer to an administrator's request.
    private func answer<Answer>(
        to operation: rd_kafka_admin_op_t, within limit: Duration,
        _ ask: (_ options: OpaquePointer?, _ queue: OpaquePointer?) -> Void,
        read: (_ event: OpaquePointer) -> Answer
    ) throws(KafkaError) -> Answer {
        let options = rd_kafka_AdminOptions_new(handle.pointer, operation)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let queue = rd_kafka_queue_new(handle.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        let patience = limit.milliseconds
        var text = [CChar](repeating: 0, count: 128)
        rd_kafka_AdminOptions_set_request_timeout(options, patience, &text, text.count)
        ask(options, queue)
        guard let event = rd_kafka_queue_poll(queue, patience) else { throw KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT) }
        defer { rd_kafka_event_destroy(event) }
        let code = rd_kafka_event_error(event)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw KafkaError(code, rd_kafka_event_error_string(event).map { String(cString: $0) })
        }
        return read(event)
    }
}
