import Crypto
import CryptoExtras
import FleetDomain
import FleetHTTP
import FleetService
import Foundation
import Logging
import Synchronization

/// An issuer of tokens with one key of each kind. Headers and claims are raw text, so that a test can write what no
/// library would and still sign it.
struct AuthIssuer: Sendable {
    static let name = "https://issuer.example"
    static let audience = "fleet-coordination"
    static let now = Timestamp(milliseconds: 1_800_000_000_000)
    static let claims = #"{"iss":"https://issuer.example","aud":"fleet-coordination","sub":"ann","exp":1800000600}"#

    private let p256 = P256.Signing.PrivateKey()
    private let p384 = P384.Signing.PrivateKey()
    private let ed25519 = Curve25519.Signing.PrivateKey()
    private let rsa: _RSA.Signing.PrivateKey

    init() throws { rsa = try Self.rsa.get() }

    /// One for all, as primes take long to find.
    private static let rsa = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    func sign(_ text: [UInt8], _ algorithm: SigningAlgorithm) throws -> [UInt8] {
        switch algorithm {
        case .es256: Array(try p256.signature(for: text).rawRepresentation)
        case .es384: Array(try p384.signature(for: text).rawRepresentation)
        case .edDSA: Array(try ed25519.signature(for: text))
        case .rs256: Array(try rsa.signature(for: text, padding: .insecurePKCS1v1_5).rawRepresentation)
        case .ps256: Array(try rsa.signature(for: SHA256.hash(data: text), padding: .PSS).rawRepresentation)
        }
    }

    /// Signs two parts exactly as they are written.
    func token(parts: (String, String), _ algorithm: SigningAlgorithm = .es256) throws -> String {
        let text = "\(parts.0).\(parts.1)"
        return "\(text).\(Base64URL.encode(try sign(Array(text.utf8), algorithm)))"
    }

    func token(
        header: String? = nil, claims: String = Self.claims, _ algorithm: SigningAlgorithm = .es256
    ) throws -> String {
        let header = header ?? #"{"alg":"\#(algorithm.rawValue)","kid":"\#(algorithm.rawValue)","typ":"JWT"}"#
        return try token(parts: (Self.part(header), Self.part(claims)), algorithm)
    }

    static func part(_ text: String) -> String { Base64URL.encode(Array(text.utf8)) }

    /// The public key as members of a JWK, without `kid`.
    func jwk(_ algorithm: SigningAlgorithm) throws -> String {
        switch algorithm {
        case .es256: Self.point("P-256", Array(p256.publicKey.rawRepresentation))
        case .es384: Self.point("P-384", Array(p384.publicKey.rawRepresentation))
        case .edDSA:
            #""kty":"OKP","crv":"Ed25519","x":"\#(Base64URL.encode(Array(ed25519.publicKey.rawRepresentation)))""#
        case .rs256, .ps256: try Self.modulus(rsa.publicKey)
        }
    }

    private static func point(_ curve: String, _ raw: [UInt8]) -> String {
        let (x, y) = (raw.prefix(raw.count / 2), raw.suffix(raw.count / 2))
        return #""kty":"EC","crv":"\#(curve)","x":"\#(Base64URL.encode(x))","y":"\#(Base64URL.encode(y))""#
    }

    static func modulus(_ key: _RSA.Signing.PublicKey) throws -> String {
        let parts = try key.getKeyPrimitives()
        let (n, e) = (Base64URL.encode(Array(parts.modulus)), Base64URL.encode(Array(parts.publicExponent)))
        return #""kty":"RSA","n":"\#(n)","e":"\#(e)""#
    }

    /// A key set in which each key's `kid` is the name of its algorithm.
    func keySet(_ algorithms: [SigningAlgorithm] = SigningAlgorithm.allCases) throws -> String {
        let keys = try algorithms.map {
            #"{"kid":"\#($0.rawValue)","alg":"\#($0.rawValue)","use":"sig",\#(try jwk($0))}"#
        }
        return #"{"keys":[\#(keys.joined(separator: ","))]}"#
    }

    /// The public key as an attacker would use it for the secret of an HMAC.
    var publicPEM: String { p256.publicKey.pemRepresentation }
    var publicDER: [UInt8] { Array(p256.publicKey.derRepresentation) }
}

/// A key file that lives as long as `body`.
func withKeyFile<R>(_ content: String, _ body: (KeyFile) async throws -> R) async throws -> R {
    let file = KeyFile(path: FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path)
    try file.write(content)
    defer { try? FileManager.default.removeItem(atPath: file.path) }
    return try await body(file)
}

struct KeyFile {
    let path: String

    func write(_ content: String) throws { try Data(content.utf8).write(to: URL(filePath: path), options: .atomic) }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }
}

/// Keeps what was logged, at every level.
struct LogRecorder: LogHandler {
    final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func append(_ line: String) { lines.withLock { $0.append(line) } }
    }

    let lines: Lines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(_ lines: Lines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }

    static func logger(_ lines: Lines) -> Logger { Logger(label: "test") { _ in LogRecorder(lines) } }
}
