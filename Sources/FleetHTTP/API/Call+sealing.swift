import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes

extension Call {
    /// The fleet's contact, as JSON text; nil when it has none, or its data key was destroyed.
    func contact(of fleet: Fleet) async throws(FleetError) -> String? {
        guard let sealed = fleet.contact else { return nil }
        // An administrator may, and not unseen.
        if principal.isAdmin { note(.privilegedRead, towards: fleet.id, action: .fleetRead) }
        return try await stored { () throws(StoreError) in
            try await api.vault.open(sealed, .contact, of: fleet.id)
        }
    }

    /// Seals what the caller sent of a fleet for an event to come.
    ///
    /// - Parameter generation: the fleet's, as it is now.
    func seal(
        _ text: String, _ field: Vault.Field, of fleet: Fleet.ID, generation: Int64
    ) async throws -> Sealed {
        let event: Event.ID = api.environment.newID(at: api.environment.now())
        // Of a trial nothing is kept, and no key is made for it.
        guard !isDryRun else { return Sealed(generation: generation, event: event, box: "") }
        return try await sealing {
            try await api.vault.seal(text, field, of: fleet, generation: generation, for: event)
        }
    }

    /// Tells two texts apart, and tells nothing of them without the data key.
    func digest(of text: String, of fleet: Fleet.ID, generation: Int64) async throws -> String {
        if isDryRun { return "" }
        return try await sealing { try await api.vault.digest(of: text, of: fleet, generation: generation) }
    }

    var hasIdempotencyKey: Bool { request.headers[.idempotencyKey] != nil }

    private func sealing<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as StoreError {
            throw error == .conflict(constraint: Vault.erasure)
                ? FleetError.erasedMeanwhile : FleetError(storage: error)
        }
    }

    /// The body with a keyed digest in the place of a member that is sealed: what tells a request from another must not
    /// outlive the data key.
    func fingerprint(
        _ body: JSONObject, sealing member: String, of fleet: Fleet.ID, generation: Int64
    ) async throws -> JSONObject {
        guard hasIdempotencyKey, !isDryRun, let value = body[member] else { return body }
        let text = value.canonicalText
        var body = body
        body[member] = .string(try await digest(of: text, of: fleet, generation: generation))
        return body
    }
}

extension JSON {
    /// The same text for equal values, whatever the order of their members was.
    var canonicalText: String {
        switch self {
        case .object(let object): JSON.object(object.sorted).text
        default: text
        }
    }
}
