import Foundation

/// PostgreSQL's own client, past the service.
enum Psql {
    private static let options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]

    /// Runs statements; what they answer with, bare.
    @discardableResult
    static func run(_ statements: String, at url: String, in directory: ScratchDirectory) async throws -> String {
        let (status, output, errors) = try await ChildProcess.run(
            "psql", options + ["--command", statements, url], in: directory.path)
        guard status == .exited(0) else { throw StartFailure(description: errors) }
        return output.trimmed
    }

    /// Begins to run statements and does not wait for them.
    static func begin(_ statements: String, at url: String, in directory: ScratchDirectory) throws -> ChildProcess {
        try ChildProcess("psql", options + ["--command", statements, url], in: directory.path)
    }
}
