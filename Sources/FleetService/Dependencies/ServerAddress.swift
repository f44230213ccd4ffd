/// Where a server is.
package struct ServerAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name, or an address; that of IPv6 without brackets.
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `HOST` and `HOST:PORT`; an address of IPv6 stands in brackets.
    ///
    /// - Parameter usual: the port when none is written, which may not be left away where this is nil.
    package init?(_ text: some StringProtocol, port usual: Int?) {
        let host: Substring
        let rest: Substring
        let isLiteral = text.hasPrefix("[")
        if isLiteral {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = Substring(text[..<end].dropFirst())
            rest = Substring(text[end...].dropFirst())
        } else {
            host = Substring(text.prefix { $0 != ":" })
            rest = Substring(text.drop { $0 != ":" })
        }
        let written = rest.hasPrefix(":") ? Int(rest.dropFirst()) : nil
        guard let port = rest.isEmpty ? usual : written, (1...65_535).contains(port), !host.isEmpty,
            host.utf8.allSatisfy({ Self.isAllowed($0) || isLiteral && $0 == UInt8(ascii: ":") })
        else { return nil }
        self.init(host: String(host), port: port)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Several, with commas between them; nil when one of them is none.
    package static func list(_ text: String, port usual: Int? = nil) -> [ServerAddress]? {
        var addresses: [ServerAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let address = ServerAddress(part.filter { $0 != " " }, port: usual) else { return nil }
            addresses.append(address)
        }
        return addresses
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
