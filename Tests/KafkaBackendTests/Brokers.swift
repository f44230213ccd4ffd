import FleetService
import Foundation
import KafkaBackend
import Logging

/// The brokers that a test talks to: those that `KAFKA_BROKERS` names, or mock ones in this process.
struct Brokers: Sendable {
    /// Real ones.
    static let named = ProcessInfo.processInfo.environment["KAFKA_BROKERS"].map {
        $0.split(separator: ",").map(String.init)
    }
    static let isReal: Bool = {
        if named == nil {
            FileHandle.standardError.write(
                Data(
                    "KafkaBackendTests: librdkafka's mock brokers; set KAFKA_BROKERS for real ones.\n".utf8))
        }
        return named != nil
    }()

    let addresses: [String]
    private let cluster: MockCluster?
    let prefix = "test-\(UUID().uuidString.lowercased())"

    /// Real ones where there are some.
    init() throws {
        cluster = Self.isReal ? nil : try MockCluster()
        addresses = Self.named ?? cluster?.addresses ?? []
    }

    init(_ cluster: MockCluster) {
        self.cluster = cluster
        addresses = cluster.addresses
    }

    /// Makes a topic of six partitions; where the brokers are real, by the way that the service makes one.
    func topic(_ name: String, by bus: KafkaBus, copies: Int32 = 1) async throws -> String {
        let topic = "\(prefix).\(name)"
        if let cluster { try cluster.create(topic, partitions: 6, copies: copies) }
        try await bus.prepare([topic])
        return topic
    }

    func bus(_ change: (inout KafkaSettings) -> Void = { _ in }) throws -> KafkaBus {
        var settings = KafkaSettings(brokers: addresses)
        // Mock brokers do not know the question.
        if cluster != nil { settings.limits.retentionPatience = .milliseconds(50) }
        change(&settings)
        return try KafkaBus(settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

extension BusRecord {
    /// A record of one of ten keys, with its number.
    static func numbered(_ number: Int, in topic: String, bytes: Int = 100) -> BusRecord {
        BusRecord(
            topic: topic, key: "key-\(number % 10)",
            headers: [Header("ce_fleetposition", "\(number)"), Header("ce_type", "test")],
            value: Array(repeating: UInt8(ascii: "x"), count: bytes))
    }
}

extension [FoundRecord] {
    var numbers: [Int] { compactMap { $0["ce_fleetposition"].flatMap { Int($0) } } }

    /// Whether what is found of a record for the first time comes after all before it of its partition.
    var isInOrder: Bool {
        var seen: Set<Int> = []
        var lasts: [Int32: Int] = [:]
        for (record, number) in zip(self, numbers) where seen.insert(number).inserted {
            guard number > lasts[record.partition] ?? -1 else { return false }
            lasts[record.partition] = number
        }
        return true
    }
}

/// Hands records over, in batches, until all are stored.
///
/// - Parameter noting: is told how many of each batch are.
/// - Returns: the failures on the way.
func publish(
    _ records: [BusRecord], to bus: KafkaBus, batch: Int = 500, noting: (Int) -> Void = { _ in }
) async throws -> [String] {
    var (done, failures): (Int, [String]) = (0, [])
    let end = ContinuousClock.now + .seconds(60)
    while done < records.count {
        guard ContinuousClock.now < end else { throw Stuck(failures: Set(failures)) }
        let receipt = await bus.publish(Array(records[done..<min(done + batch, records.count)]))
        done += receipt.taken
        noting(receipt.taken)
        if let failure = receipt.failure { failures.append("\(failure)") }
    }
    return failures
}

struct Stuck: Error {
    let failures: Set<String>
}
