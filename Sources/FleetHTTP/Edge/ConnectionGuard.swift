internal import FleetDomain
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes

/// Stands between the HTTP/1 codec and the request tasks of one connection: it keeps the deadlines and the rules of a
/// head, answers what never becomes a request, and lets one exchange at a time through.
///
/// It does the work of NIO's `HTTP1ToHTTPServerCodec` as well, which drops the version and the first `Host`, and of
/// Hummingbird's `HTTPConnectionStateHandler`.
final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// What a client that pipelines sent before its turn.
    enum Held {
        case part(HTTPServerRequestPart)
        case failure(FleetError)
        case inputClosed
    }

    let settings: EdgeSettings
    /// Told when the running request is overdue, so that its task is cancelled.
    let overdue: AsyncStream<Void>.Continuation
    private let notes: ExchangeNotes
    var state: ConnectionState
    var stall: StallWatch
    var check: Scheduled<Void>?

    /// The request of the running exchange.
    var current: RequestHead?
    /// The answer has no body, whatever is written: to a HEAD, or by its status.
    var isBodyless = false

    var held = CircularBuffer<Held>()
    var isReadHeld = false
    private var hasReadPart = false

    init(settings: EdgeSettings, overdue: AsyncStream<Void>.Continuation, notes: ExchangeNotes) {
        self.settings = settings
        self.overdue = overdue
        self.notes = notes
        state = ConnectionState(limits: settings.limits, now: .now())
        stall = StallWatch(limit: TimeAmount(settings.limits.stallDuration))
    }

    func handlerAdded(context: ChannelHandlerContext) { scheduleCheck(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        check?.cancel()
        check = nil
        overdue.finish()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReadPart = true
        let part = unwrapInboundIn(data)
        if isBetweenRequests { hold(.part(part)) } else { receive(part, context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !hasReadPart { state.readWithoutPart(now: .now()) }
        hasReadPart = false
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as HTTPParserError:
            let failure = FleetError(error)
            if isBetweenRequests { hold(.failure(failure)) } else { refuse(failure, context) }
        // Bytes after those that were refused.
        case ByteToMessageDecoderError.dataReceivedInErrorState: break
        // The socket failed. A handler that still reads its body is told so in our own terms.
        default: context.fireErrorCaught(FleetError(.malformedRequest, "The connection was lost."))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: quiesce(context)
        case ChannelEvent.inputClosed where !held.isEmpty: hold(.inputClosed)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        stall.writabilityChanged(isWritable: context.channel.isWritable, now: .now())
        context.fireChannelWritabilityChanged()
    }
}

// MARK: - A request comes in

extension ConnectionGuard {
    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        guard state.phase != .closing else { return }
        switch part {
        case .head(let head): receive(head, context)
        case .body(let bytes): receive(bytes, context)
        case .end(let trailers):
            state.requestEnded(now: .now())
            notes.setComplete(true)
            context.fireChannelRead(wrapInboundOut(.end(trailers.map { HTTPFields($0) })))
        }
    }

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        do throws(FleetError) {
            let accepted = try RequestHead(head, settings: settings)
            current = accepted
            notes.setComplete(false)
            state.headReceived(now: .now(), isLast: accepted.isLast)
            if accepted.expectsContinue {
                let answer = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
            }
            context.fireChannelRead(wrapInboundOut(.head(accepted.request)))
        } catch {
            refuse(error, of: head, context)
        }
    }

    private func receive(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        if state.bodyReceived(bytes: bytes.readableBytes) {
            context.fireChannelRead(wrapInboundOut(.body(bytes)))
        } else {
            refuse(.bodyTooLarge(bytesMax: settings.limits.bodyBytesMax), context)
        }
    }
}

// MARK: - A next request waits for its turn

extension ConnectionGuard {
    /// Reading pauses while a next request is held back, which bounds what is held to one read.
    func read(context: ChannelHandlerContext) {
        if held.isEmpty { context.read() } else { isReadHeld = true }
    }

    /// What comes now belongs to a request whose turn has not come.
    private var isBetweenRequests: Bool { !held.isEmpty || isAnswerDue }

    private var isAnswerDue: Bool { state.phase == .exchange && state.isRequestComplete }

    /// What follows a request that ends the connection is dropped.
    private func hold(_ item: Held) {
        guard state.phase != .closing, !state.closesAfterResponse else { return }
        held.append(item)
    }

    /// Takes up what was held back, up to the end of the next request.
    private func releaseHeld(_ context: ChannelHandlerContext) {
        guard !held.isEmpty else { return }
        while !isAnswerDue, let item = held.popFirst() {
            switch item {
            case .part(let part): receive(part, context)
            case .failure(let error): refuse(error, context)
            case .inputClosed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            }
        }
        context.fireChannelReadComplete()
        resumeReading(context)
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        guard held.isEmpty, isReadHeld else { return }
        isReadHeld = false
        context.read()
    }
}

// MARK: - A response goes out

extension ConnectionGuard {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state.phase != .closing else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let response): write(response, context, promise)
        case .body where isBodyless: promise?.succeed()
        case .body(let bytes): context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: promise)
        case .end(let trailers):
            // The encoder would end a chunked body that was never begun.
            let end: HTTPServerResponsePart =
                isBodyless ? .body(.byteBuffer(ByteBuffer())) : .end(trailers.map { HTTPHeaders($0) })
            context.write(wrapOutboundOut(end), promise: promise)
            responseEnded(context)
        }
    }

    private func write(
        _ response: HTTPResponse, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) {
        // The request's version keeps chunks from a client of HTTP/1.0.
        var head = HTTPResponseHead(
            version: current?.version ?? .http1_1, status: HTTPResponseStatus(response.status),
            headers: HTTPHeaders(response.headerFields))
        if response.status.kind != .informational {
            state.responseStarted()
            isBodyless =
                current?.request.method == .head || response.status == .noContent || response.status == .notModified
            if response.headerFields[.connection] == "close" { state.closesAfterResponse = true }
            if state.closesAfterResponse { head.headers.replaceOrAdd(name: "connection", value: "close") }
        }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    private func responseEnded(_ context: ChannelHandlerContext) {
        state.responseEnded(now: .now())
        if state.closesAfterResponse { beginClosing(context) } else { releaseHeld(context) }
    }
}
