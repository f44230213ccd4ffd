package import FleetDomain
import FleetService
package import HTTPTypes

/// The one credential of a request, as its bytes.
package enum BearerCredential: Equatable {
    case apiKey([UInt8])
    case jwt([UInt8])

    /// Longer credentials are refused before anything is computed from them.
    package static let bytesMax = 8 * 1024
    private static let keyHeader = HTTPField.Name("X-API-Key")

    /// Reads `Authorization: Bearer …` or `X-API-Key: …`.
    ///
    /// - Throws: `unauthenticated` without either; `invalid_credentials` for both, for several, for another scheme
    ///   and for what is empty, too long or not visible ASCII. Two credentials would leave open who is calling.
    package init(headers: HTTPFields) throws(FleetError) {
        let authorizations = headers[fields: .authorization]
        let keys = Self.keyHeader.map { headers[fields: $0] } ?? []
        switch (authorizations.first, keys.first, authorizations.count + keys.count) {
        case (nil, nil, _):
            throw .unauthenticated
        case (let field?, nil, 1):
            let token = try Self.checked(try Self.bearer(field.withUnsafeBytesOfValue { Array($0) }))
            self = Self.isJWT(token) ? .jwt(token) : .apiKey(token)
        case (nil, let field?, 1):
            self = .apiKey(try Self.checked(field.withUnsafeBytesOfValue { Array($0) }))
        default:
            throw .invalidCredentials
        }
    }

    /// What follows the scheme, which is compared without case and ends at one space or more (RFC 9110, 11.4).
    private static func bearer(_ value: [UInt8]) throws(FleetError) -> [UInt8] {
        let scheme = value.prefix { $0 != UInt8(ascii: " ") }
        guard String(decoding: scheme, as: UTF8.self).lowercased() == "bearer" else { throw .invalidCredentials }
        return Array(value.dropFirst(scheme.count).drop { $0 == UInt8(ascii: " ") })
    }

    private static func checked(_ token: [UInt8]) throws(FleetError) -> [UInt8] {
        guard (1...bytesMax).contains(token.count), isVisible(token) else { throw .invalidCredentials }
        return token
    }

    static func isVisible(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.allSatisfy { (0x21...0x7e).contains($0) }
    }

    /// A token is a JWT when it has exactly two dots and begins as the base64url of `{`: an operator's own key may
    /// have two dots as well.
    static func isJWT(_ token: [UInt8]) -> Bool {
        let dots = token.count { $0 == UInt8(ascii: ".") }
        guard dots == 2, let first = Base64URL.decode(token.prefix(4))?.first else { return false }
        return first == UInt8(ascii: "{")
    }
}

extension FleetError {
    /// No credential came with the request.
    package static let unauthenticated = FleetError(.unauthenticated, "This needs an API key or a bearer token.")

    /// The credential is refused. Always the same, whatever was wrong with it: details would help to forge one.
    package static let invalidCredentials = FleetError(.invalidCredentials, "The credentials are not valid.")
}
