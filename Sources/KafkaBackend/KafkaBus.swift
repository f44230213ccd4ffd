import CRdKafka
package import FleetService
package import Logging
import NIOPosix
import Synchronization

/// Kafka behind the port of the bus, through librdkafka.
///
/// Records are handed over by an idempotent producer, on a thread of its own; what is asked of the brokers besides is asked
/// by a client of its own on other threads. Nothing blocks Swift's pool.
package final class KafkaBus: EventBus {
    package let name = DependencyName.kafka
    package let breaker = CircuitBreaker()

    let settings: KafkaSettings
    let logger: Logger
    private let publisher: KafkaPublisher
    /// What asks; nil once it is closed.
    private let asking: Mutex<KafkaHandle?>
    private let publishing = NIOThreadPool(numberOfThreads: 1)
    /// One may wait for topics to be made while another asks how the brokers are.
    private let questions = NIOThreadPool(numberOfThreads: 2)
    /// Why topics were not made last, or records not taken; nil when they were. Who hands them over tries again until they
    /// are.
    private let trouble = Mutex<(topics: KafkaError?, records: KafkaError?)>((nil, nil))

    /// Connects in the background: it does not matter here whether the brokers are there.
    ///
    /// - Throws: `KafkaError` for settings that the library does not take.
    package init(_ settings: KafkaSettings, logger: Logger) throws(KafkaError) {
        self.settings = settings
        self.logger = logger
        asking = Mutex(try KafkaHandle(settings, for: .asking, logger: logger))
        publisher = KafkaPublisher(settings, logger: logger)
        publishing.start()
        questions.start()
    }

    package func check() async throws {
        try await reach()
        if let trouble = trouble.withLock({ $0.topics ?? $0.records }) { throw trouble }
    }

    package func reach() async throws {
        let patience = settings.limits.reachPatience.milliseconds
        try await ask { handle throws(KafkaError) in
            var metadata: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(handle.pointer, 0, nil, &metadata, patience)
            // Whatever was told meanwhile says more than that there is no answer.
            handle.poll()
            let told = handle.notes.takeError()
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return rd_kafka_metadata_destroy(metadata) }
            throw told ?? KafkaError(code)
        }
    }

    package func prepare(_ topics: [String]) async throws {
        let (settings, logger) = (settings, logger)
        do {
            try await ask { handle throws(KafkaError) in
                try KafkaTopics(handle: handle, settings: settings, logger: logger).prepare(topics)
            }
            trouble.withLock { $0.topics = nil }
        } catch {
            trouble.withLock { $0.topics = error as? KafkaError }
            throw error
        }
    }

    package func publish(_ records: [BusRecord]) async -> BusReceipt {
        let limit = PublishLimit(settings.limits.patience)
        let (publisher, stopPatience) = (publisher, settings.limits.stopPatience)
        do {
            let receipt = try await withTaskCancellationHandler {
                try await publishing.runIfActive { publisher.publish(records, until: limit) }
            } onCancel: {
                limit.shorten(to: stopPatience)
            }
            trouble.withLock { $0.records = receipt.failure as? KafkaError }
            return receipt
        } catch {
            return BusReceipt(taken: 0, failure: error)
        }
    }

    package func standAside() { trouble.withLock { $0 = (nil, nil) } }

    package func close() async {
        // To let go of a client may take a while.
        try? await publishing.runIfActive { self.publisher.close() }
        try? await questions.runIfActive { self.asking.withLock { $0 = nil } }
        try? await publishing.shutdownGracefully()
        try? await questions.shutdownGracefully()
    }

    func ask<Answer: Sendable>(
        _ question: @escaping @Sendable (KafkaHandle) throws(KafkaError) -> Answer
    ) async throws -> Answer {
        guard let handle = asking.withLock({ $0 }) else { throw CancellationError() }
        return try await questions.runIfActive { Result(catching: { () throws(KafkaError) in try question(handle) }) }
            .get()
    }
}
