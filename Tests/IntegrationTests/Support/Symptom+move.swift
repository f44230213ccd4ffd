/// What `migrate --from --to` refuses without a PostgreSQL.
extension Symptom {
    private static let nobody = "postgres://127.0.0.1:9/none"

    static let moves: [Symptom] = [
        Symptom(
            name: "a database that was not filled to the end",
            line: "fleet-coordination: DATABASE_URL: the database was not filled to the end; "
                + "run 'fleet-coordination migrate --from … --to …' again."
        ) { directory in
            _ = try await run(directory, [:], ["migrate"])
            try database(
                in: directory, "INSERT INTO fleet_schema_migrations VALUES (\(Int64.max), 'incomplete', 0)")
            return try await run(directory)
        },
        Symptom(
            name: "a move from what is served",
            line: "fleet-coordination: --from: <path> is in use by another process; stop what serves it."
        ) { directory in
            let first = try await ServiceProcess.start(in: directory)
            defer { withExtendedLifetime(first) {} }
            return try await move(directory, to: nobody)
        },
        Symptom(
            name: "a move before the first migration",
            line: "fleet-coordination: --from: the schema is at version 0, not <version>; "
                + "run 'fleet-coordination migrate' first."
        ) { directory in
            try database(in: directory, "PRAGMA user_version = 1")
            return try await move(directory, to: nobody)
        },
        Symptom(
            name: "a move from a file that is not there",
            line: "fleet-coordination: --from names a file that is not there; write sqlite:// and its path."
        ) { directory in try await move(directory, to: nobody) },
        Symptom(
            name: "a move to where nobody listens",
            line: "fleet-coordination: --to: connection to server at \"127.0.0.1\", port 9 failed: <reason>; "
                + "check that it runs, the host and the port."
        ) { directory in
            _ = try await run(directory, [:], ["migrate"])
            return try await move(directory, to: nobody)
        },
        Symptom(
            name: "a move to the same engine",
            line: "fleet-coordination: --to is SQLite as --from is; copy its files instead."
        ) { directory in try await move(directory, to: "sqlite://other.db") },
        Symptom(
            name: "half of a move",
            line: "fleet-coordination: --to needs --from; name the database that everything comes from."
        ) { directory in try await run(directory, [:], ["migrate", "--to", nobody]) },
    ]

    private static func move(_ directory: ScratchDirectory, to target: String) async throws -> Printed {
        try await run(directory, [:], ["migrate", "--from", "sqlite://" + directory.database, "--to", target])
    }
}
