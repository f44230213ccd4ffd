import Foundation
import Synchronization

/// A program that this test started, with its output in files.
///
/// Foundation's own `Process` takes the exit status away from `waitpid`, and needs a run loop to be told of it.
final class ChildProcess: Sendable {
    enum Status: Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    let id: pid_t
    private let outputPath: String
    private let errorPath: String
    private let status = Mutex<Status?>(nil)

    /// - Parameters:
    ///   - program: a path, or a name to look for in PATH.
    ///   - environment: all that the program gets, besides PATH, HOME and TMPDIR.
    ///   - directory: where it runs and, in a folder of their own, its outputs go.
    init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], in directory: String
    ) throws {
        let logs = "\(directory)/output-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
        outputPath = logs + "/stdout"
        errorPath = logs + "/stderr"
        let inherited = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "TMPDIR"].contains($0.key) }
        let variables = inherited.merging(environment) { _, new in new }.map { "\($0.key)=\($0.value)" }
        // env changes the directory and then becomes the program, under the same id.
        let command = ["env", "--chdir=\(directory)", program] + arguments
        id = try Self.spawn(command, variables, outputPath, errorPath)
    }

    deinit {
        guard status.withLock({ $0 }) == nil else { return }
        Foundation.kill(id, SIGKILL)
        waitpid(id, nil, 0)
    }

    /// Another test's connection must not live on in a child.
    private static func closeOnSpawn() {
        for descriptor in Int32(3)..<1024 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    }

    private static func spawn(
        _ arguments: [String], _ variables: [String], _ output: String, _ error: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        closeOnSpawn()
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = variables.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, arguments[0], &actions, nil, argv, envp)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO) }
        return id
    }
}

extension ChildProcess {
    var output: String { contents(of: outputPath) }
    var errors: String { contents(of: errorPath) }

    func send(_ signal: Int32) { Foundation.kill(id, signal) }

    /// The status, once it has ended; does not wait.
    var ended: Status? {
        status.withLock { status in
            var word: Int32 = 0
            if status == nil, waitpid(id, &word, WNOHANG) == id {
                status = word & 0x7f == 0 ? .exited(word >> 8 & 0xff) : .signalled(word & 0x7f)
            }
            return status
        }
    }

    /// Waits until it has ended by itself.
    /// - Throws: `TimedOut` after `limit`; it is killed then.
    @discardableResult
    func exit(within limit: Duration = .seconds(30)) async throws -> Status {
        do {
            return try await eventually("the end of process \(id)", within: limit, every: .milliseconds(4)) {
                self.ended
            }
        } catch {
            send(SIGKILL)
            throw error
        }
    }

    /// Runs a program to its end.
    static func run(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], in directory: String,
        within limit: Duration = .seconds(60)
    ) async throws -> (status: Status, output: String, errors: String) {
        let child = try ChildProcess(program, arguments, environment: environment, in: directory)
        let status = try await child.exit(within: limit)
        return (status, child.output, child.errors)
    }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Waits until `probe` has an answer, asking again and again.
func eventually<Answer>(
    _ what: String, within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(10),
    _ probe: () async throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    while true {
        if let answer = try await probe() { return answer }
        guard ContinuousClock.now < deadline else { throw TimedOut(description: "waited \(limit) for \(what)") }
        try await Task.sleep(for: pause)
    }
}
