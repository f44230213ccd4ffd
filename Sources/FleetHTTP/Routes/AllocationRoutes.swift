import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird
import Synchronization

/// Allocations: a quantity of a type, or of several types together, of whoever can give it.
enum AllocationRoutes {
    private static let item = [
        Schema.Field("resource_type", .name),
        Schema.Field("quantity", .integer(1...1_000_000)),
        Schema.Field(
            "attributes", .attributes(atMost: 16), "What each resource must have: a value, or {\"min\": n, \"max\": n}."
        ),
    ]
    static let request = Schema.object(
        [
            Schema.Field("federation_id", .uuid, required: true),
            Schema.Field("target_fleet_id", .name, required: true, "The fleet that asks."),
            Schema.Field("duration", .integer(1...31_536_000), required: true, "Seconds."),
            Schema.Field("earliest", .timestamp, "The first start that will do; now, when absent."),
            Schema.Field("latest", .timestamp, "The last start that will do; earliest, when absent."),
            Schema.Field("priority", .choice(Priority.self)),
            Schema.Field(
                "queue", .boolean, "Whether it may wait. Without latest it then takes whatever start comes."),
            Schema.Field("partial", .boolean, "Whether a part of the quantity will do."),
            Schema.Field("purpose", .string(0...500)),
            Schema.Field("reason", .string(0...500), "Mandatory for an emergency."),
            Schema.Field(
                "items", .array(.object(item), atMost: 16),
                "Several types, given together or not at all, in place of one."),
        ] + item)

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        guard let federation: Federation.ID = body.id("federation_id") else {
            throw FleetError.invalid("/federation_id", "required", "is missing")
        }
        let request = AllocationRequest(
            federation: federation, target: try body.requiredName("target_fleet_id"), items: try items(of: body),
            duration: body.integer("duration") ?? 1, earliest: body.time("earliest"), latest: body.time("latest"),
            priority: body.choice("priority") ?? .normal, acceptsPart: body.bool("partial") ?? false,
            purpose: body.optionalText("purpose"), reason: body.optionalText("reason"),
            mayWait: body.bool("queue") ?? false)
        return try await call.perform(
            Write(operation: "allocation.decide", kind: .allocation) { (ledger, context) throws(FleetError) in
                try ledger.allocate(request, &context)
            } answer: { entity in
                if let refusal = entity.asAllocation?.refusal { return .refused(refusal) }
                return .created("/allocations/\(entity.subject)")
            }, body: body)
    }

    /// One type with its quantity, or `items`; all faults at once.
    private static func items(of body: JSONObject) throws(FleetError) -> [AllocationItem] {
        let several = body["items"]?.arrayValue
        var faults: [FleetError.Fault] = []
        if several != nil {
            for name in ["resource_type", "quantity", "attributes"] where body[name] != nil {
                faults.append(FleetError.Fault("/\(name)", "not_with_items", "belongs into each of the items"))
            }
            if several?.isEmpty == true { faults.append(FleetError.Fault("/items", "too_few", "has no element")) }
        }
        var items: [AllocationItem] = []
        let sources = several.map { $0.enumerated().map { ("/items/\($0)", $1.objectValue ?? JSONObject()) } }
        for (place, object) in sources ?? [("", body)] {
            for name in ["resource_type", "quantity"] where object[name] == nil {
                faults.append(FleetError.Fault("\(place)/\(name)", "required", "is missing"))
            }
            guard let type: ResourceType = object.name("resource_type"), let quantity = object.integer("quantity")
            else {
                continue
            }
            let attributes = object["attributes"]?.objectValue?.sorted.members ?? []
            items.append(
                AllocationItem(
                    type: type, quantity: quantity,
                    attributes: attributes.map { Requirement(name: $0.key, json: $0.value) }))
        }
        guard faults.isEmpty else { throw FleetError.invalid(faults) }
        return items
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = AllocationFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.fleet = call.parameter("fleet_id", Fleet.ID.init)
        filter.status = call.choice("status")
        let asked = filter
        let store = call.api.store
        let (found, leases) = try await stored { () throws(StoreError) in
            let found = try await store.allocations(
                for: call.principal, asked, after: page.after(Allocation.ID.self), size: page.size)
            return (found, try await store.leases(of: found.rows.map(\.id), for: call.principal))
        }
        let owners = found.rows.map(\.target) + leases.values.joined().map(\.source)
        try await call.notePrivilege(towards: Set(owners), action: .sharingRead)
        return try call.answer("allocations", found, next: \.id.description) { allocation, writer in
            call.view.write(allocation, leases: leases[allocation.id] ?? [], to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let (allocation, leases) = try await allocation(call)
        let place = try await call.place(of: .allocation(allocation))
        func bytes(_ place: Place?) -> [UInt8] {
            call.view.bytes(of: .allocation(allocation), leases: leases, place: place)
        }
        return try call.answer(bytes(place), tagged: place == nil ? nil : bytes(nil))
    }

    /// The allocation, if the caller may see it: for the fleet that asked, or as a coordinator where its use is open; with
    /// those of its leases that the caller may see.
    private static func allocation(_ call: Call) async throws -> (Allocation, [Lease]) {
        let id: Allocation.ID = try call.id("allocation_id")
        let objects = call.api.objects
        let found = try await stored { () throws(StoreError) in try await objects.allocation(id) }
        guard let (allocation, leases) = found else { throw FleetError.notFound(.allocationNotFound) }
        if call.view.sees(allocation) {
            let owners = [allocation.target] + leases.map(\.source)
            try await call.notePrivilege(towards: Set(owners), action: .sharingRead)
            return (allocation, leases)
        }
        let open = try await stored { () throws(StoreError) -> [Lease]? in
            guard let standing = try await objects.standing(of: call.principal, in: allocation.federation),
                call.principal.holds(.sharingRead, coordinating: standing)
            else { return nil }
            let member = try await objects.member(
                Member.Key(federation: allocation.federation, fleet: allocation.target))
            guard View.useIsOpen(member, member) else { return nil }
            var open: [Lease] = []
            for lease in leases {
                let lender = try await objects.member(
                    Member.Key(federation: allocation.federation, fleet: lease.source))
                if call.view.sees(lease, asCoordinator: View.useIsOpen(lender, member)) { open.append(lease) }
            }
            return open
        }
        guard let open else {
            throw call.crossing(.notFound(.allocationNotFound), of: allocation.target, action: .sharingRead)
        }
        return (allocation, open)
    }

    static func cancel(_ call: Call) async throws -> Response {
        let id: Allocation.ID = try call.id("allocation_id")
        let version = Mutex<Int64?>(nil)
        do {
            return try await call.perform(
                Write(operation: "allocation.cancel", kind: .allocation) { (ledger, context) throws(FleetError) in
                    try ledger.cancel(id, seenAs: version.withLock { $0 }, &context)
                } answer: { _ in
                    .done
                }
            ) {
                let seen = try await seen(call)
                version.withLock { $0 = seen }
            }
        } catch let error as FleetError where error.code == .allocationNotFound && error.crossed == nil {
            // One that is over is no longer with the writer; to try to end a hidden one is a crossing all the same.
            _ = try await allocation(call)
            throw error
        }
    }

    /// The version that `If-Match` names, compared with what is stored, as the tag covers leases that are over; nil
    /// without the header. The writer then requires that the version is still the same.
    private static func seen(_ call: Call) async throws -> Int64? {
        guard let condition = try call.condition(hasTarget: true) else { return nil }
        let (allocation, leases) = try await allocation(call)
        try condition.require(ETag(of: call.view.bytes(of: .allocation(allocation), leases: leases)))
        return allocation.version
    }
}

extension Allocation {
    /// The problem that a refused one is answered with.
    fileprivate var refusal: FleetError? {
        guard status == .refused else { return nil }
        var error = FleetError(ErrorCode(rawValue: explanation.code) ?? .unavailable, explanation.summary)
        error.explanation = explanation
        error.details["allocation_id"] = .text(id.description)
        return error
    }
}
