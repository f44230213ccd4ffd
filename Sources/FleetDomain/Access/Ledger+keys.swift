package struct APIKeyDraft: Sendable, Equatable {
    package var name: String
    /// Made from the secret before the command is sent: the secret itself never reaches the ledger.
    package var id: APIKey.ID
    package var digest: [UInt8]
    package var roles: Set<Role>
    package var fleets: Set<Fleet.ID>
    package var federations: Set<Federation.ID>
    package var scopes: Set<Permission>
    package var expiresAt: Timestamp?

    package init(
        name: String, id: APIKey.ID, digest: [UInt8], roles: Set<Role>, fleets: Set<Fleet.ID> = [],
        federations: Set<Federation.ID> = [], scopes: Set<Permission> = [], expiresAt: Timestamp? = nil
    ) {
        self.name = name
        self.id = id
        self.digest = digest
        self.roles = roles
        self.fleets = fleets
        self.federations = federations
        self.scopes = scopes
        self.expiresAt = expiresAt
    }
}

extension Ledger {
    /// Makes a key. Who is no platform administrator makes keys no wider than itself.
    package mutating func create(_ draft: APIKeyDraft, _ context: inout Context) throws(FleetError) -> Entity {
        let principal = context.principal
        if let expiresAt = draft.expiresAt, expiresAt <= context.now {
            throw FleetError.invalid("/expires_at", "in_the_past", "is not to come")
        }
        guard principal.mayHold(.keyManage) else { throw FleetError.denied(.keyManage) }
        let key = APIKey(
            id: draft.id, name: draft.name, digest: draft.digest, roles: draft.roles, fleets: draft.fleets,
            federations: draft.federations, scopes: draft.scopes, createdBy: principal.subject,
            expiresAt: draft.expiresAt, revokedAt: nil, createdAt: context.now)
        guard principal.isAdmin || key.principal.isNoWider(than: principal), !outlivesItsMaker(key) else {
            throw FleetError(.permissionDenied, "A key cannot be wider than the principal that makes it.")
        }
        record(.keyCreated, .apiKey(key), &context)
        return .apiKey(key)
    }

    /// Whether the key was made with another one and would be valid when that one has expired.
    private func outlivesItsMaker(_ key: APIKey) -> Bool {
        guard key.createdBy.hasPrefix("key:"), let id = APIKey.ID(String(key.createdBy.dropFirst(4))),
            let end = keys[id]?.expiresAt
        else { return false }
        return key.expiresAt.map { $0 > end } ?? true
    }

    package mutating func revoke(_ id: APIKey.ID, _ context: inout Context) throws(FleetError) -> Entity {
        guard var key = keys[id], key.revokedAt == nil,
            context.principal.holdsEverywhere(.keyManage)
                || context.principal.mayHold(.keyManage) && key.createdBy == context.principal.subject
        else { throw FleetError.notFound(.keyNotFound) }
        key.revokedAt = context.now
        record(.keyRevoked, .apiKey(key), &context)
        return .apiKey(key)
    }
}
