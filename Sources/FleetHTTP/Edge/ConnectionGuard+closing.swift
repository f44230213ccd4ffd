internal import FleetDomain
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

// MARK: - A request is refused

extension ConnectionGuard {
    /// Answers with a problem, unless a response has begun, and ends the connection.
    ///
    /// A handler that has the request already sees the same error from its body.
    func refuse(_ error: FleetError, of head: HTTPRequestHead? = nil, _ context: ChannelHandlerContext) {
        guard state.phase != .closing else { return }
        let wasDelivered = state.phase == .exchange
        if !(wasDelivered && state.isResponseStarted) {
            let refusal = Refusal(error, of: head, current: wasDelivered ? current : nil, settings)
            write(refusal, context)
            if !wasDelivered { settings.log.record(refusal.logEntry) }
        }
        beginClosing(context)
        guard wasDelivered else { return }
        context.fireErrorCaught(error)
        if error.code == .deadlineExceeded { overdue.yield() }
    }

    private func write(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(refusal.head)), promise: nil)
        if !refusal.isBodyless { context.write(wrapOutboundOut(.body(.byteBuffer(refusal.body))), promise: nil) }
    }
}

// MARK: - The connection ends

extension ConnectionGuard {
    /// Sends what is written, closes our side, and throws input away until the peer closes its side or time is up.
    func beginClosing(_ context: ChannelHandlerContext) {
        guard state.phase != .closing else { return }
        state.close()
        held.removeAll()
        let flushed = context.eventLoop.makePromise(of: Void.self)
        // Nothing but the promise: closing the output would drop what waits if the peer has closed its side.
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: flushed)
        flushed.futureResult.assumeIsolated().whenComplete { _ in
            self.state.flushed(now: .now())
            self.scheduleCheck(context)
            context.close(mode: .output, promise: nil)
        }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            beginClosing(context)
            promise?.succeed()
        // The request task has ended. What it has written is still to be sent.
        case .all where state.phase == .closing: context.channel.closeFuture.cascade(to: promise)
        case .input where state.phase == .closing: promise?.succeed()
        case .all, .input: context.close(mode: mode, promise: promise)
        }
    }

    /// The server stops: the running exchange is the last one.
    func quiesce(_ context: ChannelHandlerContext) {
        state.closesAfterResponse = true
        switch state.phase {
        case .idle, .head: context.close(promise: nil)
        case .exchange where state.isResponseComplete: beginClosing(context)
        case .exchange, .closing: break
        }
    }
}

// MARK: - Deadlines

extension ConnectionGuard {
    /// One timer per connection, not one per deadline: it looks at most `checkInterval` ahead, nearer than any deadline
    /// that may be set in the meantime.
    func scheduleCheck(_ context: ChannelHandlerContext) {
        check?.cancel()
        let time = min(state.deadline, stall.deadline, .now() + state.checkInterval)
        check = context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { self.checkDeadlines(context) }
    }

    private func checkDeadlines(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let buffered = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if stall.isStalled(waiting: buffered, now: now) { return context.close(promise: nil) }
        if buffered > 0 { state.stillSending(now: now) }
        switch state.overdue(now: now) {
        case .nothing: break
        case .close: return context.close(promise: nil)
        case .refuse(let error): refuse(error, context)
        }
        scheduleCheck(context)
    }
}
