extension Symptom {
    private static let brokers = ["KAFKA_BROKERS": "127.0.0.1:1"]

    static let kafka: [Symptom] = [
        refusedStart(
            "brokers without a port", ["KAFKA_BROKERS": "broker-1:9092,broker-2"],
            "KAFKA_BROKERS is not usable; write HOST:PORT, several with commas between."),
        refusedStart(
            "TLS without brokers", ["KAFKA_TLS": "true"], "KAFKA_TLS needs company; set KAFKA_BROKERS too."),
        refusedStart(
            "a user of brokers without a password", with(["KAFKA_USERNAME": "fleet"]),
            "KAFKA_USERNAME and KAFKA_PASSWORD need each other; set both."),
        refusedStart(
            "a mechanism that is not known",
            with(["KAFKA_USERNAME": "fleet", "KAFKA_PASSWORD": "secret", "KAFKA_SASL_MECHANISM": "GSSAPI"]),
            "KAFKA_SASL_MECHANISM is not known; write one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512."),
        refusedStart(
            "authorities without TLS", with(["KAFKA_TLS_CA_FILE": "/etc/hostname"]),
            "KAFKA_TLS_CA_FILE is given, but TLS is not used; set KAFKA_TLS=true."),
        refusedStart(
            "authorities in a file that is not there",
            with(["KAFKA_TLS": "true", "KAFKA_TLS_CA_FILE": "/nowhere/ca.pem"]),
            "KAFKA_TLS_CA_FILE names a file that cannot be read."),
        refusedStart(
            "a certificate without its key", with(["KAFKA_TLS": "true", "KAFKA_TLS_CERT_FILE": "/etc/hostname"]),
            "KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE need each other; set both."),
        refusedStart(
            "a prefix that no topic may have", with(["KAFKA_TOPIC_PREFIX": "fleet/events"]),
            "KAFKA_TOPIC_PREFIX is not usable; write 1 to 203 letters, digits, dots, _ and -."),
        refusedStart(
            "no partitions", with(["KAFKA_PARTITIONS": "0"]),
            "KAFKA_PARTITIONS is not usable; write a number from 1 to 10000."),
        refusedStart(
            "copies in words", with(["KAFKA_REPLICATION": "three"]),
            "KAFKA_REPLICATION is not usable; write a number from 1 to 15."),
        refusedStart(
            "a negative retention", with(["KAFKA_RETENTION_HOURS": "-1"]),
            "KAFKA_RETENTION_HOURS is not usable; write a number from 0 to 876000."),
        refusedStart(
            "authorities that are none", with(["KAFKA_TLS": "true"]),
            "KAFKA_BROKERS and what belongs to it cannot be used: <reason>."
        ) { directory in
            ["KAFKA_TLS_CA_FILE": try directory.write("no certificate", to: "ca.pem")]
        },
    ]

    private static func with(_ settings: [String: String]) -> [String: String] { brokers.merging(settings) { $1 } }
}
