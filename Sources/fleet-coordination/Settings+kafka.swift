import FleetService
import Foundation
import KafkaBackend

extension Settings {
    /// Where events go as well.
    struct Kafka: Sendable {
        let settings: KafkaSettings
        let topics: BusTopics
    }

    static let kafkaVariables = [
        "KAFKA_BROKERS", "KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_PASSWORD_FILE", "KAFKA_SASL_MECHANISM", "KAFKA_TLS",
        "KAFKA_TLS_CA_FILE", "KAFKA_TLS_CERT_FILE", "KAFKA_TLS_KEY_FILE", "KAFKA_TOPIC_PREFIX", "KAFKA_PARTITIONS",
        "KAFKA_RETENTION_HOURS", "KAFKA_REPLICATION",
    ]

    /// Bytes that a name of a topic may have, less what the service adds.
    private static let prefixLengthMax = 249 - ".messages.".count - 36

    static func kafka(_ values: [String: String]) throws(SettingsError) -> Kafka? {
        guard let brokers = values["KAFKA_BROKERS"] else {
            guard let name = kafkaVariables.first(where: { values[$0] != nil }) else { return nil }
            throw SettingsError(name, "needs company; set KAFKA_BROKERS too")
        }
        var settings = KafkaSettings(brokers: try kafkaBrokers(brokers))
        settings.credentials = try kafkaCredentials(values)
        settings.tls = try kafkaTLS(values)
        settings.partitions = try number(values, "KAFKA_PARTITIONS", 1...10_000).map(Int32.init) ?? settings.partitions
        settings.replication = try number(values, "KAFKA_REPLICATION", 1...15).map(Int32.init)
        if let hours = try number(values, "KAFKA_RETENTION_HOURS", 0...876_000) {
            settings.retentionHours = hours == 0 ? nil : Int64(hours)
        }
        return Kafka(settings: settings, topics: BusTopics(prefix: try topicPrefix(values["KAFKA_TOPIC_PREFIX"])))
    }

    private static func kafkaBrokers(_ text: String) throws(SettingsError) -> [String] {
        guard let brokers = ServerAddress.list(text) else {
            throw SettingsError("KAFKA_BROKERS", "is not usable; write HOST:PORT, several with commas between")
        }
        return brokers.map(\.description)
    }

    private static func kafkaCredentials(_ values: [String: String]) throws(SettingsError) -> KafkaSettings.Credentials?
    {
        let mechanism = values["KAFKA_SASL_MECHANISM"]
        let password = try secret(values, "KAFKA_PASSWORD")
        guard let username = values["KAFKA_USERNAME"], let password, !password.isEmpty else {
            guard values["KAFKA_USERNAME"] == nil, password == nil, mechanism == nil else {
                throw SettingsError("KAFKA_USERNAME", "and KAFKA_PASSWORD need each other; set both")
            }
            return nil
        }
        guard let known = KafkaSettings.Mechanism(rawValue: mechanism?.uppercased() ?? "SCRAM-SHA-256") else {
            let names = KafkaSettings.Mechanism.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingsError("KAFKA_SASL_MECHANISM", "is not known; write one of \(names)")
        }
        return KafkaSettings.Credentials(mechanism: known, username: username, password: password)
    }

    private static func kafkaTLS(_ values: [String: String]) throws(SettingsError) -> KafkaSettings.TLS? {
        let names = ["KAFKA_TLS_CA_FILE", "KAFKA_TLS_CERT_FILE", "KAFKA_TLS_KEY_FILE"]
        let given = names.filter { values[$0] != nil }
        guard try flag(values, "KAFKA_TLS") ?? false else {
            if let name = given.first { throw SettingsError(name, "is given, but TLS is not used; set KAFKA_TLS=true") }
            return nil
        }
        for name in given {
            guard let path = values[name], FileManager.default.isReadableFile(atPath: path) else {
                throw SettingsError(name, "names a file that cannot be read")
            }
        }
        guard (values["KAFKA_TLS_CERT_FILE"] == nil) == (values["KAFKA_TLS_KEY_FILE"] == nil) else {
            throw SettingsError("KAFKA_TLS_CERT_FILE", "and KAFKA_TLS_KEY_FILE need each other; set both")
        }
        var tls = KafkaSettings.TLS()
        tls.authorities = values["KAFKA_TLS_CA_FILE"]
        tls.certificate = values["KAFKA_TLS_CERT_FILE"]
        tls.key = values["KAFKA_TLS_KEY_FILE"]
        return tls
    }

    private static func topicPrefix(_ text: String?) throws(SettingsError) -> String {
        let prefix = text ?? "fleet-coordination"
        let isUsable = prefix.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isUsable, prefix.utf8.count <= prefixLengthMax else {
            throw SettingsError(
                "KAFKA_TOPIC_PREFIX", "is not usable; write 1 to \(prefixLengthMax) letters, digits, dots, _ and -")
        }
        return prefix
    }
}
