import Foundation

/// The built service as a process of its own, on a spare port of the loopback address.
final class ServiceProcess: Sendable {
    let child: ChildProcess
    let port: Int
    /// The administrator's key: the configured one, or the one that its first start made.
    let adminKey: String
    /// Kept for as long as the service runs.
    private let directory: ScratchDirectory

    private init(_ child: ChildProcess, _ port: Int, _ adminKey: String, _ directory: ScratchDirectory) {
        self.directory = directory
        self.child = child
        self.port = port
        self.adminKey = adminKey
    }

    /// The program beside the tests' own.
    static let program: String = {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        // On some systems the tests lie deeper, in a bundle.
        for _ in 0..<4 {
            let candidate = folder.appending(path: "fleet-coordination").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder = folder.deletingLastPathComponent()
        }
        preconditionFailure("fleet-coordination is not built; run swift build --build-tests")
    }()

    /// Others may take a spare port before the service does.
    private static let attempts = 5

    /// Starts the service in `directory`, with its data in `data` there, and waits until it is ready.
    ///
    /// - Parameter port: nil takes a spare one.
    static func start(
        in directory: ScratchDirectory, _ environment: [String: String] = [:], arguments: [String] = ["serve"],
        port fixed: Int? = nil
    ) async throws -> ServiceProcess {
        for attempt in 1... {
            let port = fixed ?? sparePort()
            let variables = ["PORT": "\(port)", "DATA_DIR": directory.data].merging(environment) { _, new in new }
            let child = try ChildProcess(program, arguments, environment: variables, in: directory.path)
            if try await isReady(child, port) {
                let key = environment["ADMIN_API_KEY"] ?? contents(of: directory.keyFile).trimmed
                return ServiceProcess(child, port, key, directory)
            }
            guard attempt < attempts, fixed == nil, child.errors.contains("Address already in use") else {
                throw StartFailure(description: "\(child.ended as Any): \(child.errors)")
            }
        }
        preconditionFailure("the loop does not end")
    }

    /// False when it ended instead.
    private static func isReady(_ child: ChildProcess, _ port: Int) async throws -> Bool {
        try await eventually("the service to be ready", every: .milliseconds(5)) {
            if child.ended != nil { return false }
            // Cheaper than a refused HTTP request, and most polls are refused.
            guard let connection = try? RawConnection(port: port) else { return nil }
            try connection.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.receiveToEnd().hasPrefix("HTTP/1.1 200 ") ? true : nil
        }
    }

    /// Runs the program until it ends by itself, as it does when it cannot start.
    static func run(
        in directory: ScratchDirectory, _ environment: [String: String] = [:], _ arguments: [String] = ["serve"]
    ) async throws -> (status: ChildProcess.Status, output: String, errors: String) {
        let variables = ["PORT": "\(sparePort())", "DATA_DIR": directory.data].merging(environment) { _, new in new }
        return try await ChildProcess.run(program, arguments, environment: variables, in: directory.path)
    }

    /// A port that nobody listens on, below those that the system gives to outgoing connections.
    static func sparePort() -> Int {
        while true {
            let port = Int.random(in: 20_000..<32_000)
            if isFree(port) { return port }
        }
    }

    static func isFree(_ port: Int) -> Bool {
        let socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var reuse: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        return withLoopback(port) { bind(socket, $0, $1) } == 0
    }
}

struct StartFailure: Error, CustomStringConvertible {
    let description: String
}

extension ServiceProcess {
    /// Ends it as a power cut would.
    func kill() async throws {
        child.send(SIGKILL)
        try await child.exit()
    }

    /// Asks it to stop, and waits until it has.
    @discardableResult
    func stop() async throws -> ChildProcess.Status {
        child.send(SIGTERM)
        return try await child.exit()
    }

    /// Everything that it has written so far.
    var transcript: String { child.output + child.errors }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
    /// Its lines, without empty ones.
    var lines: [String] { split(whereSeparator: \.isNewline).map(String.init) }
}
