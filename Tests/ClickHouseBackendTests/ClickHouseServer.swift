import AsyncHTTPClient
import ClickHouseBackend
import FleetService
import FleetTestSupport
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A real ClickHouse: the one that `CLICKHOUSE_ADDR` names, or one that scripts/dev-deps starts for these tests, which can
/// then be killed and frozen, too.
final class ClickHouseServer: Sendable {
    private static let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let shared = Mutex<ClickHouseServer?>(nil)

    let address: ClickHouseSettings.Address
    private let admin: (name: String, password: String)
    /// Who may do nothing in the databases of tests; nil where nobody is known to be so.
    let user: (name: String, password: String)?
    /// Of the servers that were started; nil is the caller's own.
    private let scratch: Scratch?

    private init(_ environment: [String: String], _ scratch: Scratch?) throws {
        guard let address = environment["CLICKHOUSE_ADDR"].flatMap({ ClickHouseSettings.Address($0) }) else {
            throw Failure("there is no address of ClickHouse")
        }
        self.address = address
        let name = environment["CLICKHOUSE_ADMIN_USERNAME"] ?? environment["CLICKHOUSE_USERNAME"] ?? "default"
        let password = environment["CLICKHOUSE_ADMIN_PASSWORD"] ?? environment["CLICKHOUSE_PASSWORD"] ?? ""
        admin = (name, password)
        user = environment["CLICKHOUSE_ADMIN_USERNAME"].flatMap { _ in
            environment["CLICKHOUSE_USERNAME"].map { ($0, environment["CLICKHOUSE_PASSWORD"] ?? "") }
        }
        self.scratch = scratch
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    // MARK: Its life

    static var isProvided: Bool { ProcessInfo.processInfo.environment["CLICKHOUSE_ADDR"] != nil }

    /// Whether there is one, or one can be had.
    static var isAvailable: Bool {
        guard !isProvided, !FileManager.default.fileExists(atPath: checkout + "/.build/server-venv/bin/python3") else {
            return true
        }
        let text = "SKIPPED: all tests against a real ClickHouse. 'scripts/install-dependencies servers' gets one.\n"
        FileHandle.standardError.write(Data(text.utf8))
        return false
    }

    static func start() async throws {
        guard !isProvided else {
            return shared.withLock { $0 = try? ClickHouseServer(ProcessInfo.processInfo.environment, nil) }
        }
        let scratch = try Scratch()
        let output = try await run(["start", "clickhouse"], in: scratch)
        var environment: [String: String] = [:]
        for line in output.split(separator: "\n") where line.hasPrefix("export ") {
            let parts = line.dropFirst(7).split(separator: "=", maxSplits: 1)
            if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
        }
        let server = try ClickHouseServer(environment, scratch)
        shared.withLock { $0 = server }
    }

    static func stop() async {
        guard let scratch = shared.withLock({ $0 })?.scratch else { return }
        _ = try? await run(["stop"], in: scratch)
    }

    static var current: ClickHouseServer {
        get throws {
            guard let server = shared.withLock({ $0 }) else { throw Failure("ClickHouse was not started") }
            return server
        }
    }

    var canBeBroken: Bool { scratch != nil }

    func kill() async throws { try await control("kill") }
    func restart() async throws { try await control("restart") }
    func freeze() async throws { try await control("freeze") }
    func thaw() async throws { try await control("thaw") }

    private func control(_ verb: String) async throws {
        guard let scratch else { throw Failure("it is the caller's own") }
        _ = try await Self.run([verb, "clickhouse"], in: scratch)
    }

    /// Runs scripts/dev-deps to its end, on a set of servers of its own; waits on no thread that tests run on.
    private static func run(_ arguments: [String], in scratch: Scratch) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try spawn(arguments, in: scratch) }) }
        }
    }

    private static func spawn(_ arguments: [String], in scratch: Scratch) throws -> String {
        let output = scratch.path + "/output"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Another test's connection must not live on in a server.
        for descriptor in Int32(3)..<1024 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let kept = ProcessInfo.processInfo.environment.filter { ["PATH", "HOME", "TMPDIR"].contains($0.key) }
        let variables = kept.merging(["DEV_DEPS_DIR": scratch.path + "/servers"]) { _, new in new }
        let argv = ([checkout + "/scripts/dev-deps"] + arguments).map { strdup($0) } + [nil]
        let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var (id, status): (pid_t, Int32) = (0, 0)
        guard posix_spawn(&id, checkout + "/scripts/dev-deps", &actions, nil, argv, envp) == 0,
            waitpid(id, &status, 0) == id, status == 0
        else { throw Failure("scripts/dev-deps \(arguments.joined(separator: " ")) failed") }
        return (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
    }

    // MARK: What it is asked

    /// A database that is gone when `body` is over, with what connects to it.
    static func database<Answer: Sendable>(
        _ body: @Sendable (ClickHouseSettings, ClickHouseServer) async throws -> Answer
    ) async throws -> Answer {
        let server = try current
        let name = "test_\(UInt64.random(in: 0...UInt64.max))"
        _ = try await server.ask("CREATE DATABASE \(name)", in: "default")
        var settings = ClickHouseSettings(addresses: [server.address])
        (settings.username, settings.password) = server.admin
        settings.database = name
        // The clock of tests stands still.
        settings.retentionDays = 3650
        let result: Result<Answer, any Error>
        do { result = .success(try await body(settings, server)) } catch { result = .failure(error) }
        _ = try await server.ask("DROP DATABASE \(name) SYNC", in: "default")
        return try result.get()
    }

    /// Asks as the administrator, and answers with text.
    func ask(_ sql: String, in database: String) async throws -> String {
        var request = HTTPClientRequest(url: "http://\(address.server)/?database=\(database)")
        request.method = .POST
        request.headers = ["X-ClickHouse-User": admin.name, "X-ClickHouse-Key": admin.password]
        request.body = .bytes(ByteBuffer(string: sql))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        guard response.status == .ok else { throw Failure(text) }
        return text.trimmingCharacters(in: .newlines)
    }
}

/// Has one server for all tests of the suite.
struct ServerScope: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await ClickHouseServer.start()
        do {
            try await function()
        } catch {
            await ClickHouseServer.stop()
            throw error
        }
        await ClickHouseServer.stop()
    }
}

/// Waits until `condition` holds, for twenty seconds at most.
func eventually(_ what: String, _ condition: @Sendable () async throws -> Bool) async throws {
    let limit = ContinuousClock.now + .seconds(20)
    while try await !condition() {
        guard ContinuousClock.now < limit else { throw ClickHouseServer.Failure("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

@Suite(
    "ClickHouse", .serialized, .timeLimit(.minutes(Effort.minutes(3))), ServerScope(),
    .enabled("a ClickHouse can be had") { ClickHouseServer.isAvailable })
struct ClickHouseTests {}
