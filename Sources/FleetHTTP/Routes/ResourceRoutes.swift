import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// A fleet's resources, their calendars, and the check of their fences.
enum ResourceRoutes {
    private static let terms = [
        Schema.Field("capacity", .integer(1...1_000_000_000), "1 is a unit, more is a pool."),
        Schema.Field("attributes", .attributes(atMost: Resource.attributesMax), "In a patch they are merged."),
        Schema.Field("buffer_seconds", .integer(0...604_800), "Stays occupied after each lease."),
        Schema.Field("handover", .choice(Handover.self)),
        Schema.Field("interruptible", .boolean),
        Schema.Field(
            "pooled", .boolean,
            "A unit that any like it may stand for: not lent by name, bound to a lease shortly before it begins."),
        Schema.Field("on_lease_loss", .choice(LeaseLossRule.self)),
        Schema.Field("status", .choice(["available", "maintenance"])),
    ]
    static let draft = Schema.object(
        [
            Schema.Field("resource_id", .name, required: true, "Unique within the fleet."),
            Schema.Field("resource_type", .name, required: true),
        ] + terms)
    static let patch = Schema.object(terms)
    static let fence = Schema.object([
        Schema.Field("fencing_token", .integer(0...Int64.max), required: true),
        Schema.Field("sharing_id", .uuid, required: true),
    ])

    static func register(_ call: Call) async throws -> Response {
        let fleet: Fleet.ID = try call.name("fleet_id")
        let body = try await call.body()
        var draft = ResourceDraft(
            key: Resource.Key(fleet: fleet, resource: try body.requiredName("resource_id")),
            type: try body.requiredName("resource_type"))
        draft.capacity = body.integer("capacity") ?? draft.capacity
        draft.attributes = body["attributes"]?.objectValue ?? draft.attributes
        draft.buffer = body.integer("buffer_seconds") ?? draft.buffer
        draft.handover = body.choice("handover") ?? draft.handover
        draft.interruptible = body.bool("interruptible") ?? draft.interruptible
        draft.pooled = body.bool("pooled") ?? draft.pooled
        draft.onLeaseLoss = body.choice("on_lease_loss") ?? draft.onLeaseLoss
        draft.status = body.choice("status") ?? draft.status
        let command = draft
        return try await call.perform(
            Write(operation: "resource.register", kind: .resource) { (ledger, context) throws(FleetError) in
                try ledger.register(command, &context)
            } answer: { _ in
                .created("/fleets/\(fleet)/resources/\(command.key.resource)")
            }, body: body)
    }

    /// The resources one by one, or for who may not know them how many there are of each type.
    static func list(_ call: Call) async throws -> Response {
        let (fleet, disclosure) = try await call.fleet()
        let page = try call.page()
        guard disclosure >= .attributes else { return try await counts(of: fleet.id, disclosure, call) }
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.resources(
                of: fleet.id, for: call.principal, after: page.after(Resource.ID.self), size: page.size)
        }
        return try call.answer("resources", found, next: \.key.resource.description) { resource, writer in
            call.view.write(resource, disclosure: disclosure, to: &writer)
        }
    }

    private static func counts(of fleet: Fleet.ID, _ disclosure: Disclosure, _ call: Call) async throws -> Response {
        guard disclosure >= .counts else {
            throw call.crossing(FleetError.denied(.fleetRead), of: fleet, action: .fleetRead)
        }
        let counts = try await stored { () throws(StoreError) in
            try await call.api.store.resourceCounts(of: fleet, for: call.principal)
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("resources")
        writer.beginArray()
        writer.endArray()
        writer.key("counts")
        writer.beginArray()
        for count in counts {
            writer.beginObject()
            writer.field("resource_type", count.type.description)
            writer.field("quantity", count.capacity)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    static func get(_ call: Call) async throws -> Response {
        let (resource, disclosure) = try await resource(call)
        return try call.object { call.view.write(resource, disclosure: disclosure, to: &$0) }
    }

    private static func resource(_ call: Call) async throws -> (Resource, Disclosure) {
        let (fleet, disclosure) = try await call.fleet()
        guard disclosure >= .attributes else {
            throw call.crossing(FleetError.denied(.fleetRead), of: fleet.id, action: .fleetRead)
        }
        let key = Resource.Key(fleet: fleet.id, resource: try call.name("resource_id"))
        let resource = try await stored { () throws(StoreError) in try await call.api.objects.resource(key) }
        guard let resource else { throw FleetError.notFound(.resourceNotFound) }
        return (resource, disclosure)
    }

    static func patch(_ call: Call) async throws -> Response {
        let key = try key(call)
        let body = try await call.body()
        var patch = ResourcePatch()
        patch.capacity = body.integer("capacity")
        patch.attributes = body["attributes"]?.objectValue
        patch.buffer = body.integer("buffer_seconds")
        patch.handover = body.choice("handover")
        patch.interruptible = body.bool("interruptible")
        patch.pooled = body.bool("pooled")
        patch.onLeaseLoss = body.choice("on_lease_loss")
        patch.status = body.choice("status")
        let command = patch
        return try await call.perform(
            Write(operation: "resource.update", kind: .resource, target: target(key, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.patch(key, command, &context)
            } answer: { _ in
                .ok
            }, body: body)
    }

    static func retire(_ call: Call) async throws -> Response {
        let key = try key(call)
        return try await call.perform(
            Write(operation: "resource.retire", kind: .resource, target: target(key, call)) {
                (ledger, context) throws(FleetError) in
                try ledger.retire(key, &context)
            } answer: { _ in
                .done
            })
    }

    /// Who uses the resource when: everything for its owner, the use alone where use is open, and for others what
    /// they lease themselves.
    static func calendar(_ call: Call) async throws -> Response {
        let (resource, disclosure) = try await resource(call)
        let page = try call.page()
        let from = call.parameter("from", Timestamp.init) ?? call.api.environment.now()
        let to = call.parameter("to", Timestamp.init) ?? .distantFuture
        guard from < to else { throw FleetError(.invalidParameter, "The parameter 'to' is not after 'from'.") }
        let after = page.after.flatMap(place)
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.calendar(
                of: resource.key, from: from, to: to, after: after, size: page.size,
                borrowers: disclosure >= .use ? nil : call.principal.fleets)
        }
        let next: (Lease) -> String = { "\($0.startsAt.milliseconds) \($0.id)" }
        return try call.answer("entries", found, next: next) { lease, writer in
            write(lease, isNamed: disclosure == .full || call.view.sees(lease), to: &writer)
        }
    }

    private static func place(_ text: String) -> (Timestamp, Lease.ID)? {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let start = Int64(parts[0]), let id = Lease.ID(String(parts[1])) else { return nil }
        return (Timestamp(milliseconds: start), id)
    }

    private static func write(_ lease: Lease, isNamed: Bool, to writer: inout JSONWriter) {
        writer.beginObject()
        if isNamed { writer.field("sharing_id", lease.id.description) }
        writer.field("starts_at", lease.startsAt.description)
        writer.field("ends_at", lease.endsAt.description)
        writer.field("quantity", lease.quantity)
        if isNamed { writer.field("status", lease.status.rawValue) }
        writer.endObject()
    }

    static func reportFence(_ call: Call) async throws -> Response {
        let key = try key(call)
        let body = try await call.body()
        guard let token = body.integer("fencing_token"), let lease: Lease.ID = body.id("sharing_id") else {
            throw FleetError.invalid("", "required", "names a token and a lease")
        }
        return try await call.perform(
            Write(operation: "resource.fence", kind: .lease) { (ledger, context) throws(FleetError) in
                try ledger.report(fence: token, of: key, for: lease, &context)
            } answer: { _ in
                .done
            }, body: body)
    }

    private static func key(_ call: Call) throws(FleetError) -> Resource.Key {
        Resource.Key(fleet: try call.name("fleet_id"), resource: try call.name("resource_id"))
    }

    private static func target(
        _ key: Resource.Key, _ call: Call
    ) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .resource(try ledger.ownedResource(key, principal, .fleetOperate)) }
    }
}
