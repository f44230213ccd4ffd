internal import FleetDomain
internal import HTTPTypes
internal import NIOHTTP1

/// A request head that keeps the rules of RFC 9110 and 9112 which neither the parser nor the routes check: one valid
/// `Host`, an expectation we can meet, a body within the limit, a target in origin or absolute form.
struct RequestHead {
    let request: HTTPRequest
    /// The client waits for `100 Continue` before it sends the body.
    let expectsContinue: Bool
    /// The connection ends with this exchange.
    let isLast: Bool
    let version: HTTPVersion
    let identity: RequestIdentity

    init(_ head: HTTPRequestHead, settings: EdgeSettings) throws(FleetError) {
        version = head.version
        let isCurrent = version.minor >= 1
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        var notes = HeaderNotes()
        for (name, value) in head.headers where !notes.take(name, value) {
            guard let name = HTTPField.Name(name) else { throw FleetError(.malformedRequest, "A header has no name.") }
            fields.append(HTTPField(name: name, value: value))
        }
        let target = try RequestHead.target(head)
        let host = try RequestHead.host(notes, target.authority, isRequired: isCurrent)
        expectsContinue = try notes.expectsContinue(bodyBytesMax: settings.limits.bodyBytesMax) && isCurrent
        // HTTP/1.0 would need an explicit keep-alive in the answer; a protocol that we do not speak is not upgraded to.
        isLast = !head.isKeepAlive || !isCurrent || notes.isUpgrade
        guard let method = HTTPRequest.Method(known: head.method) else {
            throw FleetError(.malformedRequest, "The method is not valid here.")
        }
        identity = RequestIdentity(
            requestID: notes.requestID, correlationID: notes.correlationID, settings.requestIDs)
        // The handler must see the id that a refusal halfway would name.
        if identity.isOurs { fields.append(HTTPField(name: .xRequestID, value: identity.requestID)) }
        request = HTTPRequest(
            method: method, scheme: "http", authority: host, path: target.path, headerFields: fields)
    }

    /// The one `Host`, or the authority of the target, which stands above it (RFC 9112, 3.2.2).
    private static func host(
        _ notes: HeaderNotes, _ authority: String?, isRequired: Bool
    ) throws(FleetError) -> String? {
        guard notes.hostCount <= 1 else { throw FleetError(.invalidHost, "The request has more than one Host header.") }
        if isRequired, notes.host == nil { throw FleetError(.invalidHost, "The request has no Host header.") }
        for name in [notes.host, authority] {
            guard name.map(isAuthority) ?? true else {
                throw FleetError(.invalidHost, "The host is not a valid name or address with an optional port.")
            }
        }
        return authority ?? notes.host
    }

    /// Splits the absolute form; the origin form, which nearly every request has, is passed on as it is.
    private static func target(_ head: HTTPRequestHead) throws(FleetError) -> (authority: String?, path: String) {
        let uri = head.uri
        if uri.utf8.first == UInt8(ascii: "/") || uri == "*" && head.method == .OPTIONS { return (nil, uri) }
        guard let separator = uri.firstRange(of: "://"), isWebScheme(uri[..<separator.lowerBound]) else {
            throw FleetError(.malformedRequest, "The request target is neither a path nor an absolute URI.")
        }
        let rest = uri[separator.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let path = rest[end...]
        return (String(rest[..<end]), path.first == "/" ? String(path) : "/" + path)
    }

    private static func isWebScheme(_ scheme: Substring) -> Bool {
        scheme.lowercased() == "http" || scheme.lowercased() == "https"
    }
}

extension HTTPRequest.Method {
    /// The usual methods without a look at their characters; nil for CONNECT, which is for proxies.
    fileprivate init?(known method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .HEAD: self = .head
        case .POST: self = .post
        case .PUT: self = .put
        case .PATCH: self = .patch
        case .DELETE: self = .delete
        case .OPTIONS: self = .options
        case .CONNECT: return nil
        default: self.init(method.rawValue)
        }
    }
}
