package import FleetService
import NIOSSL

/// Which server to use, and how.
package struct RedisOptions: Sendable {
    /// Never printed, whatever prints the options.
    package struct Password: Sendable, CustomStringConvertible, CustomReflectable {
        let text: String

        package init(_ text: String) { self.text = text }

        package var description: String { "<password>" }
        package var customMirror: Mirror { Mirror(self, children: []) }
    }

    /// Servers are believed by their certificate for the name or address that was dialled, and by nothing less.
    package struct TLS: Sendable {
        let context: NIOSSLContext

        /// - Parameter authorities: a file in PEM; nil is those that the system trusts.
        /// - Throws: when the file holds no certificate that can be used.
        package init(authorities: String?) throws {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .fullVerification
            configuration.minimumTLSVersion = .tlsv12
            if let authorities {
                let certificates = try NIOSSLCertificate.fromPEMFile(authorities)
                guard !certificates.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
                configuration.trustRoots = .certificates(certificates)
            }
            context = try NIOSSLContext(configuration: configuration)
        }
    }

    /// Where the Sentinels are, and what they call the master.
    package struct Sentinels: Sendable {
        package let addresses: [ServerAddress]
        package let master: String

        package init(addresses: [ServerAddress], master: String) {
            self.addresses = addresses
            self.master = master
        }
    }

    /// Of which the first that answers and is a master is used.
    package var addresses: [ServerAddress] = []
    /// Instead of addresses.
    package var sentinels: Sentinels?
    package var username: String?
    package var password: Password?
    package var tls: TLS?
    package var database = 0
    package var prefix = "fleet:"

    /// For the connection and its greeting.
    package var connectPatience = Duration.seconds(1)
    /// For an answer: a healthy server takes well under a millisecond, and the database does what this cannot.
    package var patience = Duration.milliseconds(100)
    /// Between two tries to connect.
    package var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))

    package init() {}
}
