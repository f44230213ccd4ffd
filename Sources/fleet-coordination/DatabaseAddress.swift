import FleetStore
import Foundation
import PostgresBackend
import SQLiteBackend

/// Where the log and its tables are.
enum DatabaseAddress: Sendable {
    case sqlite(path: String)
    case postgres(PostgresAddress)
}

/// What PostgreSQL is reached by; the log's tables and the data keys are in schemas of their own.
struct PostgresAddress: Sendable {
    /// May hold the password.
    let url: String
    let password: String?
    let poolSize: Int
    let statementTimeout: Duration

    fileprivate func configuration(
        schema: String, readers: Int
    ) throws(StoreError) -> PostgresConfiguration {
        try PostgresConfiguration(
            url: url, password: password, schema: schema, readers: readers, statementTimeout: statementTimeout)
    }
}

extension Settings {
    static func database(
        _ values: [String: String], dataDirectory: String
    ) throws(SettingsError) -> DatabaseAddress {
        guard let url = values["DATABASE_URL"] else { return .sqlite(path: dataDirectory + "/fleet-coordination.db") }
        return try database(at: url, named: "DATABASE_URL", values)
    }

    /// - Parameter name: the variable or the option that holds `url`.
    static func database(
        at url: String, named name: String, _ values: [String: String]
    ) throws(SettingsError) -> DatabaseAddress {
        if url.hasPrefix("sqlite://"), url.count > "sqlite://".count {
            return .sqlite(path: String(url.dropFirst("sqlite://".count)))
        }
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw SettingsError(
                name,
                "is not usable; write sqlite://PATH, as in sqlite://data/fleet.db, or postgres://HOST/NAME")
        }
        let address = PostgresAddress(
            url: url, password: try secret(values, "DATABASE_PASSWORD"),
            poolSize: try number(values, "DATABASE_POOL_SIZE", 1...256, of: "connections") ?? 8,
            statementTimeout: .milliseconds(
                try number(values, "DATABASE_STATEMENT_TIMEOUT_MS", 100...600_000, of: "milliseconds") ?? 10_000))
        do throws(StoreError) {
            _ = try address.configuration(schema: "", readers: 1)
        } catch {
            throw SettingsError(
                name, "is not usable; write postgres://USER@HOST:PORT/NAME, special characters percent-encoded")
        }
        return .postgres(address)
    }
}

extension Store {
    /// Opens the configured database, for this process alone if it is a file; makes its directory if need be.
    static func open(_ settings: Settings) async throws -> Store {
        switch settings.database {
        case .sqlite(let path):
            try makeDirectories([settings.dataDirectory, URL(filePath: path).deletingLastPathComponent().path])
            return Store(database: try await SQLiteDatabase.open(path: path))
        case .postgres(let address):
            let configuration = try address.configuration(schema: "fleet_coordination", readers: address.poolSize)
            let database = try await PostgresDatabase.open(configuration)
            // Whoever cannot start writes nothing.
            try makeDirectories([settings.dataDirectory])
            return Store(database: database)
        }
    }

    /// Opens the configured database beside those who serve it.
    static func openForReading(_ settings: Settings) async throws -> Store {
        switch settings.database {
        case .sqlite(let path): Store(database: try await SQLiteDatabase.openReadOnly(path: path))
        case .postgres(let address):
            Store(
                database: try await PostgresDatabase.open(
                    try address.configuration(schema: "fleet_coordination", readers: 2)))
        }
    }

    static func makeDirectories(_ paths: [String]) throws(SettingsError) {
        for path in paths {
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw SettingsError("DATA_DIR", "or DATABASE_URL names a directory that cannot be made: \(path)")
            }
        }
    }
}

extension KeyStore {
    /// Where it is, when it is a file.
    static func path(in directory: String) -> String { directory + "/keys.db" }

    /// Opens the store of keys: a file beside that of the log, or on PostgreSQL, where all replicas need it, a schema.
    static func open(_ settings: Settings) async throws -> KeyStore {
        switch settings.database {
        case .sqlite:
            KeyStore(
                database: try await SQLiteDatabase.open(
                    path: path(in: settings.dataDirectory), readers: 1, secureDelete: true))
        case .postgres(let address):
            KeyStore(
                database: try await PostgresDatabase.open(
                    try address.configuration(schema: "fleet_coordination_keys", readers: 2)))
        }
    }
}
