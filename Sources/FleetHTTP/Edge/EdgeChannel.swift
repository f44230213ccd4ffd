package import FleetDomain
package import HummingbirdCore
package import Logging
package import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import Synchronization

/// What the edge is told once: its limits, and where ids, time and log lines come from and go to.
package struct EdgeSettings: Sendable {
    package var limits: EdgeLimits
    package let requestIDs: RequestIDSource
    package let log: AccessLog
    /// The wall clock, for `Date`.
    package let now: @Sendable () -> Timestamp

    package init(
        limits: EdgeLimits = EdgeLimits(), requestIDs: RequestIDSource, log: AccessLog,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.limits = limits
        self.requestIDs = requestIDs
        self.log = log
        self.now = now
    }
}

/// An HTTP/1 connection under our own rules, in place of Hummingbird's `HTTP1Channel`.
///
/// The handlers that Hummingbird lets one add come after the codec that hides what has to be checked, so the pipeline
/// is ours: encoder, decoder, `ConnectionGuard`.
package struct EdgeChannel: HTTPChannelHandler {
    package struct Value: ServerChildChannelValue {
        let http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        /// Yields when a request has missed its deadline; ends with the connection.
        let overdue: AsyncStream<Void>
        let notes: ExchangeNotes

        package var channel: any Channel { http.channel }
    }

    package let responder: HTTPChannelHandler.Responder
    private let settings: EdgeSettings

    package init(responder: @escaping HTTPChannelHandler.Responder, settings: EdgeSettings) {
        self.responder = responder
        self.settings = settings
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let (overdue, continuation) = AsyncStream.makeStream(of: Void.self)
            let notes = ExchangeNotes()
            // No header validation by NIO: HTTPFields holds valid names and values only.
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: NIOHTTPDecoderLimitConfiguration(settings.limits))
            try pipeline.addHandler(ConnectionGuard(settings: settings, overdue: continuation, notes: notes))
            let http = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
            return Value(http: http, overdue: overdue, notes: notes)
        }
    }

    /// Runs the requests of one connection, one after the other, in one task.
    ///
    /// A request that misses its deadline is answered by the guard, and its task cancelled: there is no race per
    /// request, which would cost a task group of two tasks and a timer each time, and the answer does not wait until
    /// the handler notices.
    package func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await ExchangeNotes.$current.withValue(value.notes) {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await handleHTTP(asyncChannel: value.http, logger: logger) }
                    for await _ in value.overdue {
                        value.notes.setOverdue()
                        group.cancelAll()
                    }
                }
            }
        }
    }
}

/// What a connection's guard tells the task that answers the running request.
final class ExchangeNotes: Sendable {
    @TaskLocal static var current: ExchangeNotes?

    private let overdue = Atomic(false)
    private let complete = Atomic(false)

    func setOverdue() { overdue.store(true, ordering: .releasing) }
    func setComplete(_ isComplete: Bool) { complete.store(isComplete, ordering: .releasing) }

    /// Whether the request ran too long, and has been answered by the guard.
    static var isOverdue: Bool { current?.overdue.load(ordering: .acquiring) ?? false }
    /// Whether all of the request came, and not only what came before the connection ended: its body ends either way.
    static var isComplete: Bool { current?.complete.load(ordering: .acquiring) ?? true }
}

extension HTTPServerBuilder {
    /// Builds the server of an `Application` whose connections keep the rules of the edge.
    package static func edge(_ settings: EdgeSettings) -> HTTPServerBuilder {
        HTTPServerBuilder { EdgeChannel(responder: $0, settings: settings) }
    }
}

extension NIOHTTPDecoderLimitConfiguration {
    fileprivate init(_ limits: EdgeLimits) {
        self.init()
        maxHeaderFieldSize = limits.headerFieldBytesMax
        maxHeaderListSize = limits.headBytesMax
        maxHeaderFieldCount = limits.headerCountMax
    }
}
