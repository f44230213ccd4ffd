import Crypto
import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird
import NIOCore

/// How a write is answered, made of the entity that it left.
struct WriteAnswer: Sendable {
    let status: HTTPResponse.Status
    /// Of what was created, below the base path.
    var location: String?
    /// What is stored is a refusal, and answered as one.
    var refusal: FleetError?

    static let ok = WriteAnswer(status: .ok)
    static let done = WriteAnswer(status: .noContent)
    /// It goes on; the body says what is left to do.
    static let accepted = WriteAnswer(status: .accepted)
    static func created(_ location: String) -> WriteAnswer {
        WriteAnswer(status: .created, location: API.base + location)
    }
    static func refused(_ error: FleetError) -> WriteAnswer { WriteAnswer(status: .conflict, refusal: error) }
}

/// A write, as its endpoint describes it.
struct Write: Sendable {
    typealias Decide = @Sendable (inout Ledger, inout Context) throws(FleetError) -> Entity?

    /// Names the operation in metrics.
    let operation: String
    /// What the answer is about.
    let kind: Entity.Kind
    var facet = Facet.whole
    /// The object that `If-Match` speaks of; nil for what does not exist before.
    var target: (@Sendable (Ledger) throws(FleetError) -> Entity)?
    /// What `target` throws where the object does not exist yet and is made, which `If-Match` is no condition of.
    var absence: ErrorCode?
    let decide: Decide
    /// What is left to do after it, where that may be something.
    var obligations: (@Sendable (Entity, Ledger) -> [Obligation])?
    let answer: @Sendable (Entity) -> WriteAnswer
    /// Shown with the object this one time, such as a new key.
    var secret: String?
    /// What the object is told from others by besides a key of the caller's.
    var identities: [WriteIdentity] = []
    /// What is sealed in the object, for the answer.
    var opened: @Sendable (Entity) async throws -> String? = { _ in nil }
}

extension Write {
    /// The object that `If-Match` speaks of; nil where there is none, or none yet.
    fileprivate func found(in ledger: Ledger) throws(FleetError) -> Entity? {
        do throws(FleetError) {
            return try target?(ledger)
        } catch {
            guard error.code == absence, error.crossed == nil else { throw error }
            return nil
        }
    }
}

/// A name that the caller gave to what it asks for: asked for again within a day, it is the same.
struct WriteIdentity: Sendable {
    let parts: [String]
    /// What is answered where the name stands for something else.
    let refusal: FleetError
    /// Whether the same is answered as it was; else the name is good for once.
    var isAnsweredAgain = true
}

extension Call {
    /// Sends a write to the writer and answers with what it left, or with what an earlier request with the same
    /// key did.
    ///
    /// - Parameter prepare: runs where it is no replay.
    func perform(
        _ write: Write, body: JSONObject = JSONObject(), prepare: () async throws -> Void = {}
    ) async throws -> Response {
        try request.negotiate("application/json")
        let claims = try await claims(body, write.identities)
        if case .replay(let position) = claims { return try await replay(write, position) }
        try await prepare()
        let condition = try condition(hasTarget: write.target != nil && write.absence == nil)
        let isRequired = api.requiresIfMatch && write.absence != nil
        let view = view
        let command = Command(
            operation: write.operation, principal: principal, object: path, requestID: request.identity.requestID,
            dryRun: isDryRun, claims: claims.fresh
        ) { (ledger, context) throws(FleetError) in
            if condition != nil || isRequired, let target = try write.found(in: ledger) {
                guard let condition else { throw Self.preconditionRequired }
                try condition.require(ETag(of: view.bytes(of: target, write.facet, in: ledger)))
            } else if condition != nil, write.absence != nil {
                throw FleetError(.preconditionFailed, "The object that If-Match names is not there.")
            }
            let entity = try write.decide(&ledger, &context)
            var decision = Decision(entity)
            if let entity { decision.obligations = write.obligations?(entity, ledger) ?? [] }
            decision.place = entity?.waiter.flatMap { ledger.place(of: $0, context) }
            if case .federation(let federation)? = entity {
                decision.standing = ledger.standing(of: context.principal, in: federation)
            }
            if case .allocation(let allocation)? = entity {
                decision.leases = allocation.leases.compactMap { ledger.leases[$0] }
            }
            if case .quota(let quota)? = entity { decision.use = ledger.visibleUse(of: quota, context.principal) }
            return decision
        }
        switch try await api.orchestrator.submit(command) {
        case .decided(let decision, let position): return try await answer(write, decision, position)
        case .replayed(let position): return try await replay(write, position)
        }
    }

    /// Where something that waits stands in the queue; nil for what does not wait.
    func place(of entity: Entity) async throws(FleetError) -> Place? {
        guard let waiter = entity.waiter else { return nil }
        // To look ahead, the writer goes on from its own state, and takes it back.
        let command = Command(
            operation: "queue.look", principal: principal, object: path, requestID: request.identity.requestID,
            dryRun: true
        ) { (ledger, context) throws(FleetError) in
            var decision = Decision(nil)
            decision.place = ledger.place(of: waiter, context)
            return decision
        }
        guard case .decided(let decision, _) = try await api.orchestrator.submit(command) else { return nil }
        return decision.place
    }

    // MARK: If-Match

    private static let preconditionRequired = FleetError(
        .preconditionRequired, "Send If-Match with the ETag of the object that you saw.")

    func condition(hasTarget: Bool) throws(FleetError) -> TagCondition? {
        guard let header = request.headers[.ifMatch] else {
            guard !(hasTarget && api.requiresIfMatch && endpoint.method != .post) else {
                throw Self.preconditionRequired
            }
            return nil
        }
        return try TagCondition(header, name: "If-Match")
    }

    /// The answer of a write that finds done what it asks for: the object as it is, and the end of the log.
    func answer(unchanged entity: Entity) async throws(FleetError) -> Response {
        let place = try await place(of: entity)
        let tagged = view.bytes(of: entity)
        if let condition = try condition(hasTarget: true) { try condition.require(ETag(of: tagged)) }
        var response = try answer(place == nil ? tagged : view.bytes(of: entity, place: place), tagged: tagged)
        let end = api.orchestrator.committed.place
        response.headers.append(
            HTTPField(name: .eventPosition, value: api.positions.text(of: end, for: principal)))
        return response
    }

    // MARK: Idempotency-Key

    private enum Claims {
        case fresh([IdempotencyClaim])
        case replay(Int64)

        var fresh: [IdempotencyClaim] { if case .fresh(let claims) = self { claims } else { [] } }
    }

    /// - Throws: `invalid_idempotency_key`, `idempotency_key_reused`, what the identity's refusal is.
    private func claims(_ body: JSONObject, _ identities: [WriteIdentity]) async throws -> Claims {
        var keys: [(hash: UInt128, refusal: FleetError, isAnsweredAgain: Bool)] = []
        if let key = request.headers[.idempotencyKey] {
            guard (16...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw FleetError(.invalidIdempotencyKey, "An Idempotency-Key is 16 to 255 visible ASCII characters.")
            }
            let hash = halfHash([principal.subject, request.method.rawValue, path, key])
            keys.append((hash, IdempotencyClaim.keyReused, true))
        }
        keys += identities.map { (halfHash($0.parts), $0.refusal, $0.isAnsweredAgain) }
        guard !keys.isEmpty, !isDryRun else { return .fresh([]) }
        let asked = endpoint.parameters.map { query[$0.name] ?? "" }
        let fingerprint = halfHash([JSON.object(body.sorted).text] + asked)
        var claims: [IdempotencyClaim] = []
        for (hash, refusal, isAnsweredAgain) in keys {
            let record = try await stored { () throws(StoreError) in try await api.store.idempotencyRecord(hash) }
            let isExpired = record.map { $0.at <= api.environment.now() - IdempotencyRecord.lifetime } ?? false
            if let record, !isExpired {
                guard isAnsweredAgain, record.fingerprint == fingerprint else { throw refusal }
                return .replay(record.position)
            }
            claims.append(
                IdempotencyClaim(
                    key: hash, fingerprint: fingerprint, replacesExpired: isExpired, refusal: refusal,
                    isAnsweredAgain: isAnsweredAgain))
        }
        return .fresh(claims)
    }

    private func halfHash(_ parts: [String]) -> UInt128 {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Array("\(part.utf8.count):".utf8))
            hash.update(data: Array(part.utf8))
        }
        return hash.finalize().prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
    }

    /// Renders the answer again from its event, if the caller may still see what it is about.
    private func replay(_ write: Write, _ position: Int64) async throws -> Response {
        let events = try await stored { () throws(StoreError) in
            try await api.store.events(after: position - 1, limit: 1)
        }
        guard let event = events.first, event.entity.kind == write.kind else {
            throw FleetError(.internalError, "The earlier answer cannot be found.")
        }
        var decision = Decision(event.entity)
        if case .federation(let federation) = event.entity {
            decision.standing = try await stored { () throws(StoreError) in
                try await api.store.standing(of: principal, in: federation.id)
            }
            // Of one version, what is stored knows the epoch that members have raised since.
            if let stored = decision.standing?.federation, stored.version == federation.version {
                decision.entity = .federation(stored)
            }
        }
        try await requireStillVisible(event.entity)
        if case .quota(let quota) = event.entity {
            let principal = principal
            decision.use = try await api.orchestrator.inspect { $0.visibleUse(of: quota, principal) }
        }
        if case .allocation(let allocation) = event.entity, !allocation.leases.isEmpty {
            decision.leases = try await leases(decidedWith: allocation, position)
        }
        decision.place = try await place(of: event.entity)
        decision.obligations = try await api.orchestrator.inspect { ledger in
            write.obligations?(event.entity, ledger) ?? []
        }
        var response = try await answer(write, decision, event.position, isReplay: true)
        response.headers.append(HTTPField(name: .idempotencyReplayed, value: "true"))
        return response
    }

    /// The leases as they were decided: their events stand right before that of their allocation.
    private func leases(decidedWith allocation: Allocation, _ position: Int64) async throws -> [Lease] {
        let count = allocation.leases.count
        let events = try await stored { () throws(StoreError) in
            try await api.store.events(after: position - 1 - Int64(count), limit: count)
        }
        return events.compactMap(\.entity.asLease).filter { $0.allocation == allocation.id }
    }

    private func requireStillVisible(_ entity: Entity) async throws {
        guard case .permission(let permission) = endpoint.access else { return }
        let principal = principal
        let isVisible = try await api.orchestrator.inspect { ledger in
            ledger.isVisible(entity, to: principal, under: permission)
        }
        guard isVisible else { throw FleetError.denied(permission) }
    }

    // MARK: The answer

    private func answer(
        _ write: Write, _ decision: Decision, _ position: Int64, isReplay: Bool = false
    ) async throws -> Response {
        let answer = decision.entity.map(write.answer) ?? .done
        let eventPosition = HTTPField(name: .eventPosition, value: api.positions.text(of: position, for: principal))
        if let refusal = answer.refusal {
            let replayed = isReplay ? [HTTPField(name: .idempotencyReplayed, value: "true")] : []
            throw StoredRefusal(error: refusal, headers: HTTPFields([eventPosition] + replayed))
        }
        var response: Response
        if answer.status == .noContent {
            response = Response(status: .noContent)
        } else if let entity = decision.entity {
            let opened = try await write.opened(entity)
            func bytes(_ place: Place?, _ opened: String?) -> [UInt8] {
                view.bytes(
                    of: entity, write.facet, standing: decision.standing, leases: decision.leases, place: place,
                    use: decision.use, opened: opened, secret: isReplay ? nil : write.secret,
                    obligations: answer.status == .accepted && write.obligations != nil ? decision.obligations : nil)
            }
            let isPlain = decision.place == nil && opened == nil
            response = try self.answer(
                bytes(decision.place, opened), status: answer.status, tagged: isPlain ? nil : bytes(nil, nil))
        } else {
            response = Response(status: answer.status)
        }
        if let location = answer.location { response.headers[.location] = location }
        response.headers.append(eventPosition)
        return response
    }
}

extension HTTPField.Name {
    static let idempotencyKey = named("Idempotency-Key")
    static let idempotencyReplayed = named("Idempotency-Replayed")
    static let eventPosition = named("Event-Position")
}

/// Reads from the store; what it could not do becomes an error of the API.
func stored<Value>(_ read: () async throws(StoreError) -> Value) async throws(FleetError) -> Value {
    do {
        return try await read()
    } catch {
        throw FleetError(storage: error)
    }
}
