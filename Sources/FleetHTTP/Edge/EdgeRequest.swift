internal import FleetDomain
package import HTTPTypes
package import Hummingbird
package import HummingbirdCore
package import Logging
package import NIOCore
internal import Synchronization

/// What Hummingbird makes for each request: the connection and a logger.
package struct EdgeContext: InitializableFromSource, Sendable {
    package let channel: any Channel
    package let logger: Logger

    package init(source: ApplicationRequestContextSource) {
        channel = source.channel
        logger = source.logger
    }
}

/// A request that has found its route. A class, as it is handed from function to function and holds much.
package final class EdgeRequest: Sendable {
    package let http: Request
    package let identity: RequestIdentity
    package let context: EdgeContext
    package let limits: EdgeLimits
    /// The pattern of the route.
    package let route: String
    /// The decoded captures of the path, in the order of the pattern.
    package let captures: [String]
    /// What the access log will say about the caller.
    package let caller: CallerNote
    let captureNames: [String]

    init(
        _ http: Request, _ identity: RequestIdentity, _ context: EdgeContext, limits: EdgeLimits, route: String,
        captures: [String], captureNames: [String], caller: CallerNote
    ) {
        self.http = http
        self.identity = identity
        self.context = context
        self.limits = limits
        self.route = route
        self.captures = captures
        self.captureNames = captureNames
        self.caller = caller
    }

    /// The same request, whose body was read already.
    func with(body: ByteBuffer) -> EdgeRequest {
        with(Request(head: http.head, body: RequestBody(buffer: body)))
    }

    /// The question of the same caller for something else.
    func asking(for target: String) -> EdgeRequest {
        var head = http.head
        head.method = .get
        head.path = target
        head.headerFields[.accept] = "application/json"
        return with(Request(head: head, body: RequestBody(buffer: ByteBuffer())))
    }

    private func with(_ http: Request) -> EdgeRequest {
        EdgeRequest(
            http, identity, context, limits: limits, route: route, captures: captures, captureNames: captureNames,
            caller: caller)
    }

    /// The capture of that name.
    ///
    /// - Precondition: the route's pattern has it.
    package subscript(capture name: String) -> String {
        guard let index = captureNames.firstIndex(of: name) else { preconditionFailure("the route captures \(name)") }
        return captures[index]
    }

    package var method: HTTPRequest.Method { http.head.method }
    package var headers: HTTPFields { http.head.headerFields }

    /// A logger whose lines name the request.
    package var logger: Logger {
        var logger = context.logger
        logger[metadataKey: "request_id"] = .string(identity.requestID)
        return logger
    }
}

/// Carries the caller's hash from the handler, which authenticates, out to the access log.
package final class CallerNote: Sendable {
    private let hash = Mutex<String?>(nil)

    package var principal: String? {
        get { hash.withLock { $0 } }
        set { hash.withLock { $0 = newValue } }
    }
}
