import DequeModule
import FleetService
import NIOCore
import NIOSSL

/// A command that waits for its reply.
struct PendingCommand: Sendable {
    let command: RedisCommand
    let patience: Duration
    let answer: @Sendable (Result<Reply, RedisError>) -> Void
}

/// Writes commands and gives each its reply: the server answers in the order in which it was asked.
///
/// One whose reply is late closes the connection: in a pipeline all that follows is at least as late.
final class Pipeline: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// More would be answered too late to be of use.
    static let waitingMax = 10_000

    private struct Waiting {
        let deadline: NIODeadline
        let answer: @Sendable (Result<Reply, RedisError>) -> Void
    }

    private let reader = ReplyReader()
    /// Told of what was published; everything else is a reply.
    private let onMessage: @Sendable () -> Void
    private var waiting = Deque<Waiting>()
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    /// Why the connection ended, for those who ask afterwards.
    private var end: RedisError?

    init(onMessage: @escaping @Sendable () -> Void) { self.onMessage = onMessage }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(.closed)
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.closed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as NIOSSLError: finish(.untrusted(tlsReason(of: error)))
        case let error as NIOSSLExtraError: finish(.untrusted(tlsReason(of: error)))
        case let error as RedisError: finish(error)
        default: finish(.closed)
        }
        context.close(promise: nil)
    }

    func write(_ commands: [PendingCommand]) {
        guard end == nil, let context else {
            for command in commands { command.answer(.failure(end ?? .closed)) }
            return
        }
        var buffer = context.channel.allocator.buffer(capacity: 256 * commands.count)
        for pending in commands {
            guard waiting.count < Self.waitingMax else {
                pending.answer(.failure(.overloaded))
                continue
            }
            do throws(RedisError) { try pending.command.write(to: &buffer) } catch {
                pending.answer(.failure(error))
                continue
            }
            waiting.append(Waiting(deadline: .now() + TimeAmount(pending.patience), answer: pending.answer))
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        watch(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        do throws(RedisError) {
            // A closure that throws an error of one type is not allowed to here.
            let fed = buffer.withUnsafeReadableBytes { bytes in
                Result { () throws(RedisError) in try reader.feed(bytes) }
            }
            try fed.get()
            while let reply = try reader.next() { take(reply) }
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    private func take(_ reply: Reply) {
        if reply.array?.first?.text == "message" { return onMessage() }
        waiting.popFirst()?.answer(.success(reply))
    }

    /// Looks again when the first that waits has waited long enough.
    private func watch(_ context: ChannelHandlerContext) {
        guard timer == nil, let first = waiting.first else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: first.deadline) { bound.value.look() }
    }

    private func look() {
        timer = nil
        guard let context, let first = waiting.first else { return }
        guard first.deadline > .now() else {
            finish(.timedOut)
            return context.close(promise: nil)
        }
        watch(context)
    }

    private func finish(_ error: RedisError) {
        end = end ?? error
        timer?.cancel()
        timer = nil
        while let next = waiting.popFirst() { next.answer(.failure(end ?? error)) }
    }
}
