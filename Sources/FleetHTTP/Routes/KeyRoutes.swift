import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// API keys: made, listed, revoked.
enum KeyRoutes {
    static let draft = Schema.object([
        Schema.Field("name", .string(1...100), required: true),
        Schema.Field("roles", .array(.choice(Role.self), atMost: 6), required: true),
        Schema.Field("fleet_ids", .array(.name, atMost: 100)),
        Schema.Field("federation_ids", .array(.uuid, atMost: 100)),
        Schema.Field("scopes", .array(.choice(Permission.self), atMost: 64), "What a service may do."),
        Schema.Field("expires_at", .timestamp),
    ])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let token = APIKeyToken(id: call.api.environment.newID(at: call.api.environment.now()))
        let draft = APIKeyDraft(
            name: body.text("name"), id: token.id, digest: token.digest.bytes,
            roles: Set(body["roles"]?.strings(Role.init(rawValue:)) ?? []),
            fleets: Set(body["fleet_ids"]?.strings(Fleet.ID.init) ?? []),
            federations: Set(body["federation_ids"]?.strings(Federation.ID.init) ?? []),
            scopes: Set(body["scopes"]?.strings(Permission.init(rawValue:)) ?? []),
            expiresAt: body.time("expires_at"))
        return try await call.perform(
            Write(
                operation: "key.create", kind: .apiKey,
                decide: { (ledger, context) throws(FleetError) in try ledger.create(draft, &context) },
                answer: { .created("/api-keys/\($0.subject)") }, secret: call.isDryRun ? nil : token.text),
            body: body)
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.keys(for: call.principal, after: page.after(APIKey.ID.self), size: page.size)
        }
        return try call.answer("api_keys", found, next: \.id.description) { key, writer in
            call.view.write(key, to: &writer)
        }
    }

    static func revoke(_ call: Call) async throws -> Response {
        let id: APIKey.ID = try call.id("key_id")
        return try await call.perform(
            Write(operation: "key.revoke", kind: .apiKey) { (ledger, context) throws(FleetError) in
                try ledger.revoke(id, &context)
            } answer: { _ in
                .done
            })
    }
}
