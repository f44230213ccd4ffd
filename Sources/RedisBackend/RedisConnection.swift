import FleetService
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// One connection, shared by all who ask at the same time: what they ask until the loop comes round goes in one write.
final class RedisConnection: Sendable {
    private struct Outbox {
        var commands: [PendingCommand] = []
        var isScheduled = false
    }

    private let channel: any Channel
    private let pipeline: NIOLoopBound<Pipeline>
    private let outbox = Mutex(Outbox())

    private init(_ channel: any Channel, _ pipeline: NIOLoopBound<Pipeline>) {
        self.channel = channel
        self.pipeline = pipeline
    }

    /// Connects, and nothing more.
    static func open(
        to address: ServerAddress, tls: RedisOptions.TLS?, patience: Duration,
        onMessage: @escaping @Sendable () -> Void = {}
    ) async throws -> RedisConnection {
        let isLiteral = (try? SocketAddress(ipAddress: address.host, port: address.port)) != nil
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(patience))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
        return try await bootstrap.connect(host: address.host, port: address.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    // A literal address is no name to ask for; the certificate is then held to the address.
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls.context, serverHostname: isLiteral ? nil : address.host))
                }
                let pipeline = Pipeline(onMessage: onMessage)
                try channel.pipeline.syncOperations.addHandler(pipeline)
                return RedisConnection(channel, NIOLoopBound(pipeline, eventLoop: channel.eventLoop))
            }
        }
    }

    /// - Throws: `RedisError`, also for a reply that is one.
    func send(_ command: RedisCommand, patience: Duration) async throws -> Reply {
        let reply = try await withCheckedThrowingContinuation { continuation in
            post(command, patience: patience) { continuation.resume(with: $0) }
        }
        if let error = RedisError(reply) { throw error }
        return reply
    }

    /// Sends without waiting.
    func post(
        _ command: RedisCommand, patience: Duration, _ answer: @escaping @Sendable (Result<Reply, RedisError>) -> Void
    ) {
        let isFirst = outbox.withLock { outbox in
            outbox.commands.append(PendingCommand(command: command, patience: patience, answer: answer))
            defer { outbox.isScheduled = true }
            return !outbox.isScheduled
        }
        if isFirst { channel.eventLoop.execute { self.drain() } }
    }

    private func drain() {
        let commands = outbox.withLock { outbox in
            defer { outbox = Outbox() }
            return outbox.commands
        }
        pipeline.value.write(commands)
    }

    func close() { channel.close(promise: nil) }

    /// Returns when it has ended; ends it when the task is cancelled.
    func waitUntilClosed() async {
        await withTaskCancellationHandler {
            try? await channel.closeFuture.get()
        } onCancel: {
            close()
        }
    }
}
