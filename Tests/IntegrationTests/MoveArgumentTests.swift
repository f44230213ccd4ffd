import Foundation
import Testing

@Suite("migrate --from --to refuses, in one line that names the argument, and writes nothing")
struct MoveArgumentTests {
    private static let postgres = "postgres://127.0.0.1:9/none"

    private func complaint(in directory: ScratchDirectory, _ arguments: String...) async throws -> String {
        let run = try await ServiceProcess.run(in: directory, [:], ["migrate"] + arguments)
        #expect(run.status == .exited(1) && run.output == "" && run.errors.lines.count == 1, "\(run)")
        return run.errors.trimmed.replacing("fleet-coordination: ", with: "", maxReplacements: 1)
    }

    @Test(
        "what it cannot use",
        arguments: [
            (["--from", "sqlite://a.db"], "--from needs --to; name the database that everything goes to."),
            (["--to", postgres], "--to needs --from; name the database that everything comes from."),
            (
                ["--from", "mysql://h/a", "--to", postgres],
                "--from is not usable; write sqlite://PATH, as in sqlite://data/fleet.db, or postgres://HOST/NAME."
            ),
            (
                ["--from", "sqlite://a.db", "--to", "b.db"],
                "--to is not usable; write sqlite://PATH, as in sqlite://data/fleet.db, or postgres://HOST/NAME."
            ),
            (
                ["--from", "sqlite://a.db", "--to", "postgres://h:x/%zz"],
                "--to is not usable; write postgres://USER@HOST:PORT/NAME, special characters percent-encoded."
            ),
            (
                ["--from", "sqlite://a.db", "--to", "sqlite://./a.db"],
                "--to is the same database as --from; name an empty one."
            ),
            (["--from", postgres, "--to", postgres], "--to is the same database as --from; name an empty one."),
            (
                ["--from", "sqlite://a.db", "--to", "sqlite://b.db"],
                "--to is SQLite as --from is; copy its files instead."
            ),
            (["--from", postgres, "--to", postgres + "2"], "--to is PostgreSQL as --from is; use pg_dump."),
            (
                ["--from", "sqlite://a.db", "--to", postgres],
                "--from names a file that is not there; write sqlite:// and its path."
            ),
            (
                ["--database-url", "sqlite://a.db", "--from", "sqlite://a.db", "--to", postgres],
                "--database-url has no meaning beside --from and --to; leave it out."
            ),
        ])
    func given(arguments: [String], line: String) async throws {
        let directory = try ScratchDirectory()
        let run = try await ServiceProcess.run(in: directory, [:], ["migrate"] + arguments)
        #expect(run.status == .exited(1) && run.output == "", "\(run)")
        #expect(run.errors.trimmed == "fleet-coordination: " + line)
        #expect(!FileManager.default.fileExists(atPath: directory.data))
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/a.db"))
    }

    @Test("a source that is served, of another schema, or no database, and keys that are not the source's")
    func source() async throws {
        let directory = try ScratchDirectory()
        let from = "sqlite://" + directory.database
        let service = try await ServiceProcess.start(in: directory)
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                == "--from: \(directory.database) is in use by another process; stop what serves it.")
        try await service.stop()
        let unreachable = try await complaint(in: directory, "--from", from, "--to", Self.postgres)
        #expect(unreachable.hasPrefix("--to: connection to server at \"127.0.0.1\", port 9 failed"), "\(unreachable)")
        #expect(unreachable.hasSuffix("; check that it runs, the host and the port."), "\(unreachable)")

        try FileManager.default.moveItem(atPath: directory.data + "/keys.db", toPath: directory.path + "/keys.db")
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                .hasPrefix("DATA_DIR: keys.db is missing; restore it from its copy"))
        try FileManager.default.moveItem(atPath: directory.path + "/keys.db", toPath: directory.data + "/keys.db")
        try database(in: directory, "UPDATE service_settings SET value = x'00' WHERE name = 'key_store'")
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                .hasPrefix("DATA_DIR: keys.db holds the keys of another database"))

        try database(in: directory, "DELETE FROM fleet_schema_migrations WHERE version = 11")
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                == "--from: the schema is at version 10, not 11; run 'fleet-coordination migrate' first.")
        try database(in: directory, "INSERT INTO fleet_schema_migrations VALUES (99, 'later', 0)")
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                == "--from: the schema is at version 99, this program knows 11; run a newer program.")
        try database(in: directory, "DELETE FROM fleet_schema_migrations")
        #expect(
            try await complaint(in: directory, "--from", from, "--to", Self.postgres)
                == "--from: the schema is at version 0, not 11; run 'fleet-coordination migrate' first.")
        let noise = try directory.write(String(repeating: "no database ", count: 1000), to: "noise")
        #expect(
            try await complaint(in: directory, "--from", "sqlite://" + noise, "--to", Self.postgres)
                .hasPrefix("--from: this is not a database of the service, or it is damaged: "))
    }
}
