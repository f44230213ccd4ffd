import ClickHouseBackend
import FleetHTTP
import FleetService
import Foundation
import Logging
import RedisBackend

/// What the service is told at its start, by the environment and by flags; a flag wins.
struct Settings: Sendable {
    var port = 8080
    var host = "127.0.0.1"
    var metricsPort: Int?
    /// Where other replicas on the same database reach this one.
    var replicaURL = ""
    var database = DatabaseAddress.sqlite(path: "")
    var dataDirectory = "data"
    var logLevel = Logger.Level.info
    var slowRequest = Duration.milliseconds(1000)
    /// Of the administrator's key; the key itself is not kept.
    var adminKey: CredentialDigest?
    var issuer: Issuer?
    var requiresIfMatch = false
    /// Whether events may be pushed to networks that are not public.
    var allowsPrivateWebhooks = false
    /// nil has no bus.
    var kafka: Kafka?
    /// Wraps the data keys; nil is the one in the data directory, which the first start makes.
    var encryptionKey: KeyEncryptionKey?
    /// Where replicas share a memory; nil is that of this process.
    var redis: RedisOptions?
    /// nil is none.
    var clickHouse: ClickHouseSettings?

    /// Whose tokens are accepted.
    struct Issuer: Sendable {
        enum Keys: Sendable {
            case file(String)
            case url(String)
        }

        let issuer: String
        let audience: String
        let keys: Keys
    }

    /// Every variable that is read; each secret also as `…_FILE`.
    static let variables =
        [
            "PORT", "HOST", "METRICS_PORT", "REPLICA_URL", "DATABASE_URL", "DATABASE_PASSWORD",
            "DATABASE_PASSWORD_FILE", "DATABASE_POOL_SIZE", "DATABASE_STATEMENT_TIMEOUT_MS", "DATA_DIR", "LOG_LEVEL",
            "SLOW_REQUEST_MS", "ADMIN_API_KEY",
            "ADMIN_API_KEY_FILE", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_FILE", "JWT_JWKS_URL", "REQUIRE_IF_MATCH",
            "ENCRYPTION_KEY_FILE", "WEBHOOK_ALLOW_PRIVATE",
        ] + kafkaVariables + redisVariables + clickHouseVariables

    /// - Throws: `SettingsError` with what to write instead.
    init(_ environment: [String: String]) throws(SettingsError) {
        let values = environment.filter { !$0.value.isEmpty }
        port = try Self.port(values, "PORT") ?? port
        metricsPort = try Self.port(values, "METRICS_PORT")
        guard metricsPort != port else { throw SettingsError("METRICS_PORT", "equals PORT; write another port") }
        host = values["HOST"] ?? host
        replicaURL = try Self.replicaURL(values["REPLICA_URL"]) ?? "http://\(host):\(port)"
        dataDirectory = values["DATA_DIR"] ?? dataDirectory
        database = try Self.database(values, dataDirectory: dataDirectory)
        logLevel = try Self.logLevel(values["LOG_LEVEL"]) ?? logLevel
        slowRequest =
            try Self.number(values, "SLOW_REQUEST_MS", 1...3_600_000, of: "milliseconds").map { .milliseconds($0) }
            ?? slowRequest
        adminKey = try Self.adminKey(values)
        issuer = try Self.issuer(values)
        allowsPrivateWebhooks = try Self.flag(values, "WEBHOOK_ALLOW_PRIVATE") ?? allowsPrivateWebhooks
        requiresIfMatch = try Self.flag(values, "REQUIRE_IF_MATCH") ?? requiresIfMatch
        kafka = try Self.kafka(values)
        redis = try Self.redis(values)
        clickHouse = try Self.clickHouse(values)
        encryptionKey = try values["ENCRYPTION_KEY_FILE"].map { path throws(SettingsError) in
            try Self.encryptionKey(inFile: path, named: "ENCRYPTION_KEY_FILE")
        }
    }

    private static func port(_ values: [String: String], _ name: String) throws(SettingsError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let port = Int(text), (1...65_535).contains(port) else {
            throw SettingsError(name, "is not a port; write a number from 1 to 65535")
        }
        return port
    }

    private static func replicaURL(_ text: String?) throws(SettingsError) -> String? {
        guard let text else { return nil }
        guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host() != nil,
            url.path().isEmpty || url.path() == "/", url.user() == nil, url.query() == nil
        else {
            throw SettingsError(
                "REPLICA_URL", "is not usable; write how other replicas reach this one: http://HOST:PORT")
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    private static func logLevel(_ text: String?) throws(SettingsError) -> Logger.Level? {
        guard let text else { return nil }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingsError("LOG_LEVEL", "is not a level; write one of \(levels)")
        }
        return level
    }

    static func number(
        _ values: [String: String], _ name: String, _ range: ClosedRange<Int>, of unit: String? = nil
    ) throws(SettingsError) -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw SettingsError(
                name,
                "is not usable; write a number\(unit.map { " of " + $0 } ?? "") from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    static func flag(_ values: [String: String], _ name: String) throws(SettingsError) -> Bool? {
        switch values[name]?.lowercased() {
        case nil: return nil
        case "true", "1": return true
        case "false", "0": return false
        default: throw SettingsError(name, "is not usable; write true or false")
        }
    }

    private static func adminKey(_ values: [String: String]) throws(SettingsError) -> CredentialDigest? {
        guard let key = try secret(values, "ADMIN_API_KEY") else { return nil }
        guard let digest = APIKeyToken.digest(ofArbitraryKey: key) else {
            throw SettingsError("ADMIN_API_KEY", "is not usable; write 32 to 256 visible ASCII characters")
        }
        return digest
    }

    /// A secret given as it is, or by the path of a file that holds it.
    static func secret(_ values: [String: String], _ name: String) throws(SettingsError) -> String? {
        guard let path = values[name + "_FILE"] else { return values[name] }
        guard values[name] == nil else {
            throw SettingsError(name, "is given twice; set either \(name) or \(name)_FILE")
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw SettingsError(name + "_FILE", "names a file that cannot be read")
        }
        return text.trimmingCharacters(in: .newlines)
    }

    /// - Parameter name: the variable or the option that names the file.
    static func encryptionKey(inFile path: String, named name: String) throws(SettingsError) -> KeyEncryptionKey {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw SettingsError(name, "names a file that cannot be read")
        }
        guard let key = KeyEncryptionKey(text) else {
            throw SettingsError(name, "does not hold a key; write 32 random bytes in base64: openssl rand -base64 32")
        }
        return key
    }

    private static func issuer(_ values: [String: String]) throws(SettingsError) -> Issuer? {
        let keys: Issuer.Keys?
        switch (values["JWT_JWKS_FILE"], values["JWT_JWKS_URL"]) {
        case (nil, nil): keys = nil
        case (let path?, nil): keys = .file(path)
        case (nil, let url?): keys = .url(url)
        case (_?, _?): throw SettingsError("JWT_JWKS_URL", "and JWT_JWKS_FILE exclude each other; set one of them")
        }
        switch (values["JWT_ISSUER"], values["JWT_AUDIENCE"], keys) {
        case (nil, nil, nil): return nil
        case (let issuer?, let audience?, let keys?):
            return Issuer(issuer: issuer, audience: audience, keys: keys)
        default:
            throw SettingsError(
                "JWT_ISSUER", "needs company; set JWT_ISSUER, JWT_AUDIENCE and JWT_JWKS_FILE or JWT_JWKS_URL together")
        }
    }
}

/// A value that cannot be used: which variable, and what to write instead.
struct SettingsError: Error, CustomStringConvertible {
    let description: String

    init(_ variable: String, _ complaint: String) { description = "\(variable) \(complaint)." }
}
