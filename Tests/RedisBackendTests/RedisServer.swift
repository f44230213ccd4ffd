import FleetService
import Foundation
import Logging
import RedisBackend
import ServiceLifecycle
import Synchronization
import Testing

/// A real Redis of this test, on a spare port of the loopback address and in a folder of its own; ended by its id.
final class RedisServer: Sendable {
    /// Debian's redis-tools has the server under another name: it is what it is called. `FLEET_REDIS_SERVER` names another
    /// one, such as a Valkey.
    static let program: String? = [
        ProcessInfo.processInfo.environment["FLEET_REDIS_SERVER"], "/usr/bin/redis-check-rdb",
        "/usr/local/bin/redis-check-rdb",
    ].compactMap(\.self).first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Says loudly that nothing was tested.
    static let isInstalled: Bool = {
        if program == nil {
            FileHandle.standardError.write(
                Data("SKIPPED: the tests of Redis need redis-tools; run scripts/install-dependencies test\n".utf8))
        }
        return program != nil
    }()

    let port: Int
    let folder: String
    private let isSentinel: Bool
    private let configuration: String
    private let id = Mutex<pid_t>(0)

    /// - Parameters:
    ///   - configuration: lines of redis.conf, in which `FOLDER` stands for the server's own.
    ///   - isSentinel: keeps watch instead of serving.
    init(_ configuration: String = "", isSentinel: Bool = false) throws {
        port = try Self.sparePort()
        folder = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString)").path
        self.isSentinel = isSentinel
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.configuration = """
            bind 127.0.0.1
            port \(port)
            dir \(folder)
            logfile \(folder)/log
            \(isSentinel ? "" : "save \"\"")
            \(configuration.replacingOccurrences(of: "FOLDER", with: folder))

            """
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var address: ServerAddress { ServerAddress(host: "127.0.0.1", port: port) }

    var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    /// Starts it, and returns when it takes connections.
    func start() async throws {
        let file = folder + "/redis.conf"
        // A Sentinel writes into its own.
        if !FileManager.default.fileExists(atPath: file) {
            try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        }
        let program = try #require(Self.program)
        // Somebody's connection may use the port for a moment.
        for _ in 0..<50 {
            try? FileManager.default.removeItem(atPath: folder + "/log")
            id.withLock {
                $0 = Child.spawn(program, as: "redis-server", [file] + (isSentinel ? ["--sentinel"] : []))
            }
            try await eventually("the start of a server: \(log)") { isReady || isRefused }
            if isReady { return }
            kill()
            try await Task.sleep(for: .milliseconds(200))
        }
        Issue.record("no start of a server: \(log)")
    }

    private var isReady: Bool { log.contains(isSentinel ? "Sentinel ID is" : "Ready to accept connections") }
    private var isRefused: Bool { log.contains("Address already in use") }

    func signal(_ signal: Int32) { id.withLock { if $0 > 0 { _ = Foundation.kill($0, signal) } } }

    /// As a loss of power would.
    func kill() {
        id.withLock { id in
            guard id > 0 else { return }
            _ = Foundation.kill(id, SIGKILL)
            waitpid(id, nil, 0)
            id = 0
        }
    }

    /// What redis-cli prints.
    @discardableResult
    func command(_ words: String...) -> String {
        Child.output("redis-cli", ["-h", "127.0.0.1", "-p", String(port)] + words)
    }

    /// Whether users are held to channels: since Redis 6.2.
    static let knowsChannels: Bool = {
        guard let program else { return false }
        let said = Child.output(program, as: "redis-server", ["--version"])
        return !said.contains("v=6.0.")
    }()

    /// The bus of a cluster listens 10,000 above its port.
    private static let portMax = 55_000

    private static func sparePort() throws -> Int {
        for _ in 0..<100 {
            let port = try anyPort()
            if port <= portMax { return port }
        }
        return try anyPort()
    }

    private static func anyPort() throws -> Int {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, length) == 0 ? getsockname(socket, pointer, &length) : -1
            }
        }
        try #require(code == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// Programs that a test starts.
enum Child {
    static func spawn(_ program: String, as name: String, _ arguments: [String], output: String = "/dev/null") -> pid_t
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Another test's connection must not live on in it.
        for descriptor in Int32(3)..<1024 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let argv = ([name] + arguments).map { strdup($0) } + [nil]
        defer { for text in argv { free(text) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, program, &actions, nil, argv, environ)
        return code == 0 ? id : 0
    }

    /// Runs a program to its end.
    static func output(_ program: String, as name: String? = nil, _ arguments: [String]) -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "output-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let id = spawn(program, as: name ?? program, arguments, output: file)
        guard id > 0 else { return "\(program) cannot be run" }
        waitpid(id, nil, 0)
        return ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").trimmingCharacters(in: .newlines)
    }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Waits until `probe` says so, asking again and again.
func eventually(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(20), _ probe: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while !(try await probe()) {
        guard ContinuousClock.now < deadline else { throw TimedOut(description: "waited \(limit) for \(what())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

extension RedisOptions {
    /// Tests share two cores with others: what is late there is no fault.
    static func of(_ server: RedisServer) -> RedisOptions {
        var options = RedisOptions()
        options.addresses = [server.address]
        options.patience = .seconds(2)
        options.connectPatience = .seconds(2)
        return options
    }
}

extension RedisCache {
    static let silence = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs a cache for as long as `body` takes.
    static func run<Result: Sendable>(
        _ options: RedisOptions, breaker: CircuitBreaker = CircuitBreaker(), isUsable: Bool = true,
        _ body: (RedisCache) async throws -> Result
    ) async throws -> Result {
        let cache = RedisCache(options, breaker: breaker)
        let running = Task { try await cache.run() }
        defer { running.cancel() }
        if isUsable { try await eventually("the use of a server") { await cache.reason == nil } }
        let result = try await body(cache)
        running.cancel()
        _ = await running.result
        return result
    }

    /// Why it cannot be used now; nil when it can.
    var reason: String? {
        get async {
            do {
                try await check()
                return nil
            } catch {
                return "\(error)"
            }
        }
    }

    func value(_ name: String) async -> CachedValue? { await values([name])[0] }
}

extension CachedValue {
    init(_ version: Int64, _ text: String) { self.init(version: version, bytes: Array(text.utf8)) }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
