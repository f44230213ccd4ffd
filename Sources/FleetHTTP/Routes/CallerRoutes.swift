import FleetDomain
import FleetJSON
import FleetStore
import Hummingbird

/// What a caller may ask about itself.
enum CallerRoutes {
    static let check = Schema.object([
        Schema.Field("permission", .choice(Permission.self), required: true),
        Schema.Field("fleet_id", .name, "In the name of this fleet, or to what it owns."),
        Schema.Field("federation_id", .uuid, "To this federation."),
    ])

    static func whoami(_ call: Call) async throws -> Response {
        let principal = call.principal
        return try call.object { writer in
            writer.beginObject()
            writer.field("subject", principal.subject)
            writer.key("roles")
            writer.value(.array(principal.roles.map(\.rawValue).sorted().map(JSON.string)))
            writer.key("fleet_ids")
            writer.value(principal.fleets.sortedJSON)
            writer.key("federation_ids")
            writer.value(principal.federations.sortedJSON)
            writer.key("scopes")
            writer.value(.array(principal.scopes.map(\.rawValue).sorted().map(JSON.string)))
            writer.key("permissions")
            writer.value(
                .array(Permission.allCases.filter(principal.mayHold).map(\.rawValue).sorted().map(JSON.string)))
            writer.endObject()
        }
    }

    /// "Could I, and if not why", within what the caller may see.
    static func checkPermission(_ call: Call) async throws -> Response {
        let body = try await call.body()
        guard let permission: Permission = body.choice("permission") else {
            throw FleetError.invalid("/permission", "required", "is missing")
        }
        let reason = try await refusal(of: permission, body, call)
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("allowed", reason == nil)
        writer.field("reason", reason)
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    private static func refusal(of permission: Permission, _ body: JSONObject, _ call: Call) async throws -> String? {
        let principal = call.principal
        guard principal.mayHold(permission) else { return "None of your roles or scopes has \(permission.rawValue)." }
        if let fleet: Fleet.ID = body.name("fleet_id"), !principal.holds(permission, for: fleet) {
            let isSeen = permission == .fleetRead ? try await isKnown(fleet, call) : false
            guard isSeen else { return "You do not act for this fleet with \(permission.rawValue)." }
        }
        if let id: Federation.ID = body.id("federation_id") {
            let standing = try await stored { () throws(StoreError) in
                try await call.api.store.standing(of: principal, in: id)
            }
            guard let standing, call.view.sees(standing) else {
                return "There is no such federation, or you may not see it."
            }
            let fleet: Fleet.ID? = body.name("fleet_id")
            guard principal.holds(permission, in: standing, for: fleet) else {
                return fleet == nil
                    ? "You neither coordinate this federation nor act for a member with \(permission.rawValue)."
                    : "This fleet is no member of the federation."
            }
        }
        return nil
    }

    /// Whether it may be read as far as isolation lets it.
    private static func isKnown(_ fleet: Fleet.ID, _ call: Call) async throws -> Bool {
        try await stored { () throws(StoreError) in
            try await call.api.store.disclosure(of: fleet, to: call.principal)
        } >= .known
    }
}
