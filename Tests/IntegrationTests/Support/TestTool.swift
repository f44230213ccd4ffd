import Foundation

/// A program of others that checks what the service gives; `scripts/install-dependencies test` installs them.
enum TestTool {
    private static let path = [checkout + "/.build/test-venv/bin", ProcessInfo.processInfo.environment["PATH"] ?? ""]
        .joined(separator: ":")

    static func run(
        _ program: String, _ arguments: [String], in directory: ScratchDirectory
    ) async throws -> (status: ChildProcess.Status, output: String, errors: String) {
        try await ChildProcess.run(
            "env", ["PATH=\(path)", program] + arguments, in: directory.path)
    }
}
