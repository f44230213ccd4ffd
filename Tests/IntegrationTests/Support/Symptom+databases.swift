import FleetTestSupport
import Foundation

extension Symptom {
    private static let damaged = "DATABASE_URL: this is not a database of the service, or it is damaged: <reason>."

    static let databases: [Symptom] = [
        Symptom(
            name: "a second process on one database",
            line: "fleet-coordination: DATABASE_URL: <path> is in use by another process."
        ) { directory in
            let first = try await ServiceProcess.start(in: directory)
            defer { withExtendedLifetime(first) {} }
            return try await run(directory)
        },
        stored(
            "a database of a newer program", "INSERT INTO fleet_schema_migrations VALUES (99, 'later', 0)",
            "DATABASE_URL: the schema is at version 99, this program knows <version>; run a newer program."),
        Symptom(
            name: "a user of PostgreSQL that may make no schema",
            line:
                "fleet-coordination: DATABASE_URL: the user may not make or change the schema and its roles: <reason>; "
                + "run 'fleet-coordination migrate' as one who may: docs/postgresql.md."
        ) { directory in
            guard TestDatabase.postgresURL != nil else { return nil }
            let user = try await WeakUser()
            let printed = try await run(directory, ["DATABASE_URL": user.url])
            await user.drop()
            return printed
        },
        Symptom(
            name: "a user of PostgreSQL that was not let into the schema",
            line:
                "fleet-coordination: DATABASE_URL: the schema is there, and the user may not use it; "
                + "grant the user fleet_coordination_writer: docs/postgresql.md."
        ) { directory in
            guard TestDatabase.postgresURL != nil else { return nil }
            let user = try await WeakUser()
            _ = try await run(directory, ["DATABASE_URL": user.database.url], ["migrate"])
            let printed = try await run(directory, ["DATABASE_URL": user.url])
            await user.drop()
            return printed
        },
        refusedStart(
            "a database of something else", [:],
            "DATABASE_URL: the database holds the tables of something else; name an empty one."
        ) { directory in
            try database(in: directory, "CREATE TABLE mine (a INTEGER)")
            return [:]
        },
        refusedStart("a file that is no database", [:], damaged) { directory in
            let noise = Data((0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 5) })
            try FileManager.default.createDirectory(atPath: directory.data, withIntermediateDirectories: true)
            try noise.write(to: URL(filePath: directory.database))
            return [:]
        },
        Symptom(name: "a database with damage inside", line: "fleet-coordination: " + damaged) { directory in
            _ = try await run(directory, [:], ["migrate"])
            let file = try FileHandle(forUpdating: URL(filePath: directory.database))
            // Whole pages after the first two, so that the header still looks right.
            try file.seek(toOffset: 8192)
            try file.write(contentsOf: Data(repeating: 0xa5, count: 65_536))
            try file.close()
            return try await run(directory)
        },
        restarted(
            "another encryption key",
            "ENCRYPTION_KEY_FILE: the data keys are wrapped by another key; name the file that holds that one."
        ) { directory in
            let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
            return ["ENCRYPTION_KEY_FILE": try directory.write(key, to: "another-key")]
        },
        restarted(
            "an encryption key that is gone",
            "ENCRYPTION_KEY_FILE: the data keys are wrapped by another key; name the file that holds that one."
        ) { directory in
            try FileManager.default.removeItem(atPath: directory.data + "/encryption-key")
            return [:]
        },
        restarted(
            "data keys that are gone",
            "DATA_DIR: keys.db is missing; restore it from its copy: "
                + "without it nobody can read what is sealed in the log."
        ) { directory in
            try FileManager.default.removeItem(atPath: directory.data + "/keys.db")
            return [:]
        },
        restarted(
            "the data keys of another database",
            "DATA_DIR: keys.db holds the keys of another database; restore the one that belongs to DATABASE_URL."
        ) { directory in ["DATABASE_URL": "sqlite://" + (try otherDatabase(in: directory))] },
        Symptom(
            name: "a rebuild without a database",
            line: "fleet-coordination: DATABASE_URL: <path> cannot be opened: unable to open database file."
        ) { directory in try await run(directory, [:], ["events", "rebuild"]) },
        Symptom(
            name: "a rebuild before the first migration",
            line: "fleet-coordination: DATABASE_URL: the schema is at version 0, not <version>; "
                + "run 'fleet-coordination migrate' first."
        ) { directory in
            try database(in: directory, "PRAGMA user_version = 1")
            return try await run(directory, [:], ["events", "rebuild"])
        },
        Symptom(
            name: "a table that is not what the log says",
            line: "api_keys <count> rows <hash> DIFFERS from <hash>"
        ) { directory in
            let service = try await ServiceProcess.start(in: directory)
            try await service.stop()
            try database(in: directory, "UPDATE api_keys SET name = 'changed'")
            return try await run(directory, [:], ["events", "rebuild"])
        },
        Symptom(
            name: "a checkpoint of another log",
            line: "fleet-coordination: --checkpoint is of another log; name the database that it is of."
        ) { directory in
            let file = try await saveCheckpoint(of: ScratchDirectory(), in: directory)
            try await ServiceProcess.start(in: directory).stop()
            return try await run(directory, [:], ["audit", "verify", "--checkpoint", file])
        },
        Symptom(
            name: "no checkpoint",
            line: "fleet-coordination: --checkpoint holds no checkpoint; save what GET /audit-log/checkpoint answers."
        ) { directory in
            let file = try directory.write("nothing", to: "checkpoint.json")
            return try await run(directory, [:], ["audit", "verify", "--checkpoint", file])
        },
        Symptom(
            name: "a record that was changed",
            line: "changed: the record at position <position>, record_id <id>, is not what was logged"
        ) { directory in
            let file = try await saveCheckpoint(of: directory, in: directory)
            try database(in: directory, "UPDATE events SET actor = 'changed' WHERE position = 1")
            return try await run(directory, [:], ["audit", "verify", "--checkpoint", file])
        },
    ]

    /// A second start, before which something was changed.
    private static func restarted(
        _ name: String, _ complaint: String, _ change: @escaping @Sendable (ScratchDirectory) throws -> [String: String]
    ) -> Symptom {
        Symptom(name: name, line: "fleet-coordination: " + complaint) { directory in
            try await ServiceProcess.start(in: directory).stop()
            return try await run(directory, try change(directory))
        }
    }

    /// A copy of the service's database that says it has other keys.
    private static func otherDatabase(in directory: ScratchDirectory) throws -> String {
        let path = directory.path + "/other.db"
        try FileManager.default.copyItem(atPath: directory.database, toPath: path)
        try Tamper.execute("UPDATE service_settings SET value = x'00' WHERE name = 'key_store'", on: path)
        return path
    }

    /// A start on a database of ours that was changed by hand.
    private static func stored(_ name: String, _ statement: String, _ complaint: String) -> Symptom {
        Symptom(name: name, line: "fleet-coordination: " + complaint) { directory in
            _ = try await run(directory, [:], ["migrate"])
            try database(in: directory, statement)
            return try await run(directory)
        }
    }
}

/// Saves the newest checkpoint of a service that runs as long as that takes. - Returns: the path of the file.
private func saveCheckpoint(of service: ScratchDirectory, in directory: ScratchDirectory) async throws -> String {
    let process = try await ServiceProcess.start(in: service)
    let checkpoint = try await process.waitForCheckpoint()
    try await process.stop()
    return try directory.write(checkpoint.text, to: "checkpoint.json")
}

/// Changes the database of `directory` behind the service's back, or makes one.
func database(in directory: ScratchDirectory, _ statement: String) throws {
    try FileManager.default.createDirectory(atPath: directory.data, withIntermediateDirectories: true)
    try Tamper.execute(statement, on: directory.database)
}
