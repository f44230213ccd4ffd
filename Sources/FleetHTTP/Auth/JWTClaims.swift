package import FleetDomain
import FleetJSON

/// The claims of a token whose signature holds, checked and turned into who calls.
package struct JWTClaims {
    package let principal: Principal
    /// The first instant at which the token no longer counts.
    package let end: Timestamp

    /// How long a token still counts after its `exp`: clocks differ, but an expired token should end soon.
    package static let expiryLeeway: Seconds = 30
    /// How far `nbf` and `iat` may lie ahead of our clock.
    package static let skewMax: Seconds = 60
    private static let subjectBytesMax = 255
    /// Issuers add claims of their own, some nested.
    private static let depthMax = 32

    package init(
        _ payload: [UInt8], issuer: String, audience: String, at now: Timestamp
    ) throws(JWTRefusal) {
        guard let claims = (try? JSON.parse(payload, maxDepth: Self.depthMax))?.objectValue else { throw .claimsSyntax }
        guard Self.isSame(claims["iss"]?.stringValue, issuer) else { throw .issuer }
        guard try Self.audiences(claims["aud"]).contains(where: { Self.isSame($0, audience) }) else { throw .audience }
        end = try Self.end(claims, at: now)
        principal = Principal(
            subject: try Self.subject(claims["sub"]),
            // A role or scope that a later version knows gives nothing here, so it is no reason to refuse.
            roles: Set(try Self.strings(claims["roles"], else: .roles).compactMap(Role.init(rawValue:))),
            fleets: try Self.names(claims["fleet_ids"], else: .fleets),
            federations: try Self.names(claims["federation_ids"], else: .federations),
            scopes: try Self.scopes(claims["scope"]))
    }

    /// Checks the three instants and gives the one at which the token ends.
    private static func end(_ claims: JSONObject, at now: Timestamp) throws(JWTRefusal) -> Timestamp {
        guard let exp = try instant(claims["exp"], else: .expiry) else { throw .expiry }
        let end = exp + expiryLeeway
        guard now < end else { throw .expired }
        if let nbf = try instant(claims["nbf"], else: .notBefore), nbf > now + skewMax { throw .notBefore }
        if let iat = try instant(claims["iat"], else: .issuedAt), iat > now + skewMax { throw .issuedAt }
        return end
    }

    /// A NumericDate (RFC 7519): seconds, perhaps with a fraction. What lies after the year 9999 is refused, which
    /// catches issuers that write milliseconds.
    private static func instant(_ claim: JSON?, else refusal: JWTRefusal) throws(JWTRefusal) -> Timestamp? {
        guard let claim else { return nil }
        guard let seconds = claim.doubleValue, seconds >= 0,
            seconds < Double(Timestamp.distantFuture.milliseconds / 1000)
        else { throw refusal }
        return Timestamp(milliseconds: Int64(seconds * 1000))
    }

    /// An issuer must not be able to name one of ours.
    private static func subject(_ claim: JSON?) throws(JWTRefusal) -> String {
        guard let subject = claim?.stringValue, (1...subjectBytesMax).contains(subject.utf8.count),
            BearerCredential.isVisible(subject.utf8), !Principal.isReserved(subject)
        else { throw .subject }
        return subject
    }

    private static func audiences(_ claim: JSON?) throws(JWTRefusal) -> [String] {
        if let one = claim?.stringValue { return [one] }
        return try strings(claim, else: .audience)
    }

    private static func scopes(_ claim: JSON?) throws(JWTRefusal) -> Set<Permission> {
        guard let claim else { return [] }
        guard let text = claim.stringValue else { throw .scope }
        return Set(text.split(separator: " ").compactMap { Permission(rawValue: String($0)) })
    }

    private static func names<Name: LosslessStringConvertible & Hashable>(
        _ claim: JSON?, else refusal: JWTRefusal
    ) throws(JWTRefusal) -> Set<Name> {
        var names: Set<Name> = []
        for text in try strings(claim, else: refusal) {
            guard let name = Name(text) else { throw refusal }
            names.insert(name)
        }
        return names
    }

    private static func strings(_ claim: JSON?, else refusal: JWTRefusal) throws(JWTRefusal) -> [String] {
        guard let claim else { return [] }
        guard let strings = claim.arrayValue?.map(\.stringValue), !strings.contains(nil) else { throw refusal }
        return strings.compactMap(\.self)
    }

    /// Compares as bytes: `==` would also equate canonically equivalent text.
    private static func isSame(_ text: String?, _ expected: String) -> Bool {
        text.map { $0.utf8.elementsEqual(expected.utf8) } ?? false
    }
}
