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
        try await Psql.run("CREATE DATABASE \(name)", at: server, in: directory)
    }

    /// - Parameter role: one that was made for it, and goes with it.
    func drop(with role: String? = nil) async {
        _ = try? await Psql.run("DROP DATABASE \(name) WITH (FORCE)", at: server, in: directory)
        if let role { _ = try? await Psql.run("DROP ROLE \(role)", at: server, in: directory) }
    }

    /// Runs statements past the service; what they answer with, bare.
    @discardableResult
    func execute(_ statements: String) async throws -> String {
        try await Psql.run(statements, at: url, in: directory)
    }

    /// Begins to run statements and does not wait for them.
    func begin(_ statements: String) throws -> ChildProcess { try Psql.begin(statements, at: url, in: directory) }
}
