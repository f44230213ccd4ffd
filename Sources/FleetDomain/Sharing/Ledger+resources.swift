package import FleetJSON

package struct ResourceDraft: Sendable, Equatable {
    package var key: Resource.Key
    package var type: ResourceType
    package var capacity: Int64 = 1
    package var attributes = JSONObject()
    package var buffer: Seconds = 0
    package var handover: Handover = .automatic
    package var interruptible = true
    package var pooled = false
    package var onLeaseLoss: LeaseLossRule = .stop
    package var status: ResourceStatus = .available

    package init(key: Resource.Key, type: ResourceType) {
        self.key = key
        self.type = type
    }
}

package struct ResourcePatch: Sendable, Equatable {
    package var capacity: Int64?
    /// A merge patch (RFC 7396): null takes an attribute away.
    package var attributes: JSONObject?
    package var buffer: Seconds?
    package var handover: Handover?
    package var interruptible: Bool?
    package var pooled: Bool?
    package var onLeaseLoss: LeaseLossRule?
    package var status: ResourceStatus?

    package init() {}
}

extension Ledger {
    package mutating func register(_ draft: ResourceDraft, _ context: inout Context) throws(FleetError) -> Entity {
        let fleet = try ownedFleet(draft.key.fleet, context.principal, .fleetOperate)
        guard fleet.status == .active else { throw FleetError(.invalidTransition, "The fleet is retired.") }
        try requireNotRetired(draft.status)
        try require(draft.capacity, mayBePooled: draft.pooled)
        let previous = resources[draft.key]
        guard previous == nil else {
            throw FleetError(.resourceExists, "The fleet has, or had, a resource with this id.")
        }
        context.actingFleet = draft.key.fleet
        let resource = Resource(
            key: draft.key, type: draft.type, capacity: draft.capacity, attributes: draft.attributes.sorted,
            buffer: draft.buffer, handover: draft.handover, interruptible: draft.interruptible, pooled: draft.pooled,
            onLeaseLoss: draft.onLeaseLoss, status: draft.status, fencingToken: 0, cooling: [], version: 1,
            createdAt: context.now, updatedAt: context.now)
        record(.resourceRegistered, .resource(resource), &context)
        resume(waiting(for: draft.key, now: context.now), &context)
        return .resource(resource)
    }

    /// Changes a resource for leases made from now on; what was promised keeps its terms.
    package mutating func patch(
        _ key: Resource.Key, _ patch: ResourcePatch, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var resource = try ownedResource(key, context.principal, .fleetOperate)
        guard resource.status != .retired else { throw FleetError(.invalidTransition, "The resource is retired.") }
        try requireNotRetired(patch.status)
        let old = resource
        let waiting = waiting(for: key, now: context.now)
        context.actingFleet = key.fleet
        if let capacity = patch.capacity, capacity != resource.capacity {
            try require(capacity, coversPromisesOf: resource, now: context.now)
            resource.capacity = capacity
        }
        resource.attributes = try attributes(of: resource, after: patch)
        resource.buffer = patch.buffer ?? resource.buffer
        resource.handover = patch.handover ?? resource.handover
        resource.interruptible = patch.interruptible ?? resource.interruptible
        resource.pooled = patch.pooled ?? resource.pooled
        resource.onLeaseLoss = patch.onLeaseLoss ?? resource.onLeaseLoss
        resource.status = patch.status ?? resource.status
        if patch.pooled != nil || patch.capacity != nil {
            try require(resource.capacity, mayBePooled: resource.pooled)
        }
        resource.version += 1
        resource.updatedAt = context.now
        record(.resourceUpdated, .resource(resource), &context)
        try settleClass(of: old, &context)
        // A larger pool may have room again for leases that waited for a return, and a class another unit.
        resume(waiting, &context)
        if resource.pooled { resume(self.waiting(for: key, now: context.now), &context) }
        return .resource(resources[key] ?? resource)
    }

    private func attributes(
        of resource: Resource, after patch: ResourcePatch
    ) throws(FleetError) -> JSONObject {
        guard let change = patch.attributes else { return resource.attributes }
        let merged = resource.attributes.merged(with: change).sorted
        guard merged.members.count <= Resource.attributesMax else {
            throw FleetError.invalid("/attributes", "too_many", "leaves more than \(Resource.attributesMax)")
        }
        guard JSON.object(merged).text.utf8.count <= Resource.attributeBytesMax else {
            throw FleetError.invalid("/attributes", "too_long", "leaves more than \(Resource.attributeBytesMax) bytes")
        }
        return merged
    }

    /// Retiring has its own check and its own event.
    private func requireNotRetired(_ status: ResourceStatus?) throws(FleetError) {
        guard status != .retired else {
            throw FleetError.invalid("/status", "invalid", "A resource is retired by being deleted.")
        }
    }

    /// Any unit of a class will do; what has a capacity is one resource as it is.
    private func require(_ capacity: Int64, mayBePooled pooled: Bool) throws(FleetError) {
        guard !pooled || capacity == 1 else {
            throw FleetError.invalid("/pooled", "not_a_unit", "is for units; this has a capacity of \(capacity)")
        }
    }

    /// A unit and a pool fence differently, so leases must end before one becomes the other; a pool may not
    /// shrink below what it has promised.
    private func require(
        _ capacity: Int64, coversPromisesOf resource: Resource, now: Timestamp
    ) throws(FleetError) {
        let live = promised(of: resource.key).count
        guard live == 0 || (capacity == 1) == resource.isUnit else {
            throw FleetError(
                .resourceInUse, "\(live) leases are live: a unit becomes a pool, or a pool a unit, without.")
        }
        let promised = occupied(.resource(resource.key), over: Window(start: now, end: .distantFuture))
        guard capacity >= max(promised, possessed[resource.key] ?? 0) else {
            throw FleetError(.resourceInUse, "Up to \(promised) are promised at once; the capacity cannot be less.")
        }
    }

    /// Its live leases but those that wait: they hold nothing of it.
    func promised(of key: Resource.Key) -> [Lease.ID] {
        (leasesOfSupply[.resource(key)] ?? []).filter { leases[$0]?.status != .queued }
    }

    package mutating func retire(_ key: Resource.Key, _ context: inout Context) throws(FleetError) -> Entity {
        var resource = try ownedResource(key, context.principal, .fleetOperate)
        guard resource.status != .retired else { throw FleetError.notFound(.resourceNotFound) }
        let old = resource
        let live = promised(of: key).filter { leases[$0]?.terms == nil || leases[$0]?.status != .granted }.count
        guard live == 0 else {
            throw FleetError(.resourceInUse, "\(live) leases of the resource are live; they end first.")
        }
        drain += (leasesOfSupply[.resource(key)] ?? []).filter { leases[$0]?.status == .queued }.sorted()
        context.actingFleet = key.fleet
        resource.status = .retired
        resource.version += 1
        resource.updatedAt = context.now
        record(.resourceRetired, .resource(resource), &context)
        try settleClass(of: old, &context)
        return .resource(resource)
    }
}
