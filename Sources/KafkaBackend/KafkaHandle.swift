import CRdKafka
import FleetJSON
import Logging
import Synchronization

/// One client of librdkafka: its threads and its connections. It ends when it is let go, and that may take a while: not to
/// be let go on a thread that others wait for.
// The library's functions may be called on any thread, and what they call back is guarded by a mutex.
final class KafkaHandle: @unchecked Sendable {
    enum Use {
        case asking
        /// It is to hand over records, each once and in order.
        case publishing
        /// As if it were to; it tells whether it could.
        case trial
    }

    let pointer: OpaquePointer
    let notes: KafkaNotes

    init(_ settings: KafkaSettings, for use: Use, logger: Logger) throws(KafkaError) {
        let notes = KafkaNotes(logger)
        let configuration = KafkaConfiguration()
        try configuration.set(settings.common)
        if use != .asking { try configuration.set(settings.publishing) }
        if use == .trial { try configuration.set([("statistics.interval.ms", "100")]) }
        let opaque = Unmanaged.passRetained(notes)
        configuration.report(to: opaque.toOpaque(), for: use)
        do {
            pointer = try configuration.makeProducer()
        } catch {
            opaque.release()
            throw error
        }
        self.notes = notes
    }

    deinit {
        // What is under way is given up; whoever handed it over knows.
        rd_kafka_purge(pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
        rd_kafka_destroy(pointer)
        // Nothing calls back any more.
        Unmanaged.passUnretained(notes).release()
    }

    /// Has what was noted since be told, waiting for it for a while.
    func poll(_ patience: Duration = .zero) { rd_kafka_poll(pointer, patience.milliseconds) }

    /// Why it can hand over nothing any more; nil while it can.
    var fatalError: KafkaError? {
        var text = [CChar](repeating: 0, count: 512)
        let code = rd_kafka_fatal_error(pointer, &text, text.count)
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(code, String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}

/// What the library tells: of records, by their number in the batch, and of errors.
final class KafkaNotes: Sendable {
    private struct State {
        /// What became of each record of the batch; nil is nothing yet.
        var outcomes: [rd_kafka_resp_err_t?] = []
        var reported = 0
        var failure: KafkaError?
        /// Of the connection.
        var lastError: KafkaError?
        var isNumbered = false
        var complaints: Set<String> = []
    }

    private let state = Mutex(State())
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    func begin(_ count: Int) {
        state.withLock { state in
            state.outcomes = Array(repeating: nil, count: count)
            state.reported = 0
            state.failure = nil
        }
    }

    fileprivate func note(_ index: Int, _ code: rd_kafka_resp_err_t) {
        state.withLock { state in
            guard state.outcomes.indices.contains(index), state.outcomes[index] == nil else { return }
            state.outcomes[index] = code
            state.reported += 1
            if code != RD_KAFKA_RESP_ERR_NO_ERROR, state.failure == nil { state.failure = KafkaError(code) }
        }
    }

    /// How many were told of, and the first failure of one.
    var progress: (reported: Int, failure: KafkaError?) { state.withLock { ($0.reported, $0.failure) } }

    /// How many of the batch are stored, from its first on.
    var taken: Int { state.withLock { $0.outcomes.prefix { $0 == RD_KAFKA_RESP_ERR_NO_ERROR }.count } }

    fileprivate func note(_ error: KafkaError) {
        state.withLock { state in
            // That the connection was lost says less than why it cannot be had.
            if error.isOfConnection, state.lastError?.isOfConnection == false { return }
            state.lastError = error
        }
    }

    /// The error that says most of those that were told since it was asked last.
    func takeError() -> KafkaError? {
        state.withLock { state in
            defer { state.lastError = nil }
            return state.lastError
        }
    }

    /// Whether the brokers have given the client the number by which they know a record that comes twice.
    var isNumbered: Bool { state.withLock { $0.isNumbered } }

    fileprivate func note(statistics: String) {
        let members = try? JSON.parse(statistics).objectValue
        guard let number = members?["eos"]?.objectValue?["producer_id"]?.integerValue else { return }
        state.withLock { $0.isNumbered = number >= 0 }
    }

    /// Whether it was not complained of before.
    func isNews(_ complaint: String) -> Bool { state.withLock { $0.complaints.insert(complaint).inserted } }

    fileprivate func log(_ facility: String, _ text: String) {
        logger.debug("librdkafka", metadata: ["facility": "\(facility)", "text": "\(text)"])
    }
}

/// Settings of a client of the library, until it is made.
final class KafkaConfiguration {
    private var pointer: OpaquePointer?

    init() { pointer = rd_kafka_conf_new() }

    deinit { if let pointer { rd_kafka_conf_destroy(pointer) } }

    func set(_ properties: [(name: String, value: String)]) throws(KafkaError) {
        for (name, value) in properties {
            var text = [CChar](repeating: 0, count: 512)
            guard rd_kafka_conf_set(pointer, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                // The library's own sentence may hold the value.
                throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, "librdkafka does not take \(name)")
            }
        }
    }

    func report(to opaque: UnsafeMutableRawPointer, for use: KafkaHandle.Use) {
        rd_kafka_conf_set_opaque(pointer, opaque)
        rd_kafka_conf_set_log_cb(pointer) { client, _, facility, text in
            guard let client, let facility, let text, let notes = KafkaNotes.of(rd_kafka_opaque(client)) else { return }
            notes.log(String(cString: facility), String(cString: text))
        }
        switch use {
        case .publishing:
            rd_kafka_conf_set_dr_msg_cb(pointer) { _, message, opaque in
                guard let message, let number = message.pointee._private else { return }
                KafkaNotes.of(opaque)?.note(Int(bitPattern: number) - 1, message.pointee.err)
            }
        case .asking:
            rd_kafka_conf_set_error_cb(pointer) { _, code, text, opaque in
                let error = KafkaError(rd_kafka_resp_err_t(code), text.map { sentence(String(cString: $0)) })
                KafkaNotes.of(opaque)?.note(error)
            }
        case .trial:
            rd_kafka_conf_set_stats_cb(pointer) { _, text, _, opaque in
                if let text { KafkaNotes.of(opaque)?.note(statistics: String(cString: text)) }
                // The text stays the library's.
                return 0
            }
        }
    }

    func makeProducer() throws(KafkaError) -> OpaquePointer {
        var text = [CChar](repeating: 0, count: 512)
        guard let made = rd_kafka_new(RD_KAFKA_PRODUCER, pointer, &text, text.count) else {
            let sentence = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw KafkaError(RD_KAFKA_RESP_ERR__INVALID_ARG, sentence)
        }
        // It belongs to the client now.
        pointer = nil
        return made
    }
}

/// What the library says, without how long that took and how often it happened.
private func sentence(_ text: String) -> String {
    text.firstRange(of: " (after ").map { String(text[..<$0.lowerBound]) } ?? text
}

extension KafkaNotes {
    fileprivate static func of(_ opaque: UnsafeMutableRawPointer?) -> KafkaNotes? {
        opaque.map { Unmanaged<KafkaNotes>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension KafkaSettings {
    fileprivate var common: [(name: String, value: String)] {
        let protocolName = (credentials == nil ? "" : "sasl_") + (tls == nil ? "plaintext" : "ssl")
        let optional = [
            ("sasl.mechanisms", credentials?.mechanism.rawValue), ("sasl.username", credentials?.username),
            ("sasl.password", credentials?.password), ("ssl.ca.location", tls?.authorities),
            ("ssl.certificate.location", tls?.certificate), ("ssl.key.location", tls?.key),
        ]
        return [
            ("bootstrap.servers", brokers.joined(separator: ",")),
            ("client.id", "fleet-coordination"),
            ("security.protocol", protocolName),
            ("socket.keepalive.enable", "true"),
            // One that does not answer is given up and connected to anew.
            ("socket.timeout.ms", "10000"),
            // One that is back should be used soon.
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "1000"),
        ] + optional.compactMap { name, value in value.map { (name, $0) } }
    }

    fileprivate var publishing: [(name: String, value: String)] {
        [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("max.in.flight.requests.per.connection", "5"),
            // Where one record fails, none that follows it may pass.
            ("enable.gapless.guarantee", "true"),
            // A record is given up with its whole batch only.
            ("message.timeout.ms", "0"),
            ("request.timeout.ms", "10000"),
            ("retry.backoff.ms", "50"),
            ("compression.codec", "lz4"),
            ("linger.ms", "5"),
            // What Kafka's own clients do, so that streams over several topics are divided alike.
            ("partitioner", "murmur2_random"),
            ("message.max.bytes", String(limits.recordBytes)),
            // Beyond what one batch holds.
            ("queue.buffering.max.kbytes", "65536"),
        ]
    }
}

extension Duration {
    /// Whole milliseconds, at most some weeks of them.
    var milliseconds: Int32 { Int32(clamping: Int64(self / .milliseconds(1))) }
}
