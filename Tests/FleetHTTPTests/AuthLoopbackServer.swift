import NIOCore
import NIOPosix
import Synchronization
import Testing

/// An HTTP server on this machine that gives every request the same answer.
final class LoopbackServer: Sendable {
    struct Answer: Sendable {
        var status: String
        var headers = ""
        var body: String

        static func ok(_ body: String) -> Answer {
            Answer(status: "200 OK", headers: "Content-Length: \(body.utf8.count)\r\n", body: body)
        }

        fileprivate var text: String { "HTTP/1.1 \(status)\r\n\(headers)\r\n\(body)" }
    }

    private struct State {
        var answer: Answer
        var requests = 0
        var port = 0
    }

    private let state: Mutex<State>

    fileprivate init(_ answer: Answer) { state = Mutex(State(answer: answer)) }

    var answer: Answer {
        get { state.withLock { $0.answer } }
        set { state.withLock { $0.answer = newValue } }
    }

    var requests: Int { state.withLock { $0.requests } }
    var url: String { "http://127.0.0.1:\(state.withLock { $0.port })/" }

    fileprivate func listen() async throws -> any Channel {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(server: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        state.withLock { $0.port = channel.localAddress?.port ?? 0 }
        return channel
    }

    fileprivate func take() -> String {
        state.withLock { state in
            state.requests += 1
            return state.answer.text
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let server: LoopbackServer
        private var request = ""

        init(server: LoopbackServer) { self.server = server }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            request += String(buffer: unwrapInboundIn(data))
            guard request.hasSuffix("\r\n\r\n") else { return }
            request = ""
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: server.take())), promise: nil)
        }
    }
}

func withLoopbackServer<R>(
    _ answer: LoopbackServer.Answer, _ body: (LoopbackServer) async throws -> R
) async throws -> R {
    let server = LoopbackServer(answer)
    let channel = try await server.listen()
    let result: Result<R, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    try await channel.close()
    return try result.get()
}
