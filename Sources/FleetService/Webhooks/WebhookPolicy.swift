package import FleetDomain

/// Where pushes may go.
package struct WebhookPolicy: Sendable {
    /// Whether also to networks that are not public, and without TLS.
    package let allowsPrivate: Bool
    /// nil is the machine's resolver.
    private let lookUp: (@Sendable (String) -> [String])?

    /// How long a registration waits for the name to be found.
    private static let lookUpDuration = Duration.seconds(2)

    /// - Parameter lookUp: what names stand for, in a test.
    package init(allowsPrivate: Bool, lookUp: (@Sendable (String) -> [String])? = nil) {
        self.allowsPrivate = allowsPrivate
        self.lookUp = lookUp
    }

    /// Reads a URL that somebody wants events pushed to. A name that is not known yet is taken: each push looks again.
    ///
    /// - Throws: `webhook_url_invalid`, `webhook_url_private`.
    package func url(_ text: String) async throws(FleetError) -> WebhookURL {
        let url = try WebhookURL(text, allowsPrivate: allowsPrivate)
        guard url.literal == nil, !allowsPrivate else { return url }
        let addresses = await addresses(of: url.host, within: Self.lookUpDuration)
        guard addresses.allSatisfy(\.isPublic) else { throw WebhookURL.isPrivate }
        return url
    }

    func addresses(of host: String, within limit: Duration) async -> [NetworkAddress] {
        let host = host.lowercased()
        if let lookUp { return lookUp(host).compactMap { NetworkAddress($0) } }
        return await Resolver.addresses(of: host, within: limit)
    }
}
