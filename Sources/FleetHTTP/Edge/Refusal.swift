internal import FleetDomain
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

/// The answer to a request that no handler answers, and the last one on its connection.
struct Refusal {
    let head: HTTPResponseHead
    let body: ByteBuffer
    let isBodyless: Bool
    let logEntry: AccessLog.Entry

    /// - Parameters:
    ///   - head: the head that is refused, if that is what is refused.
    ///   - current: the request that a handler has already, if one has.
    init(_ error: FleetError, of head: HTTPRequestHead?, current: RequestHead?, _ settings: EdgeSettings) {
        let identity = current?.identity ?? RequestIdentity(head?.headers ?? [:], settings.requestIDs)
        let path = current?.request.path ?? head?.uri
        let method = current?.request.method.rawValue ?? head?.method.rawValue
        let problem = Problem(error, path: path.map(requestPath), requestID: identity.requestID)
        var fields = problem.headers
        identity.echo(in: &fields)
        fields[.date] = httpDate(settings.now())
        fields[.connection] = "close"
        body = ByteBuffer(bytes: problem.bytes)
        fields[.contentLength] = String(body.readableBytes)
        isBodyless = method == "HEAD"
        self.head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: problem.status.code),
            headers: HTTPHeaders(fields))
        logEntry = AccessLog.Entry(
            requestID: identity.requestID, route: "(connection)", method: method ?? "", status: problem.status.code,
            errorCode: error.code)
    }
}

extension FleetError {
    /// Says what the parser refused.
    init(_ error: HTTPParserError) {
        switch error {
        case .headerOverflow: self.init(.headersTooLarge, "The target and the headers of the request are too large.")
        case .invalidEOFState: self.init(.malformedRequest, "The request ended early.")
        case .invalidVersion: self.init(.malformedRequest, "The HTTP version is not supported.")
        default: self.init(.malformedRequest, "The request is not valid HTTP/1.1.")
        }
    }
}
