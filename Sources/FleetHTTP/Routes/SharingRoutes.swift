import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Resource sharing: asking for a lease, and the steps of its life.
enum SharingRoutes {
    static let request = Schema.object([
        Schema.Field("source_fleet_id", .name, required: true, "The lender."),
        Schema.Field("target_fleet_id", .name, required: true, "The borrower."),
        Schema.Field("resource_type", .name, required: true),
        Schema.Field("resource_id", .name, required: true),
        Schema.Field("duration", .integer(1...31_536_000), required: true, "Seconds."),
        Schema.Field("priority", .choice(Priority.self), required: true),
        Schema.Field("federation_id", .uuid, "Needed where the fleets meet in several."),
        Schema.Field("starts_at", .timestamp, "Now, when absent."),
        Schema.Field("quantity", .integer(1...1_000_000)),
        Schema.Field("purpose", .string(0...500)),
        Schema.Field("reason", .string(0...500), "Mandatory for an emergency."),
        Schema.Field("queue", .boolean, "Whether it may wait for the resource, where the lender shows it."),
    ])
    static let update = Schema.object([
        Schema.Field("duration", .integer(1...31_536_000), "Seconds; longer is decided anew."),
        Schema.Field("priority", .choice(Priority.self)),
        Schema.Field("status", .choice(LeaseStatus.self), "One of the allowed transitions."),
    ])
    static let reason = Schema.object([Schema.Field("reason", .string(0...500))])

    static func create(_ call: Call) async throws -> Response {
        let body = try await call.body()
        let request = SharingRequest(
            source: try body.requiredName("source_fleet_id"), target: try body.requiredName("target_fleet_id"),
            resourceType: try body.requiredName("resource_type"), resource: try body.requiredName("resource_id"),
            duration: body.integer("duration") ?? 1, priority: body.choice("priority") ?? .normal,
            federation: body.id("federation_id"), startsAt: body.time("starts_at"),
            quantity: body.integer("quantity") ?? 1,
            purpose: body.optionalText("purpose"), reason: body.optionalText("reason"),
            mayWait: body.bool("queue") ?? false)
        return try await call.perform(
            Write(operation: "sharing.request", kind: .lease) { (ledger, context) throws(FleetError) in
                try ledger.request(request, &context)
            } answer: {
                .created("/resource-sharing/\($0.subject)")
            }, body: body)
    }

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = LeaseFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.fleet = call.parameter("fleet_id", Fleet.ID.init)
        filter.status = call.choice("status")
        filter.resourceType = call.parameter("resource_type", ResourceType.init)
        filter.resource = call.parameter("resource_id", Resource.ID.init)
        filter.from = call.parameter("from", Timestamp.init)
        filter.to = call.parameter("to", Timestamp.init)
        let asked = filter
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.leases(
                for: call.principal, asked, after: page.after(Lease.ID.self), size: page.size)
        }
        let fleets = found.rows.reduce(into: Set<Fleet.ID>()) { $0.formUnion($1.fleets) }
        try await call.notePrivilege(towards: fleets, action: .sharingRead)
        return try call.answer("resource_sharing", found, next: \.id.description) { lease, writer in
            call.view.write(lease, to: &writer)
        }
    }

    static func get(_ call: Call) async throws -> Response {
        let lease = try await lease(call.id("sharing_id"), call)
        let place = try await call.place(of: .lease(lease))
        func bytes(_ place: Place?) -> [UInt8] { call.view.bytes(of: .lease(lease), place: place) }
        return try call.answer(bytes(place), tagged: place == nil ? nil : bytes(nil))
    }

    /// The lease, if the caller may see it: as a side of it, or as a coordinator where use is open.
    private static func lease(_ id: Lease.ID, _ call: Call) async throws -> Lease {
        let lease = try await stored { () throws(StoreError) in try await call.api.objects.lease(id) }
        guard let lease else { throw FleetError.notFound(.sharingNotFound) }
        if call.view.sees(lease) {
            try await call.notePrivilege(towards: lease.fleets, action: .sharingRead)
            return lease
        }
        let openUse = try await useIsOpen(lease, call)
        guard call.view.sees(lease, asCoordinator: openUse) else {
            throw call.crossing(.notFound(.sharingNotFound), of: lease.source, action: .sharingRead)
        }
        return lease
    }

    private static func useIsOpen(_ lease: Lease, _ call: Call) async throws -> Bool {
        let objects = call.api.objects
        return try await stored { () throws(StoreError) in
            guard let standing = try await objects.standing(of: call.principal, in: lease.federation),
                call.principal.holds(.sharingRead, coordinating: standing)
            else { return false }
            let source = try await objects.member(Member.Key(federation: lease.federation, fleet: lease.source))
            let target = try await objects.member(Member.Key(federation: lease.federation, fleet: lease.target))
            return View.useIsOpen(source, target)
        }
    }

    static func put(_ call: Call) async throws -> Response {
        let id: Lease.ID = try call.id("sharing_id")
        let body = try await call.body()
        let update = LeaseUpdate(
            duration: body.integer("duration"), priority: body.choice("priority"), status: body.choice("status"))
        return try await onLive(id, call, next: update.status, action: nil) {
            try await call.perform(
                Write(operation: "sharing.update", kind: .lease, target: target(id, call)) {
                    (ledger, context) throws(FleetError) in
                    try ledger.update(id, update, &context)
                } answer: { _ in
                    .ok
                }, body: body)
        }
    }

    static func delete(_ call: Call) async throws -> Response {
        let id: Lease.ID = try call.id("sharing_id")
        do {
            return try await call.perform(
                Write(operation: "sharing.end", kind: .lease, target: target(id, call)) {
                    (ledger, context) throws(FleetError) in
                    try ledger.end(id, &context)
                } obligations: { entity, _ in
                    entity.asLease.map { [Obligation(lease: $0)] } ?? []
                } answer: { entity in
                    entity.asLease?.status.isFinal == false ? .accepted : .done
                })
        } catch let error as FleetError where error.code == .sharingNotFound && error.crossed == nil {
            // One that has ended is no longer with the writer; to try to end a hidden one is a crossing all the same.
            _ = try await lease(id, call)
            throw error
        }
    }

    static func act(_ action: LeaseAction) -> @Sendable (Call) async throws -> Response {
        { call in
            let id: Lease.ID = try call.id("sharing_id")
            let body = try await call.optionalBody()
            let reason = body.optionalText("reason")
            return try await onLive(id, call, next: action.outcome, action: action) {
                try await call.perform(
                    Write(operation: "sharing.\(action.rawValue)", kind: .lease, target: target(id, call)) {
                        (ledger, context) throws(FleetError) in
                        try ledger.act(action, on: id, reason: reason, &context)
                    } answer: { _ in
                        .ok
                    }, body: body)
            }
        }
    }

    /// Runs a step of a live lease. One that has ended is no longer with the writer: who may see it is told how it
    /// ended, which is the answer already when it is the outcome that was asked for.
    private static func onLive(
        _ id: Lease.ID, _ call: Call, next: LeaseStatus?, action: LeaseAction?, _ step: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await step()
        } catch let error as FleetError where error.code == .sharingNotFound && error.crossed == nil {
            // A live lease that is hidden has been refused, and noted, already.
            let lease = try await lease(id, call)
            if let action {
                do throws(FleetError) { _ = try call.principal.side(of: action, on: lease) } catch {
                    throw call.noted(error, action: action.permission)
                }
            }
            let isHandedBack = action == .acknowledge && lease.status == .preempted
            guard lease.status == next || isHandedBack else {
                throw FleetError.resolved(lease, toBecome: next ?? lease.status)
            }
            return try await call.answer(unchanged: .lease(lease))
        }
    }

    private static func target(_ id: Lease.ID, _ call: Call) -> @Sendable (Ledger) throws(FleetError) -> Entity {
        let principal = call.principal
        return { (ledger) throws(FleetError) in .lease(try ledger.visibleLease(id, principal)) }
    }
}

extension LeaseAction {
    /// The status in which the action leaves a lease that it ends.
    fileprivate var outcome: LeaseStatus? {
        switch self {
        case .reject: .rejected
        case .return: .completed
        case .revoke, .acknowledge: .revoked
        case .approve, .activate: nil
        }
    }
}
