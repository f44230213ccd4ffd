import AsyncHTTPClient
import FleetService
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Where an issuer's keys come from.
package enum JWKSLocation: Sendable, Equatable {
    case file(String)
    case url(String)

    /// Far above any key set.
    package static let bytesMax = 1024 * 1024
    /// For the whole answer, its body included.
    package static let timeout: Duration = .seconds(5)

    /// How often the keys are read again. A file is cheap to read and its owner waits for the change.
    var refreshInterval: Duration {
        switch self {
        case .file: .seconds(1)
        case .url: .seconds(300)
        }
    }

    /// How often at most a token with an unknown `kid` leads to a reading, in seconds: anybody can send one.
    var unknownKeyInterval: Int64 {
        switch self {
        case .file: 1
        case .url: 30
        }
    }

    /// Reads what is there now.
    package func read(timeout: Duration = Self.timeout) async throws(JWKSError) -> [UInt8] {
        switch self {
        case .file(let path):
            return try Self.read(file: path)
        case .url(let text):
            try Self.check(url: text)
            do { return try await Self.read(url: text, timeout) } catch let error as JWKSError { throw error } catch {
                throw JWKSError("JWT_JWKS_URL cannot be read: \(error)")
            }
        }
    }

    private static func read(file path: String) throws(JWKSError) -> [UInt8] {
        guard let content = FileManager.default.contents(atPath: path) else {
            throw JWKSError("JWT_JWKS_FILE cannot be read")
        }
        guard content.count <= bytesMax else { throw JWKSError("JWT_JWKS_FILE is larger than \(bytesMax) bytes") }
        return Array(content)
    }

    /// Who can change the answer can sign in as anybody: only TLS will do, except on this machine.
    private static func check(url text: String) throws(JWKSError) {
        guard let url = URL(string: text), let host = url.host(), !host.isEmpty, url.user() == nil else {
            throw JWKSError("JWT_JWKS_URL is not a URL with a host and without a user")
        }
        let isLoopback = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host.lowercased())
        switch url.scheme?.lowercased() {
        case "https": break
        case "http" where isLoopback: break
        default: throw JWKSError("JWT_JWKS_URL has to be https")
        }
    }

    /// AsyncHTTPClient's own deadline ends with the response's head, hence the race.
    private static func read(url: String, _ timeout: Duration) async throws -> [UInt8] {
        do { return try await withDeadline(timeout) { try await get(url, timeout) } } catch is DeadlineExceeded {
            throw JWKSError("JWT_JWKS_URL did not answer within \(timeout)")
        }
    }

    /// Redirects are not followed: they could lead away from TLS. A connection that is refused is not tried again
    /// before the next reading, so that the error says so.
    private static func get(_ url: String, _ timeout: Duration) async throws -> [UInt8] {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            let response = try await client.execute(HTTPClientRequest(url: url), timeout: TimeAmount(timeout))
            guard response.status == .ok else {
                throw JWKSError("JWT_JWKS_URL answered with status \(response.status.code)")
            }
            return Array(try await response.body.collect(upTo: bytesMax).readableBytesView)
        }
    }
}
