package import FleetDomain
package import FleetService
package import NIOSSL

/// Where ClickHouse is, and as whom it is asked.
package struct ClickHouseSettings: Sendable {
    /// One way to it; all lead to the same data.
    package struct Address: Sendable, Equatable {
        package static let portDefault = 8123
        package static let tlsPortDefault = 8443

        package let server: ServerAddress
        package let usesTLS: Bool

        /// Parses `host`, `host:port`, and both after `http://` or `https://`; an IPv6 address stands in brackets.
        package init?(_ text: String) {
            usesTLS = text.hasPrefix("https://")
            var rest = Substring(text)
            for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) {
                rest = rest.dropFirst(scheme.count)
                break
            }
            if rest.hasSuffix("/") { rest.removeLast() }
            guard let server = ServerAddress(rest, port: usesTLS ? Self.tlsPortDefault : Self.portDefault) else {
                return nil
            }
            self.server = server
        }

        var base: String { "\(usesTLS ? "https" : "http")://\(server)/" }
    }

    package static let retentionDaysDefault = 730

    /// At least one; the first that answers is asked.
    package var addresses: [Address]
    package var username = "default"
    package var password = ""
    package var database = "default"
    /// nil trusts whom the system trusts.
    package var trustRoots: NIOSSLTrustRoots?
    package var retentionDays = retentionDaysDefault

    package init(addresses: [Address]) { self.addresses = addresses }

    package var retention: Seconds { Seconds(retentionDays) * 86_400 }
}
