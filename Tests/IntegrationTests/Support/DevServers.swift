import Foundation

/// Real servers of this test alone, by `scripts/dev-deps`, each behind a proxy that fails on command.
final class DevServers {
    enum Name: String, CaseIterable {
        case postgres, redis, kafka, clickhouse
    }

    /// What a service needs to reach them through their proxies.
    private(set) var environment: [String: String]
    private let set: DevSet
    private var proxies: [Name: FaultyProxy] = [:]

    init() async throws {
        // A broker tells its clients where it is.
        let kafkaPort = ServiceProcess.sparePort()
        set = try await DevSet([], ["DEV_DEPS_KAFKA_ADVERTISED": "127.0.0.1:\(kafkaPort)"])
        environment = set.environment
        for name in Name.allCases {
            let target = try address(of: name)
            let port = name == .kafka ? kafkaPort : nil
            let proxy = try await FaultyProxy(to: target, port: port, in: set.directory)
            proxies[name] = proxy
            let variable = Self.variable(of: name)
            environment[variable] = environment[variable]?.replacing(target, with: "127.0.0.1:\(proxy.port)")
        }
    }

    /// The setting that says where it is.
    static func variable(of name: Name) -> String {
        switch name {
        case .postgres: "DATABASE_URL"
        case .redis: "REDIS_ADDR"
        case .kafka: "KAFKA_BROKERS"
        case .clickhouse: "CLICKHOUSE_ADDR"
        }
    }

    /// Where it is, without its proxy.
    private func address(of name: Name) throws -> String {
        "127.0.0.1:" + contents(of: "\(set.path)/\(name.rawValue)/port").trimmed
    }

    /// The settings of one server.
    func environment(of name: Name) -> [String: String] {
        let prefix = Self.variable(of: name).prefix { $0 != "_" } + "_"
        return environment.filter { $0.key.hasPrefix(prefix) || $0.key == "LD_LIBRARY_PATH" }
    }

    func proxy(_ name: Name) throws -> FaultyProxy {
        guard let proxy = proxies[name] else { throw StartFailure(description: "no proxy for \(name)") }
        return proxy
    }

    /// `kill`, `freeze`, `thaw` or `restart`.
    func change(_ verb: String, _ name: Name) async throws { try await set.run([verb, name.rawValue]) }

    func stop() async throws { try await set.run(["stop"]) }
}

/// Servers that `scripts/dev-deps` has started in a directory of their own.
final class DevSet {
    /// What it prints to be exported.
    private(set) var environment: [String: String] = [:]
    let directory: ScratchDirectory
    var path: String { directory.path + "/set" }

    /// What a test has left running when it failed goes, too.
    deinit {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let stop = Process()
        stop.executableURL = URL(filePath: checkout + "/scripts/dev-deps")
        stop.arguments = ["stop"]
        stop.environment = ProcessInfo.processInfo.environment.merging(["DEV_DEPS_DIR": path]) { $1 }
        stop.standardOutput = FileHandle.nullDevice
        guard (try? stop.run()) != nil else { return }
        stop.waitUntilExit()
    }

    /// - Parameter names: of servers; none is the four that a service may use.
    init(_ names: [String], _ settings: [String: String] = [:]) async throws {
        // Shorter than the temporary directory may be: the path of a socket has a limit.
        directory = try ScratchDirectory()
        // Servers that run as another user pass through.
        chmod(directory.path, 0o711)
        let started = try await run(["start"] + names, settings)
        for line in started.lines where line.hasPrefix("export ") {
            let parts = line.dropFirst("export ".count).split(separator: "=", maxSplits: 1)
            environment[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
    }

    @discardableResult
    func run(_ arguments: [String], _ settings: [String: String] = [:]) async throws -> String {
        let (status, output, errors) = try await ChildProcess.run(
            checkout + "/scripts/dev-deps", arguments,
            environment: ["DEV_DEPS_DIR": path].merging(settings) { $1 }, in: directory.path, within: .seconds(180))
        guard status == .exited(0) else { throw StartFailure(description: "dev-deps \(arguments): \(errors)") }
        return output
    }
}

/// `scripts/servers/faulty-proxy.py` before one server.
final class FaultyProxy {
    let port: Int
    private let child: ChildProcess
    private let control: RawConnection

    init(to address: String, port: Int?, in directory: ScratchDirectory) async throws {
        let child = try ChildProcess(
            checkout + "/scripts/servers/faulty-proxy.py", [address] + (port.map { ["--port", "\($0)"] } ?? []),
            in: directory.path)
        self.child = child
        let ports = try await eventually("the proxy of \(address)") {
            child.output.firstMatch(of: /port=([0-9]+) control=([0-9]+)\n/).map { (Int($0.1), Int($0.2)) }
        }
        self.port = ports.0 ?? 0
        control = try RawConnection(port: ports.1 ?? 0)
    }

    /// In force when it returns.
    func tell(_ command: String) throws {
        try control.send(command + "\n")
        let answer = control.receive(until: "\n")
        guard answer == "ok\n" else { throw StartFailure(description: "the proxy says \(answer) to \(command)") }
    }
}

/// `Tests/Peers/scripted-server.py`.
final class ScriptedServer {
    let address: String
    private let child: ChildProcess

    init(_ kind: String, in directory: ScratchDirectory) async throws {
        let child = try ChildProcess(checkout + "/Tests/Peers/scripted-server.py", [kind], in: directory.path)
        self.child = child
        let port = try await eventually("\(kind): \(child.errors)") {
            child.output.hasSuffix("\n") ? Int(child.output.trimmed) : nil
        }
        address = "127.0.0.1:\(port)"
    }
}
