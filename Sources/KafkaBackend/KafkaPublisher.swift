import CRdKafka
import FleetService
import Logging
import Synchronization

/// Hands over batches, one at a time, and waits for what becomes of each record. It blocks: for a thread of its own.
///
/// A client of the library in which anything failed is let go: a record that was given up leaves a gap in the numbers by
/// which the brokers know doubles, and what follows must not pass it. The next batch has a new client, and begins with the
/// first record that is not known to be stored.
final class KafkaPublisher: Sendable {
    /// How long one waits for a report in one go, before it looks at the limit.
    private static let step = Duration.milliseconds(50)
    /// How long one waits to be told that what was given up is.
    private static let purgePatience = Duration.seconds(2)

    private let settings: KafkaSettings
    private let logger: Logger
    private let client = Mutex<KafkaHandle?>(nil)

    init(_ settings: KafkaSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func publish(_ records: [BusRecord], until limit: PublishLimit) -> BusReceipt {
        let handle: KafkaHandle
        do {
            handle = try currentClient()
        } catch {
            return BusReceipt(taken: 0, failure: error)
        }
        handle.notes.begin(records.count)
        var refusal: KafkaError?
        var offered = 0
        for record in records {
            refusal = handle.offer(record, number: offered)
            if refusal != nil { break }
            offered += 1
        }
        if let failure = wait(for: offered, of: handle, until: limit) {
            client.withLock { $0 = nil }
            abandon(offered, of: handle)
            return BusReceipt(taken: handle.notes.taken, failure: handle.fatalError ?? failure)
        }
        // Those before one that the library did not take are stored, and leave no gap.
        return BusReceipt(taken: offered, failure: refusal)
    }

    func close() { client.withLock { $0 = nil } }

    private func currentClient() throws(KafkaError) -> KafkaHandle {
        if let current = client.withLock({ $0 }) { return current }
        let new = try KafkaHandle(settings, for: .publishing, logger: logger)
        client.withLock { $0 = new }
        return new
    }

    /// - Returns: why not all are stored; nil when they are.
    private func wait(for count: Int, of handle: KafkaHandle, until limit: PublishLimit) -> KafkaError? {
        while true {
            let (reported, failure) = handle.notes.progress
            if let failure { return failure }
            if reported == count { return nil }
            // Before a record fails of it, when no broker is good enough to give the client its number.
            if let error = handle.fatalError { return error }
            guard !limit.isOver else {
                return KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, "records are not stored in time")
            }
            handle.poll(Self.step)
        }
    }

    private func abandon(_ count: Int, of handle: KafkaHandle) {
        rd_kafka_purge(handle.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        let end = ContinuousClock.now + Self.purgePatience
        while handle.notes.progress.reported < count, ContinuousClock.now < end { handle.poll(Self.step) }
    }
}

/// Until when one waits for records to be stored; a stop brings it near.
final class PublishLimit: Sendable {
    private let end: Mutex<ContinuousClock.Instant>

    init(_ patience: Duration) { end = Mutex(.now + patience) }

    var isOver: Bool { end.withLock { ContinuousClock.now >= $0 } }

    func shorten(to patience: Duration) { end.withLock { $0 = min($0, .now + patience) } }
}

extension KafkaHandle {
    /// - Parameter number: in its batch, by which the report names it.
    /// - Returns: why it is not taken; nil when it is under way.
    fileprivate func offer(_ record: BusRecord, number: Int) -> KafkaError? {
        let headers = rd_kafka_headers_new(record.headers.count)
        for header in record.headers {
            rd_kafka_header_add(headers, header.name, -1, header.value, header.value.utf8.count)
        }
        var key = record.key
        let error = record.topic.withCString { topic in
            key.withUTF8 { key in
                record.value.withUnsafeBytes { value in
                    var arguments = [
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_TOPIC) { $0.cstr = topic },
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_KEY) { union in
                            union.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress)
                            union.mem.size = key.count
                        },
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_VALUE) { union in
                            union.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
                            union.mem.size = value.count
                        },
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_MSGFLAGS) { $0.i = RD_KAFKA_MSG_F_COPY },
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_HEADERS) { $0.headers = headers },
                        // Not 0, which is none.
                        rd_kafka_vu_t(RD_KAFKA_VTYPE_OPAQUE) {
                            $0.ptr = UnsafeMutableRawPointer(bitPattern: number + 1)
                        },
                    ]
                    return rd_kafka_produceva(pointer, &arguments, arguments.count)
                }
            }
        }
        guard let error else { return nil }
        defer { rd_kafka_error_destroy(error) }
        // They belong to the library only when it takes the record.
        rd_kafka_headers_destroy(headers)
        return KafkaError(
            rd_kafka_error_code(error), "\(record.topic): \(String(cString: rd_kafka_error_string(error)))")
    }
}

extension rd_kafka_vu_t {
    fileprivate init(_ type: rd_kafka_vtype_t, _ fill: (inout rd_kafka_vu_s.__Unnamed_union_u) -> Void) {
        self.init()
        vtype = type
        fill(&u)
    }
}
