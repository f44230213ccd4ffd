package import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// One request to one endpoint by one principal.
///
/// A class, as it is handed from function to function and holds much.
package final class Call: Sendable {
    package let request: EdgeRequest
    package let principal: Principal
    /// Whether the caller has shown who it is; only public endpoints are called without.
    package let isKnown: Bool
    package let query: Query
    package let endpoint: Endpoint
    package let api: API
    private let isBeyondFollowers = Atomic(false)

    private static let nobody = Principal(subject: "", roles: [])

    init(_ request: EdgeRequest, principal: Principal?, query: Query, endpoint: Endpoint, api: API) {
        self.request = request
        self.principal = principal ?? Self.nobody
        isKnown = principal != nil
        self.query = query
        self.endpoint = endpoint
        self.api = api
    }

    package var view: View { View(reader: principal) }
    var isDryRun: Bool { query["dry_run"] == "true" }
    var isForced: Bool { query["force"] == "true" }

    /// The path of the request, without its query.
    var path: String { requestPath(request.http.head.path ?? "") }

    // MARK: What was asked

    /// Checks every parameter against its schema.
    ///
    /// - Throws: `invalid_parameter`.
    func checkParameters() throws(FleetError) {
        if query.isEmpty { return }
        for parameter in endpoint.allParameters {
            guard let text = query[parameter.name] else { continue }
            let json: JSON =
                if case .integer = parameter.schema { wholeNumber(text).map(JSON.integer) ?? .string(text) } else {
                    .string(text)
                }
            do throws(FleetError) {
                _ = try Schema.object([Schema.Field(parameter.name, parameter.schema)]).check(
                    .object(JSONObject([JSONObject.Member(key: parameter.name, value: json)])))
            } catch {
                throw FleetError(
                    .invalidParameter,
                    "The parameter '\(parameter.name)' \(error.faults.first?.detail ?? "is invalid").",
                    faults: error.faults)
            }
        }
    }

    /// The body, checked against the endpoint's schema.
    func body() async throws -> JSONObject {
        let json = try await request.json()
        return try endpoint.body?.check(json) ?? JSONObject()
    }

    /// The body, or an empty object when there is none.
    func optionalBody() async throws -> JSONObject {
        guard let json = try await request.optionalJSON() else { return JSONObject() }
        return try endpoint.body?.check(json) ?? JSONObject()
    }

    /// A write that takes no body may be sent an empty object, and nothing else.
    func refuseBody() async throws {
        guard let json = try await request.optionalJSON() else { return }
        _ = try Schema.object([]).check(json)
    }

    /// A UUID of the path.
    func id<Entity>(_ capture: String) throws(FleetError) -> ID<Entity> {
        guard let id = ID<Entity>(request[capture: capture]) else {
            throw FleetError(.invalidID, "The \(capture) in the path is not a UUID.")
        }
        return id
    }

    /// An id of the path that somebody chose.
    func name<Entity>(_ capture: String) throws(FleetError) -> Name<Entity> {
        guard let name = Name<Entity>(request[capture: capture]) else {
            throw FleetError(.invalidID, "The \(capture) in the path cannot be an id.")
        }
        return name
    }

    /// A parameter of the query, parsed; its schema has been checked.
    func parameter<Value>(_ name: String, _ parse: (String) -> Value?) -> Value? { query[name].flatMap(parse) }

    func choice<Choice: RawRepresentable<String>>(_ name: String) -> Choice? {
        query[name].flatMap(Choice.init(rawValue:))
    }

    // MARK: Positions

    /// How long a read waits for the log, and how often it looks.
    private static let positionPatience = Duration.seconds(2)
    private static let positionInterval = Duration.milliseconds(10)
    /// How long an event may be seen in a database that one process serves before that process knows that it is durable.
    private static let commitPatience = Duration.milliseconds(100)

    /// The place from which the caller wants to go on; nil when it names none. Waits for it, because another process may
    /// have given it out and this one not have read so far.
    ///
    /// - Parameter text: what it sent, if not as `after`.
    /// - Throws: `invalid_position`, `position_of_another`, `position_in_future`, `resync`, `storage_unavailable`.
    func start(_ text: String? = nil) async throws -> LogPlace? {
        guard let text = text ?? query["after"] else { return nil }
        let place = try await api.positions.place(text, for: principal)
        let patience = api.store.isShared ? Self.positionPatience : Self.commitPatience
        guard try await isReached(place, within: patience) else {
            throw FleetError(.positionInFuture, "The log has not come to this position.")
        }
        return place
    }

    /// - Throws: `invalid_position`, `position_of_another`, `position_not_reached`, `resync`, `storage_unavailable`.
    func awaitPosition() async throws {
        guard let text = query["min_position"] else { return }
        guard try await isReached(api.positions.place(text, for: principal), within: Self.positionPatience) else {
            throw FleetError(.positionNotReached, "The log has not reached this position yet.")
        }
    }

    /// - Throws: `resync` when the place was lost meanwhile.
    private func isReached(_ place: LogPlace, within patience: Duration) async throws -> Bool {
        let committed = api.orchestrator.committed
        let deadline = ContinuousClock.now + patience
        while !committed.hasReached(place) {
            guard ContinuousClock.now < deadline else { return false }
            try await Task.sleep(for: Self.positionInterval)
        }
        guard committed.holds(place) else { throw Positions.resync }
        return true
    }

    // MARK: Answers

    /// A JSON body; a single object gets its tag and answers `If-None-Match`.
    ///
    /// - Parameters:
    ///   - tagged: what the tag is of, where the body says more.
    ///   - isSettled: whether the body is as it was while its tag is; else it is always sent.
    func answer(
        _ bytes: [UInt8], status: HTTPResponse.Status = .ok, isObject: Bool = true, tagged: [UInt8]? = nil,
        isSettled: Bool = false
    ) throws(FleetError) -> Response {
        try request.negotiate("application/json")
        var headers = HTTPFields()
        headers.append(HTTPField(name: .contentType, value: "application/json"))
        if isObject {
            let tag = ETag(of: tagged ?? bytes)
            headers.append(HTTPField(name: .eTag, value: tag.text))
            headers.append(HTTPField(name: .cacheControl, value: "no-cache, private"))
            if tagged == nil || isSettled, status == .ok, !endpoint.isWrite, let header = request.headers[.ifNoneMatch],
                try TagCondition(header, name: "If-None-Match").matchesWeakly(tag)
            {
                headers[.contentType] = nil
                return Response(status: .notModified, headers: headers)
            }
        }
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    func object(_ write: (inout JSONWriter) -> Void) throws(FleetError) -> Response {
        var writer = JSONWriter()
        write(&writer)
        return try answer(writer.bytes)
    }

    /// Notes that the caller was refused something of `owner`, and gives the error to throw.
    func crossing(_ error: FleetError, of owner: Fleet.ID, action: Permission) -> FleetError {
        note(.violationBlocked, towards: owner, action: action)
        return error
    }

    /// The error to throw; towards whomever it was denied, it is noted.
    func noted(_ error: FleetError, action: Permission) -> FleetError {
        error.crossed.map { crossing(error, of: $0, action: action) } ?? error
    }

    /// Leaves it to the writer to record what the caller is about to be shown, where that is another process.
    ///
    /// - Returns: whether it is.
    func leaveToWriter() -> Bool {
        guard api.replica.isFollower else { return false }
        isBeyondFollowers.store(true, ordering: .releasing)
        return true
    }

    /// Whether something was left to the writer since this was asked last.
    func takeWhatIsForWriter() -> Bool { isBeyondFollowers.exchange(false, ordering: .acquiringAndReleasing) }

    func note(_ type: EventType, towards owner: Fleet.ID, action: Permission) {
        guard !leaveToWriter() else { return }
        api.orchestrator.noteCrossing(
            type, by: principal, towards: owner, action: action.rawValue, object: path,
            requestID: request.identity.requestID, dryRun: isDryRun)
    }
}
