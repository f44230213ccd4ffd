import FleetTestSupport
import Foundation

/// A fresh database of one PostgreSQL, which `make test-integration` starts.
final class ScratchPostgres: Sendable {
    let url: String
    private let server: String
    private let name: String
    private let directory: ScratchDirectory

    init() async throws {
        guard let server = TestDatabase.postgresURL else { throw TestDatabase.NoServer() }
        directory = try ScratchDirectory()
        name = "scratch_\(UInt32.random(in: 0 ... .max))"
        self.server = server
        var url = URLComponents(string: server)
        url?.path = "/" + name
        self.url = url?.string ?? ""
        try await run("CREATE DATABASE \(name)", on: server)
    }

    func drop() async { _ = try? await run("DROP DATABASE \(name) WITH (FORCE)", on: server) }

    /// Runs statements past the service; what they answer with, bare.
    @discardableResult
    func execute(_ statements: String) async throws -> String { try await run(statements, on: url) }

    /// Begins to run statements and does not wait for them.
    func begin(_ statements: String) throws -> ChildProcess {
        try ChildProcess("psql", Self.options + ["--command", statements, url], in: directory.path)
    }

    private static let options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]

    @discardableResult
    private func run(_ statements: String, on address: String) async throws -> String {
        let (status, output, errors) = try await ChildProcess.run(
            "psql", Self.options + ["--command", statements, address], in: directory.path)
        guard status == .exited(0) else { throw StartFailure(description: errors) }
        return output.trimmed
    }
}
