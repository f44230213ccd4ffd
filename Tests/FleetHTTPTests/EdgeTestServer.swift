import FleetDomain
import FleetJSON
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

@testable import FleetHTTP

/// The edge with a few routes of its own on a free port, for tests that speak TCP to it.
struct EdgeTestServer {
    let port: Int
    let log: EdgeLogRecorder
    /// Starts a graceful stop.
    let stop: @Sendable () async -> Void
    /// Lets `GET /gate` answer.
    let gate: EdgeGate

    /// Runs `body` against a server and stops it.
    static func run(
        limits: EdgeLimits = EdgeLimits(), slowDuration: Duration = .seconds(60),
        _ body: (EdgeTestServer) async throws -> Void
    ) async throws {
        let recorder = EdgeLogRecorder()
        let gate = EdgeGate()
        var logger = Logger(label: "edge") { _ in recorder }
        logger.logLevel = .info
        let log = AccessLog(logger: logger, slowDuration: slowDuration) { route, method, status, _, _ in
            recorder.count("\(method) \(route) \(status)")
        }
        let settings = EdgeSettings(limits: limits, requestIDs: RequestIDSource(seed: 1), log: log) {
            Timestamp(milliseconds: 1_769_850_000_000)
        }
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let app = Application(
            responder: EdgeResponder(routes: routes(gate: gate, recorder: recorder), settings: settings),
            server: .edge(settings),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: quietLogger)
        let group = ServiceGroup(configuration: .init(services: [app], logger: quietLogger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            let stop: @Sendable () async -> Void = { await group.triggerGracefulShutdown() }
            defer { tasks.cancelAll() }
            try await body(EdgeTestServer(port: port, log: recorder, stop: stop, gate: gate))
        }
    }

    private static var quietLogger: Logger { Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() } }

    private static func routes(gate: EdgeGate, recorder: EdgeLogRecorder) -> [Route] {
        [
            Route(.get, "/hello") { request in
                try request.negotiate("text/plain", "application/json")
                request.caller.principal = "5f4d"
                return text("hello")
            },
            Route(.get, "/things/{id}") { text($0[capture: "id"]) },
            Route(.get, "/things/all") { _ in text("all of them") },
            Route(.delete, "/things/{id}") { _ in Response(status: .noContent) },
            Route(.post, "/things") { request in
                let json = try await request.json()
                try request.negotiate("application/json")
                return text(json.text)
            },
            Route(.patch, "/things/{id}") { text(try await $0.json().text) },
            Route(.post, "/reports") { text(try await $0.optionalJSON()?.text ?? "nothing") },
            Route(.post, "/unread") { _ in throw FleetError(.unauthenticated, "No credentials.") },
            Route(.get, "/search") { request in text(try request.query(["q", "limit"])["q"] ?? "no q") },
            Route(.get, "/gate") { _ in
                await gate.wait()
                try Task.checkCancellation()
                return text("opened")
            },
            Route(.get, "/defect") { _ in throw EdgeDefect(secret: "hunter2") },
            Route(.get, "/cancelled") { _ in throw CancellationError() },
            Route(.get, "/foreign") { _ in throw HTTPError(.contentTooLarge) },
            Route(.get, "/endless") { _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        defer { recorder.count("endless ended") }
                        while true { try await writer.write(ByteBuffer(repeating: 0x61, count: 1 << 16)) }
                    })
            },
        ]
    }
}

/// An error that nothing knows, with something in it that must not get out.
struct EdgeDefect: Error {
    let secret: String
}

private func text(_ text: String) -> Response {
    Response(
        status: .ok, headers: [.contentType: "text/plain"], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
}

/// Lets everybody through once it is open; a cancelled waiter goes on at once.
final class EdgeGate: Sendable {
    private let waiters: AsyncStream<Void>
    private let opener: AsyncStream<Void>.Continuation
    private let touched = Atomic(false)

    init() { (waiters, opener) = AsyncStream.makeStream(of: Void.self) }

    /// Nobody waits or has waited.
    var isUntouched: Bool { !touched.load(ordering: .acquiring) }

    func wait() async {
        touched.store(true, ordering: .releasing)
        for await _ in waiters { return }
    }

    func open() { opener.yield() }
}

/// Keeps log lines and counts what the metrics hook is told.
final class EdgeLogRecorder: LogHandler {
    struct Line {
        let level: Logger.Level
        let message: String
        let metadata: Logger.Metadata
    }

    private struct State {
        var lines: [Line] = []
        var counts: [String: Int] = [:]
    }

    private let state = Mutex(State())

    var lines: [Line] { state.withLock { $0.lines } }
    var counts: [String: Int] { state.withLock { $0.counts } }

    func count(_ key: String) { state.withLock { $0.counts[key, default: 0] += 1 } }

    var logLevel: Logger.Level {
        get { .info }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let line = Line(level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:])
        state.withLock { $0.lines.append(line) }
    }
}
