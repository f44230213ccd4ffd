import ClickHouseBackend
import FleetDomain
import FleetService
import FleetStore
import Foundation
import SQLiteBackend

/// Looks at the database that is configured, and at the directory of the service's files.
struct DatabaseExamination: Sendable {
    let settings: Settings

    var name: String {
        switch settings.database {
        case .sqlite: "sqlite"
        case .postgres: "postgres"
        }
    }

    func examine(_ note: Notes) async throws {
        switch settings.database {
        case .sqlite(let path): try await examineFile(path, note)
        case .postgres: try await examineServer(note)
        }
    }

    // MARK: SQLite

    private func examineFile(_ path: String, _ note: Notes) async throws {
        note(.ok("configured", "embedded, in \(path): no server is needed"))
        Self.examineWriting(near: URL(filePath: path).deletingLastPathComponent().path, note)
        guard FileManager.default.fileExists(atPath: path) else {
            note(.ok("schema", "not made yet; the first start makes it"))
            return
        }
        let store = Store(database: try await SQLiteDatabase.openReadOnly(path: path))
        do {
            note(.ok("version", "SQLite \(try await store.database.sqliteVersion())"))
            if try await examineSchema(of: store, note) {
                try await examineKeys(note) { try await examineKeyFile(key: $0, of: store) }
            }
            note(try await .latency { _ = try await store.database.find(.ping) })
            await store.database.close()
        } catch {
            await store.database.close()
            throw error
        }
    }

    // MARK: PostgreSQL

    private static let versions = 13...17

    private func examineServer(_ note: Notes) async throws {
        let store = try await Store.openForReading(settings)
        let database = store.database
        note(.ok("reachable", "takes writes"))
        let facts = try await database.postgresFacts()
        note(.version("PostgreSQL", "\(facts.version / 10_000).\(facts.version % 10_000)", supported: Self.versions))
        if facts.isSuperuser {
            note(
                .warn(
                    "user", "is a superuser", "make a user that owns nothing but this database: docs/postgresql.md"))
        }
        do {
            let isCurrent = try await examineSchema(of: store, note)
            await examineRoles(database, facts, note)
            let keys = try await KeyStore.open(settings)
            await examineRights(database, keys.database, note)
            await examineIdentity(store, note)
            if isCurrent { try await examineKeys(note) { try await Vault.examine(keys, key: $0, of: store) } }
        } catch SchemaError.closed {
            note(.fail("schema", SchemaError.closed.problem, SchemaError.closed.advice))
        }
        note(try await .clock { try await database.postgresClock().milliseconds })
        note(try await .latency { _ = try await database.find(.ping) })
    }

    private func examineRoles(_ database: any SQLDatabase, _ facts: PostgresFacts, _ note: Notes) async {
        do {
            try await database.enterReaderRole()
            note(.ok("roles", "lists are read by a role of their own"))
        } catch {
            guard !facts.mayMakeRoles else {
                note(.ok("roles", "not made yet; the first start makes them"))
                return
            }
            note(
                .fail(
                    "roles", "lists cannot be read by a role of their own: \(words(of: error))",
                    "run 'fleet-coordination migrate' once as one who may make roles: docs/postgresql.md"))
        }
    }

    private func examineRights(_ log: any SQLDatabase, _ keys: any SQLDatabase, _ note: Notes) async {
        for (schema, database, isLog) in [("fleet_coordination", log, true), ("fleet_coordination_keys", keys, false)] {
            do {
                let table = isLog ? Tables.log : Tables.ofKeys[0]
                try await database.tryWriting(to: table, withExtension: isLog)
                note(.ok("permissions", "\(schema) can be made and written to"))
            } catch {
                note(
                    .fail(
                        "permissions", "\(schema) cannot be made or written to: \(words(of: error))",
                        "grant the user CREATE on the database, or give it schemas of its own: docs/postgresql.md"))
            }
        }
    }

    private func examineIdentity(_ store: Store, _ note: Notes) async {
        do {
            try await store.requireServerIdentity()
        } catch StoreError.forbidden(let reason) {
            note(
                .fail(
                    "permissions", "a fail-over cannot be noticed: \(reason)", "grant the user EXECUTE on that function"
                ))
        } catch {
            note(.fail("permissions", "the server does not say which it is: \(words(of: error))", "see its log"))
        }
    }

    // MARK: Both

    /// - Returns: whether it is there, and as it should be.
    /// - Throws: `SchemaError.closed`, after which there is nothing more to look at.
    private func examineSchema(of store: Store, _ note: Notes) async throws -> Bool {
        do {
            try await store.requireCurrentSchema()
            note(.ok("schema", "is current"))
            return true
        } catch let error as SchemaError {
            switch error {
            case .behind(found: 0, _): note(.ok("schema", "not made yet; the first start makes it"))
            // A start takes the steps, too.
            case .behind: note(.warn("schema", error.problem, error.advice))
            case .newer, .foreign, .forbidden, .incomplete: note(.fail("schema", error.problem, error.advice))
            case .closed: throw error
            }
            return false
        }
    }

    /// Whether the data keys can be unwrapped.
    private func examineKeys(
        _ note: Notes, _ isMade: (_ key: KeyEncryptionKey?) async throws -> Bool
    ) async throws {
        do {
            let isMade = try await isMade(try encryptionKey())
            note(.ok("keys", isMade ? "can be unwrapped" : "not made yet; the first start makes them"))
        } catch let error as VaultError {
            note(.fail("keys", error.problem, error.advice))
        }
    }

    private func examineKeyFile(key: KeyEncryptionKey?, of store: Store) async throws -> Bool {
        let path = KeyStore.path(in: settings.dataDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return false }
        let keys = KeyStore(database: try await SQLiteDatabase.openReadOnly(path: path))
        do {
            let isMade = try await Vault.examine(keys, key: key, of: store)
            await keys.database.close()
            return isMade
        } catch {
            await keys.database.close()
            throw error
        }
    }

    /// The one that is configured, or else the one that the service has made.
    private func encryptionKey() throws -> KeyEncryptionKey? {
        if let key = settings.encryptionKey { return key }
        let path = EncryptionKeyFile.path(in: settings.dataDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try Settings.encryptionKey(inFile: path, named: path)
    }

    /// Whether what ClickHouse has is of this database's log. Where this cannot be read, that is said already.
    func examineOwner(of clickHouse: ClickHouse, _ note: Notes) async throws {
        guard let owner = try await clickHouse.installation(), let own = try? await installation(), own != owner
        else { return }
        note(.fail("schema", "its database is that of another installation", "set CLICKHOUSE_DATABASE"))
    }

    /// - Returns: nothing that is one where the log was never handed on.
    private func installation() async throws -> String {
        if case .sqlite(let path) = settings.database, !FileManager.default.fileExists(atPath: path) { return "" }
        let store = try await Store.openForReading(settings)
        let own: Result<String, any Error>
        do {
            try await store.requireCurrentSchema()
            own = .success(try await AnalyticsSink.installation(of: store) ?? "")
        } catch SchemaError.behind(found: 0, _) {
            own = .success("")
        } catch {
            own = .failure(error)
        }
        await store.database.close()
        return try own.get()
    }

    /// The directory of the service's files, which also a service on PostgreSQL writes to.
    func examineFiles(_ note: Notes) { Self.examineWriting(near: settings.dataDirectory, note) }

    /// Writes a file and removes it; of a directory that is not there yet, in the one that it would be made in.
    private static func examineWriting(near path: String, _ note: Notes) {
        var directory = URL(filePath: path).standardizedFileURL
        while !FileManager.default.fileExists(atPath: directory.path), directory.path != "/" {
            directory.deleteLastPathComponent()
        }
        let probe = directory.path + "/.doctor-\(UUID().uuidString)"
        guard FileManager.default.createFile(atPath: probe, contents: Data()) else {
            note(
                .fail(
                    "permissions", "no file can be written in \(directory.path)",
                    "let the service's user write there, or name another directory"))
            return
        }
        try? FileManager.default.removeItem(atPath: probe)
        note(.ok("permissions", "files can be written in \(directory.path)"))
    }
}

/// An error as one line.
func words(of error: any Error) -> String { (error as? StoreError)?.reason ?? "\(error)" }
