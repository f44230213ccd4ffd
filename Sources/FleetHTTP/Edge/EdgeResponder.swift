internal import FleetDomain
package import HTTPTypes
internal import Hummingbird
package import HummingbirdCore
internal import NIOCore

/// A route and what answers it. Whatever `handler` throws becomes a problem.
package struct Route: Sendable {
    package let pattern: RoutePattern
    package let handler: @Sendable (EdgeRequest) async throws -> Response
    let captureNames: [String]

    package init(
        _ method: HTTPRequest.Method, _ path: String,
        handler: @escaping @Sendable (EdgeRequest) async throws -> Response
    ) {
        pattern = RoutePattern(method, path)
        captureNames = pattern.captureNames
        self.handler = handler
    }
}

/// Answers every request of an `Application`: names it, finds its route, turns errors into problems, and records it.
///
/// Hummingbird's router answers a wrong method with 404, knows neither HEAD nor OPTIONS, and does not decode paths, so
/// this takes its place.
package struct EdgeResponder: HTTPResponder {
    private let routes: [Route]
    private let table: RouteTable
    private let settings: EdgeSettings

    package init(routes: [Route], settings: EdgeSettings) {
        self.routes = routes
        table = RouteTable(routes.map(\.pattern))
        self.settings = settings
    }

    package func respond(to request: Request, context: EdgeContext) async throws -> Response {
        let start = NIODeadline.now()
        let method = request.head.method
        let identity = RequestIdentity(request.head.headerFields, settings.requestIDs)
        var entry = AccessLog.Entry(
            requestID: identity.requestID, route: "(unmatched)", method: method.rawValue, status: 0)
        entry.traceID = request.head.headerFields[.traceparent].flatMap(traceID(of:))
        let caller = CallerNote()
        var response: Response
        do {
            response = try await answer(request, context, identity, caller, route: &entry.route)
        } catch {
            response = problem(error, request, identity, &entry)
        }
        entry.duration = Duration(NIODeadline.now() - start)
        if Task.isCancelled, ExchangeNotes.isOverdue {
            // The guard has answered already; nobody will see this response, but the log tells what was sent.
            response = problem(CancellationError(), request, identity, &entry)
        }
        identity.echo(in: &response.headers)
        entry.status = response.status.code
        entry.principal = caller.principal
        settings.log.record(entry)
        return method == .head ? headResponse(response) : response
    }
}

extension EdgeResponder {
    private func answer(
        _ request: Request, _ context: EdgeContext, _ identity: RequestIdentity, _ caller: CallerNote,
        route: inout String
    ) async throws -> Response {
        switch try table.match(request.head.method, path: requestPath(request.head.path ?? "")) {
        case .route(let index, let captures):
            route = routes[index].pattern.path
            return try await routes[index].handler(
                EdgeRequest(
                    request, identity, context, limits: settings.limits, route: route, captures: captures,
                    captureNames: routes[index].captureNames, caller: caller))
        case .options(let allow): return Response(status: .noContent, headers: [.allow: allow])
        case .wrongMethod(let allow): throw WrongMethod(allow: allow)
        case .unknown: throw FleetError(.routeNotFound, "There is nothing at this path.")
        }
    }

    private func problem(
        _ error: any Error, _ request: Request, _ identity: RequestIdentity, _ entry: inout AccessLog.Entry
    ) -> Response {
        let known = FleetError(anError: error, isOverdue: ExchangeNotes.isOverdue)
        if known == nil { entry.errorType = String(describing: type(of: error)) }
        let fleetError = known ?? FleetError(.internalError, "Something went wrong on our side.")
        entry.errorCode = fleetError.code
        let path = request.head.path.map(requestPath)
        let problem = Problem(fleetError, path: path, requestID: identity.requestID)
        var headers = problem.headers
        if let wrong = error as? WrongMethod { headers[.allow] = wrong.allow }
        if let stored = error as? StoredRefusal { headers.append(contentsOf: stored.headers) }
        return Response(
            status: problem.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.bytes)))
    }

    /// The same headers and no body; a stream has no length to tell.
    private func headResponse(_ response: Response) -> Response {
        var head = response.createHeadResponse()
        if response.body.contentLength == nil { head.headers[.contentLength] = nil }
        return head
    }
}

/// A refusal that was stored as an effect of its request, so that its answer has the head of a write's.
struct StoredRefusal: Error {
    let error: FleetError
    let headers: HTTPFields
}

/// The path is known, the method is not.
struct WrongMethod: Error {
    let allow: String
}
