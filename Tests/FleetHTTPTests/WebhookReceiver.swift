import Crypto
import FleetJSON
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

/// Waits for a condition, with a limit.
func eventually(
    _ limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "it did not come to be", sourceLocation: sourceLocation)
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A server on this machine that events are pushed to.
final class WebhookReceiver: Sendable {
    struct Request: Sendable {
        let path: String
        let headers: [String: String]
        let body: [UInt8]

        var event: JSONObject { (try? JSON.parse(body))?.objectValue ?? JSONObject() }
        var type: String { String(event.text("type").dropFirst("atlasmesh.fleet.".count)) }

        /// The signatures of one version.
        private func signatures(_ version: String) -> [Data] {
            (headers["webhook-signature"] ?? "").split(separator: " ").filter { $0.hasPrefix(version + ",") }
                .compactMap { Data(base64Encoded: String($0.dropFirst(version.count + 1))) }
        }

        private var signed: [UInt8] {
            Array("\(headers["webhook-id"] ?? "").\(headers["webhook-timestamp"] ?? "").".utf8) + body
        }

        func isSigned(with secret: String) -> Bool {
            guard let key = Data(base64Encoded: String(secret.dropFirst("whsec_".count))) else { return false }
            return signatures("v1").contains {
                HMAC<SHA256>.isValidAuthenticationCode($0, authenticating: signed, using: SymmetricKey(data: key))
            }
        }

        func isSigned(by publicKey: String) -> Bool {
            guard let bytes = Data(base64Encoded: String(publicKey.dropFirst("whpk_".count))),
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
            else { return false }
            return signatures("v1a").contains { key.isValidSignature($0, for: Data(signed)) }
        }
    }

    struct Answer: Sendable {
        var status = 204
        var headers: [(String, String)] = []
    }

    private struct State {
        var requests: [Request] = []
        var port = 0
        var answer: @Sendable (Request) -> Answer? = { _ in Answer() }
    }

    private let state = Mutex(State())

    var requests: [Request] { state.withLock { $0.requests } }
    func url(_ path: String = "/hook") -> String { "http://127.0.0.1:\(state.withLock { $0.port })\(path)" }

    /// - Parameter answer: nil is that none comes.
    func respond(_ answer: @escaping @Sendable (Request) -> Answer?) { state.withLock { $0.answer = answer } }
    func respond(_ status: Int, _ headers: [(String, String)] = []) {
        respond { _ in Answer(status: status, headers: headers) }
    }

    /// The types of what came, in order.
    var types: [String] { requests.map(\.type) }

    func waitFor(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await eventually(sourceLocation: sourceLocation) { requests.count >= count }
    }

    static func run(_ body: (WebhookReceiver) async throws -> Void) async throws {
        let receiver = WebhookReceiver()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(receiver))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        receiver.state.withLock { $0.port = channel.localAddress?.port ?? 0 }
        let result: Result<Void, any Error>
        do { result = .success(try await body(receiver)) } catch { result = .failure(error) }
        try await channel.close()
        try result.get()
    }

    fileprivate func take(_ request: Request) -> Answer? {
        state.withLock { state in
            state.requests.append(request)
            return state.answer(request)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let receiver: WebhookReceiver
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ receiver: WebhookReceiver) { self.receiver = receiver }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (self.head, body) = (head, [])
            case .body(let part): body += Array(part.readableBytesView)
            case .end:
                guard let head else { return }
                let headers = head.headers.reduce(into: [String: String]()) { $0[$1.name.lowercased()] = $1.value }
                let request = Request(path: head.uri, headers: headers, body: body)
                guard let answer = receiver.take(request) else { return }
                var fields = HTTPHeaders(answer.headers)
                fields.add(name: "content-length", value: "0")
                let status = HTTPResponseStatus(statusCode: answer.status)
                let response = HTTPResponseHead(version: .http1_1, status: status, headers: fields)
                context.write(wrapOutboundOut(.head(response)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
