package import NIOCore

package import struct FleetDomain.FleetError

/// What one connection is waiting for, and until when. No I/O: the caller says what happened and does what is told.
package struct ConnectionState {
    package enum Phase: Equatable {
        /// Between requests; no byte of the next one has come.
        case idle
        /// A head is due: its first byte has come, or the connection is new.
        case head
        /// From a head until both the request and its response are complete.
        case exchange
        /// Our last byte is written or being written; input is thrown away.
        case closing
    }

    /// What to do about a deadline that has passed.
    package enum Overdue: Equatable {
        case nothing
        case close
        case refuse(FleetError)
    }

    package private(set) var phase = Phase.head
    package private(set) var deadline: NIODeadline
    package private(set) var isRequestComplete = false
    package private(set) var isResponseStarted = false
    package private(set) var isResponseComplete = false
    /// Set by a request that ends the connection and by a server that stops.
    package var closesAfterResponse = false

    private var isNextHeadBegun = false
    private var bodyBytes = 0
    private let durations: Durations

    package init(limits: EdgeLimits, now: NIODeadline) {
        durations = Durations(limits)
        deadline = now + durations.head
    }

    /// A deadline that is set now never lies nearer than this, except while closing.
    package var checkInterval: TimeAmount { durations.shortest }
}

// MARK: - What was read

extension ConnectionState {
    /// Bytes came, but no part of a message was complete: a next head has begun.
    package mutating func readWithoutPart(now: NIODeadline) {
        switch phase {
        case .idle:
            phase = .head
            deadline = now + durations.head
        case .exchange where isRequestComplete: isNextHeadBegun = true
        case .exchange, .head, .closing: break
        }
    }

    package mutating func headReceived(now: NIODeadline, isLast: Bool) {
        phase = .exchange
        deadline = now + durations.body
        isRequestComplete = false
        isResponseStarted = false
        isResponseComplete = false
        isNextHeadBegun = false
        bodyBytes = 0
        if isLast { closesAfterResponse = true }
    }

    /// False when the body has grown beyond the limit.
    package mutating func bodyReceived(bytes: Int) -> Bool {
        bodyBytes += bytes
        return bodyBytes <= durations.bodyBytesMax
    }

    package mutating func requestEnded(now: NIODeadline) {
        isRequestComplete = true
        if isResponseComplete { return becomeIdle(now: now) }
        deadline = isResponseStarted ? .distantFuture : now + durations.handler
    }
}

// MARK: - What was written

extension ConnectionState {
    package mutating func responseStarted() {
        isResponseStarted = true
        if isRequestComplete { deadline = .distantFuture }
    }

    package mutating func responseEnded(now: NIODeadline) {
        isResponseComplete = true
        if isRequestComplete { becomeIdle(now: now) }
    }

    /// The bytes of the last response are still on their way: the time between requests has not begun.
    package mutating func stillSending(now: NIODeadline) {
        if phase == .idle { deadline = now + durations.idle }
    }

    private mutating func becomeIdle(now: NIODeadline) {
        phase = isNextHeadBegun ? .head : .idle
        deadline = now + (isNextHeadBegun ? durations.head : durations.idle)
    }
}

// MARK: - The end

extension ConnectionState {
    /// Until `flushed` only a stalled reader ends the connection.
    package mutating func close() {
        phase = .closing
        deadline = .distantFuture
    }

    package mutating func flushed(now: NIODeadline) { deadline = now + durations.linger }

    package func overdue(now: NIODeadline) -> Overdue {
        guard now >= deadline else { return .nothing }
        switch phase {
        case .idle, .closing: return .close
        case .head: return .refuse(FleetError(.requestTimeout, "The head of the request took too long."))
        case .exchange where isResponseStarted: return .close
        case .exchange where isRequestComplete:
            return .refuse(FleetError(.deadlineExceeded, "The request was not answered in time."))
        case .exchange: return .refuse(FleetError(.requestTimeout, "The body of the request took too long."))
        }
    }

    private struct Durations {
        let head, body, handler, idle, linger, shortest: TimeAmount
        let bodyBytesMax: Int

        init(_ limits: EdgeLimits) {
            head = TimeAmount(limits.headDuration)
            body = TimeAmount(limits.bodyDuration)
            handler = TimeAmount(limits.handlerDuration)
            idle = TimeAmount(limits.idleDuration)
            linger = TimeAmount(limits.lingerDuration)
            shortest = min(head, body, handler, idle, TimeAmount(limits.stallDuration))
            bodyBytesMax = limits.bodyBytesMax
        }
    }
}
