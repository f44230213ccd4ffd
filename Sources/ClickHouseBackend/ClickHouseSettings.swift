package import FleetDomain
package import NIOSSL

/// Where ClickHouse is, and as whom it is asked.
package struct ClickHouseSettings: Sendable {
    /// One way to it; all lead to the same data.
    package struct Address: Sendable, Equatable {
        package static let portDefault = 8123
        package static let tlsPortDefault = 8443

        package let host: String
        package let port: Int
        package let usesTLS: Bool

        /// Parses `host`, `host:port`, and both after `http://` or `https://`; an IPv6 address stands in brackets.
        package init?(_ text: String) {
            var rest = Substring(text)
            usesTLS = rest.hasPrefix("https://")
            for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) {
                rest = rest.dropFirst(scheme.count)
                break
            }
            if rest.hasSuffix("/") { rest.removeLast() }
            var name = rest
            var number = usesTLS ? Self.tlsPortDefault : Self.portDefault
            if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
                guard let written = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(written) else {
                    return nil
                }
                name = rest[..<colon]
                number = written
            }
            let isLiteral = name.hasPrefix("[") && name.hasSuffix("]")
            let inner = isLiteral ? name.dropFirst().dropLast() : name
            let allowed: (UInt8) -> Bool = { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: isLiteral && byte == UInt8(ascii: ":")
                }
            }
            guard !inner.isEmpty, inner.utf8.allSatisfy(allowed) else { return nil }
            host = String(name)
            port = number
        }

        var base: String { "\(usesTLS ? "https" : "http")://\(host):\(port)/" }
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
