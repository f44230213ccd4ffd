/// Which brokers, as whom, and how topics of ours are made.
package struct KafkaSettings: Sendable {
    package enum Mechanism: String, Sendable, CaseIterable {
        case plain = "PLAIN"
        case scramSHA256 = "SCRAM-SHA-256"
        case scramSHA512 = "SCRAM-SHA-512"
    }

    package struct Credentials: Sendable {
        package let mechanism: Mechanism
        package let username: String
        package let password: String

        package init(mechanism: Mechanism, username: String, password: String) {
            self.mechanism = mechanism
            self.username = username
            self.password = password
        }
    }

    /// Paths of PEM files.
    package struct TLS: Sendable {
        /// Whose certificates are trusted; nil is whom the system trusts.
        package var authorities: String?
        /// What the service shows of itself, with its key.
        package var certificate: String?
        package var key: String?

        package init() {}
    }

    /// `host:port` of some of the brokers; the rest they name themselves.
    package var brokers: [String]
    package var credentials: Credentials?
    package var tls: TLS?
    /// Of a topic that the service makes.
    package var partitions: Int32 = 6
    /// How long a topic that the service makes keeps records; nil is for ever.
    package var retentionHours: Int64? = 168
    /// Copies of each record; nil is what the brokers do by default.
    package var replication: Int32?
    package var limits = Limits()

    package init(brokers: [String]) { self.brokers = brokers }

    package struct Limits: Sendable {
        /// How long the brokers may take to store what was handed over. Longer than it takes to choose another leader, since
        /// what is given up is handed over again and then is there twice.
        package var patience = Duration.seconds(30)
        /// The same once the service stops.
        package var stopPatience = Duration.seconds(2)
        /// Shorter than `DependencyMonitor.patience`, so that the reason is ours.
        package var reachPatience = Duration.milliseconds(900)
        /// How long making topics may take, and being told how long others keep what is in them. A stop may have to wait so
        /// long.
        package var topicPatience = Duration.seconds(10)
        package var retentionPatience = Duration.seconds(3)
        /// Topics that are made in one request.
        package var topicsAtOnce = 100
        /// Bytes of a record: a message of the greatest length to thousands of recipients.
        package var recordBytes = 4 << 20

        package init() {}
    }
}
