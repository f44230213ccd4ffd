import FleetDomain
import FleetHTTP
import FleetService
import Foundation

/// The platform administrator's key: there is no default password, so the first start makes one.
enum AdminKey {
    private static let name = "admin"

    /// Puts the configured key in force, or makes one on a first start without any credentials.
    ///
    /// - Returns: the key that was made, to be shown this once; nil when none was.
    static func establish(_ settings: Settings, _ orchestrator: FederationOrchestrator) async throws -> String? {
        if let key = settings.adminKey {
            try await replace(with: APIKey.ID(raw: .random(in: .min ... .max)), key.bytes, orchestrator)
            return nil
        }
        let hasAdmin = try await orchestrator.inspect { ledger in ledger.keys.values.contains(where: isInForce) }
        guard !hasAdmin, settings.issuer == nil else { return nil }
        let token = APIKeyToken(id: Environment.system.newID(at: Environment.system.now()))
        // The file first: a key that nobody can read again would lock everybody out.
        try Secret.write(token.text, to: settings.dataDirectory + "/admin-api-key")
        try await replace(with: token.id, token.digest.bytes, orchestrator)
        return token.text
    }

    private static func isInForce(_ key: APIKey) -> Bool {
        key.createdBy == Principal.system.subject && key.name == name && key.revokedAt == nil
    }

    /// Makes the key with this digest the only administrator's key of ours.
    private static func replace(
        with id: APIKey.ID, _ digest: [UInt8], _ orchestrator: FederationOrchestrator
    ) async throws {
        let draft = APIKeyDraft(name: name, id: id, digest: digest, roles: [.platformAdmin])
        _ = try await orchestrator.submit(
            Command(operation: "key.establish", principal: .system, requestID: "start") {
                (ledger, context) throws(FleetError) in
                let earlier = ledger.keys.values.filter(isInForce).sorted { $0.id < $1.id }
                if earlier.contains(where: { $0.digest == digest }) { return Decision(nil) }
                for key in earlier { _ = try ledger.revoke(key.id, &context) }
                return Decision(try ledger.create(draft, &context))
            })
    }
}
