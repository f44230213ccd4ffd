import FleetDomain
import FleetService
import Hummingbird

extension API {
    /// The endpoint as a route of the edge: who calls is found out first, then whether it may, then what it asks.
    package func route(_ endpoint: Endpoint) -> Route {
        let allowed = endpoint.allParameters.map(\.name)
        return Route(endpoint.method, endpoint.path) { request in
            let principal = try await self.principal(for: request, endpoint.access)
            if let principal { request.caller.principal = self.callerHash(principal) }
            let call = Call(
                request, principal: principal, query: try request.query(allowed), endpoint: endpoint, api: self)
            return try await self.respond(to: call)
        }
    }

    private static let knowingPatience = Duration.milliseconds(500)

    private func answer(_ call: Call) async throws -> Response {
        let endpoint = call.endpoint
        if case .permission(let permission) = endpoint.access, !call.principal.mayHold(permission) {
            try await call.noteOwnersOfPath(action: permission)
            throw FleetError.denied(permission)
        }
        try call.checkParameters()
        if !endpoint.isWrite { try await call.awaitPosition() }
        if endpoint.isWrite, endpoint.body == nil { try await call.refuseBody() }
        return try await endpoint.handler(call)
    }

    /// Where another process decides, reads are answered here as far as they need nothing that only the writer has; all else
    /// is for it.
    private func respond(to call: Call) async throws -> Response {
        if call.endpoint.isWrite {
            return try await replica.isFollower ? forward(call) : answer(call)
        }
        let result: Result<Response, any Error>
        do { result = .success(try await answer(call)) } catch { result = .failure(error) }
        // A crossing is to be noted, also where another was elected only meanwhile; or the writer's memory was asked for. And
        // what is absent is told by whoever tells what is hidden, as late and in the same words.
        let code = (result.failure as? FleetError)?.code
        let isForWriter =
            call.takeWhatIsForWriter() || replica.isFollower && (code == .shuttingDown || code?.isOfAbsence == true)
        return try await isForWriter ? forward(call) : result.get()
    }

    private func forward(_ call: Call) async throws -> Response {
        let request = call.request
        let body = try await request.bytes()
        let isRepeatable = !call.endpoint.isWrite || call.isDryRun || call.hasIdempotencyKey
        let answer = try await forwarder.forward(request, body, by: replica, isRepeatable: isRepeatable)
        if let answer { return answer }
        // By now this process was elected itself.
        return try await self.answer(
            Call(
                request.with(body: body), principal: call.isKnown ? call.principal : nil, query: call.query,
                endpoint: call.endpoint, api: self))
    }

    private func principal(for request: EdgeRequest, _ access: Endpoint.Access) async throws(FleetError) -> Principal? {
        switch access {
        // Whether the process lives must not depend on what knows the callers.
        case .anybody: nil
        // So long a database that hangs may hold up who asks whether it does.
        case .anybodyKnown:
            try? await withDeadline(Self.knowingPatience) { [authenticator, headers = request.headers] in
                try await authenticator.principal(for: headers)
            }
        case .authenticated, .permission: try await authenticator.principal(for: request.headers)
        }
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
