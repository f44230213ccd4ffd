package import FleetDomain
import Foundation

/// An address that events are pushed to: of the public Internet, unless the service was told to trust its callers.
package struct WebhookURL: Sendable {
    package let text: String
    /// As it stands in the URL, without the brackets of an IPv6 address.
    let host: String
    /// The address that the host is, if it is one.
    let literal: NetworkAddress?

    private static let lengthMax = 2048
    /// Names that mean this machine or this network, whatever a resolver says.
    private static let privateSuffixes = ["localhost", "local", "internal", "intranet", "lan", "home", "corp"]

    /// - Throws: `webhook_url_invalid`; `webhook_url_private` for an address that is not public, however it is written.
    package init(_ text: String, allowsPrivate: Bool) throws(FleetError) {
        guard text.utf8.count <= Self.lengthMax, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x5c }),
            let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let encoded = parts.encodedHost, !encoded.isEmpty, !encoded.contains("%")
        else { throw Self.invalid("It is not an absolute URL of at most \(Self.lengthMax) ASCII characters.") }
        guard parts.user == nil, parts.password == nil, parts.fragment == nil, !text.contains("@") else {
            throw Self.invalid("It has credentials or a fragment.")
        }
        guard parts.port.map({ (1...65_535).contains($0) }) ?? true else { throw Self.invalid("Its port is none.") }
        guard scheme == "https" || scheme == "http" && allowsPrivate else {
            throw Self.invalid("Its scheme is not https.")
        }
        self.text = text
        host = encoded.hasPrefix("[") ? String(encoded.dropFirst().dropLast()) : encoded
        literal = NetworkAddress(host)
        try Self.check(host, literal, isBracketed: encoded.hasPrefix("["), allowsPrivate)
    }

    private static func check(
        _ host: String, _ literal: NetworkAddress?, isBracketed: Bool, _ allowsPrivate: Bool
    ) throws(FleetError) {
        if let literal {
            guard allowsPrivate || literal.isPublic else { throw isPrivate }
            return
        }
        guard !isBracketed else { throw invalid("Its host is no IPv6 address.") }
        // Numbers in forms that only some read as an address: 2130706433, 0177.0.0.1, 0x7f.1.
        if let numeric = NetworkAddress(anyForm: host) {
            guard allowsPrivate || numeric.isPublic else { throw isPrivate }
            throw invalid("Its host is a number; write it as an address, like 192.0.2.1.")
        }
        let labels = host.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        let named = labels.last == "" ? labels.dropLast() : labels[...]
        guard !named.isEmpty, host.utf8.count <= 253, named.allSatisfy(isLabel), named.last?.first?.isNumber == false
        else { throw invalid("Its host is no name.") }
        guard allowsPrivate || (named.count > 1 && !privateSuffixes.contains(String(named.last ?? ""))) else {
            throw isPrivate
        }
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f
            }
    }

    private static func invalid(_ reason: String) -> FleetError {
        FleetError(
            .webhookURLInvalid, "The URL cannot be used. \(reason)",
            faults: [FleetError.Fault("/url", "invalid_url", reason)])
    }

    package static let isPrivate = FleetError(
        .webhookURLPrivate, "The URL is of a network that is not public.",
        faults: [FleetError.Fault("/url", "private_address", "is of a network that is not public")])
}
