package import FleetJSON

/// All that one reader may learn, as the bytes it is told: every body, list, ETag and event is written here.
///
/// Pure: the same reader and the same facts give the same bytes. What a reader may not see is not passed in, or
/// is refused by the `sees` functions, whose rules the queries repeat as predicates.
package struct View: Sendable {
    package let reader: Principal

    package init(reader: Principal) { self.reader = reader }

    // MARK: What it sees

    package func sees(_ standing: Standing) -> Bool {
        reader.coordinates(standing)
            || reader.mayHold(.federationRead) && standing.members.contains { $0.status != .left }
    }

    package func sees(_ member: Member, in standing: Standing) -> Bool {
        if reader.coordinates(standing) || reader.fleets.contains(member.key.fleet) { return true }
        return member.status.isPresent && member.isolationLevel <= .medium
            && standing.members.contains { $0.status.isPresent && $0.isolationLevel <= .medium }
    }

    /// Whether the reader may see the quotas of a member.
    package func seesQuotas(of fleet: Fleet.ID, in standing: Standing) -> Bool {
        reader.holds(.federationRead, coordinating: standing) || reader.holds(.federationRead, for: fleet)
    }

    /// Whether the reader may see the lease. `openUse` says that it coordinates the federation and that the use
    /// of both sides is open to all: nothing less lets a coordinator see a lease of others.
    package func sees(_ lease: Lease, asCoordinator openUse: Bool = false) -> Bool {
        reader.holds(.sharingRead, for: lease.source) || reader.holds(.sharingRead, for: lease.target) || openUse
    }

    /// Whether the reader may see the allocation; `openUse` as of a lease.
    package func sees(_ allocation: Allocation, asCoordinator openUse: Bool = false) -> Bool {
        reader.holds(.sharingRead, for: allocation.target) || openUse
    }

    /// Whether a lease of these two members is open to those who coordinate their federation.
    package static func useIsOpen(_ source: Member?, _ target: Member?) -> Bool {
        source?.isolationLevel == IsolationLevel.none && target?.isolationLevel == IsolationLevel.none
    }

    // MARK: How it looks

    package func write(_ federation: Federation, in standing: Standing, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("federation_id", federation.id.description)
        writer.field("name", federation.name)
        writer.field("description", federation.description)
        writer.field("status", federation.status.rawValue)
        writer.key("policy")
        federation.policy.write(to: &writer)
        if reader.coordinates(standing) { writer.field("membership_epoch", federation.membershipEpoch) }
        writer.field("version", federation.version)
        writer.field("created_at", federation.createdAt.description)
        writer.field("updated_at", federation.updatedAt.description)
        writer.endObject()
    }

    package func write(_ member: Member, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("federation_id", member.key.federation.description)
        writer.field("fleet_id", member.key.fleet.description)
        writer.field("isolation_level", member.isolationLevel.rawValue)
        writer.field("resource_sharing", member.resourceSharing)
        writer.field("communication_enabled", member.communicationEnabled)
        writer.field("role", member.role.rawValue)
        writer.field("status", member.status.rawValue)
        if let side = member.suspendedBy { writer.field("suspended_by", side.rawValue) }
        if let presence = member.presence { writer.field("presence", presence.rawValue) }
        writer.field("version", member.version)
        writer.field("created_at", member.createdAt.description)
        writer.field("updated_at", member.updatedAt.description)
        writer.endObject()
    }

    /// - Parameter use: nil is not for this reader to know.
    package func write(_ quota: Quota, use: QuotaUse?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("federation_id", quota.key.member.federation.description)
        writer.field("fleet_id", quota.key.member.fleet.description)
        writer.field("resource_type", quota.key.type.description)
        writer.field("nominal", quota.nominal)
        if let limit = quota.lendingLimit { writer.field("lending_limit", limit) }
        if let limit = quota.borrowingLimit { writer.field("borrowing_limit", limit) }
        writer.field("weight", quota.weight)
        if let use {
            writer.field("in_use", use.borrowed + use.own)
            writer.field("lent", use.lent)
            writer.field("borrowed", use.borrowed)
            writer.field("over_committed", use.isOverCommitted)
        }
        writer.field("version", quota.version)
        writer.field("created_at", quota.createdAt.description)
        writer.field("updated_at", quota.updatedAt.description)
        writer.endObject()
    }

    package func writeRules(of member: Member, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("rules")
        writer.beginArray()
        for rule in member.rules { writer.value(rule.json) }
        writer.endArray()
        writer.endObject()
    }

    /// - Parameter contact: opened, as JSON text; who may know the fleet may know whom to turn to.
    package func write(
        _ fleet: Fleet, disclosure: Disclosure, contact: String? = nil, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.field("fleet_id", fleet.id.description)
        writer.field("name", fleet.name)
        writer.field("organization", fleet.organization)
        if let contact {
            writer.key("contact")
            writer.value(written: contact)
        }
        if let key = fleet.signingKey {
            writer.key("signing_key")
            writer.value(key.json)
        }
        if let interval = fleet.heartbeatInterval { writer.field("heartbeat_interval_seconds", interval) }
        writer.field("status", fleet.status.rawValue)
        writer.field("version", fleet.version)
        writer.field("created_at", fleet.createdAt.description)
        writer.field("updated_at", fleet.updatedAt.description)
        writer.endObject()
    }

    /// - Precondition: `disclosure` is `attributes` or more.
    package func write(_ resource: Resource, disclosure: Disclosure, to writer: inout JSONWriter) {
        precondition(disclosure >= .attributes, "a resource is written only for those who may see it")
        writer.beginObject()
        writer.field("fleet_id", resource.key.fleet.description)
        writer.field("resource_id", resource.key.resource.description)
        writer.field("resource_type", resource.type.description)
        writer.field("capacity", resource.capacity)
        writer.key("attributes")
        writer.value(.object(resource.attributes))
        writer.field("buffer_seconds", resource.buffer)
        writer.field("handover", resource.handover.rawValue)
        writer.field("interruptible", resource.interruptible)
        writer.field("pooled", resource.pooled)
        writer.field("on_lease_loss", resource.onLeaseLoss.rawValue)
        writer.field("status", resource.status.rawValue)
        if disclosure == .full, resource.isUnit { writer.field("fencing_token", resource.fencingToken) }
        writer.field("version", resource.version)
        writer.field("created_at", resource.createdAt.description)
        writer.field("updated_at", resource.updatedAt.description)
        writer.endObject()
    }

    /// - Parameter place: in the queue, where it waits and the place is told.
    package func write(_ lease: Lease, place: Place? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("sharing_id", lease.id.description)
        writer.field("federation_id", lease.federation.description)
        writer.field("source_fleet_id", lease.source.description)
        writer.field("target_fleet_id", lease.target.description)
        writer.field("resource_type", lease.resourceType.description)
        if let resource = visibleResource(of: lease) {
            writer.field("resource_id", resource.description)
        } else {
            writer.key("resource_id")
            writer.null()
        }
        if let bindsAt = lease.bindsAt, lease.resource == nil, !lease.status.isFinal {
            writer.field("binds_at", bindsAt.description)
        }
        writer.field("quantity", lease.quantity)
        writer.field("starts_at", lease.startsAt.description)
        writer.field("duration", lease.duration)
        writer.field("ends_at", lease.endsAt.description)
        if let grantedAt = lease.grantedAt { writer.field("granted_at", grantedAt.description) }
        if let activatedAt = lease.activatedAt { writer.field("activated_at", activatedAt.description) }
        if let endedAt = lease.endedAt { writer.field("ended_at", endedAt.description) }
        writer.field("priority", lease.priority.rawValue)
        if let purpose = lease.purpose { writer.field("purpose", purpose) }
        if let reason = lease.reason { writer.field("reason", reason) }
        writer.field("status", lease.status.rawValue)
        writer.field("requested_by", lease.requestedBy.rawValue)
        if let reason = lease.awaitingReturn ? ErrorCode.unitNotReturned.rawValue : lease.statusReason {
            writer.field("status_reason", reason)
        }
        writer.field("handover", lease.handover.rawValue)
        if let token = lease.fencingToken, seesToken(of: lease) { writer.field("fencing_token", token) }
        if let deadline = lease.deadline { writer.field("deadline", deadline.description) }
        place?.write(to: &writer)
        if let allocation = lease.allocation { writer.field("allocation_id", allocation.description) }
        writer.field("version", lease.version)
        writer.field("created_at", lease.createdAt.description)
        writer.field("updated_at", lease.updatedAt.description)
        writer.endObject()
    }

    /// Who asked for a type learns which resource it gets when its owner has agreed; nobody does before it is bound.
    private func visibleResource(of lease: Lease) -> Resource.ID? {
        let isSeen = lease.wasApproved || lease.allocation == nil || reader.holds(.sharingRead, for: lease.source)
        return isSeen ? lease.resource : nil
    }

    /// - Parameters:
    ///   - leases: those made for it, written by lender and resource; nil names them only, as in an event.
    ///   - place: in the queue, where it waits and the place is told.
    package func write(_ allocation: Allocation, leases: [Lease]?, place: Place? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("allocation_id", allocation.id.description)
        writer.field("federation_id", allocation.federation.description)
        writer.field("target_fleet_id", allocation.target.description)
        writer.field("items", .array(allocation.items.map(\.json)))
        writer.field("duration", allocation.duration)
        writer.field("earliest", allocation.earliest.description)
        writer.field("latest", allocation.latest.description)
        writer.field("priority", allocation.priority.rawValue)
        writer.field("partial", allocation.acceptsPart)
        if let purpose = allocation.purpose { writer.field("purpose", purpose) }
        if let reason = allocation.reason { writer.field("reason", reason) }
        writer.field("status", allocation.status.rawValue)
        if let leases {
            writer.key("leases")
            writer.beginArray()
            for lease in leases.sorted(by: precedes) { write(lease, to: &writer) }
            writer.endArray()
        } else if reader.holds(.sharingRead, for: allocation.target) {
            // Others do not see each of them.
            writer.field("sharing_ids", .array(allocation.leases.sorted().map { .string($0.description) }))
        }
        place?.write(to: &writer)
        writer.key("explanation")
        allocation.explanation.write(to: &writer)
        writer.field("version", allocation.version)
        writer.field("created_at", allocation.createdAt.description)
        writer.field("updated_at", allocation.updatedAt.description)
        writer.endObject()
    }

    /// By what the reader sees of the two.
    private func precedes(_ a: Lease, _ b: Lease) -> Bool {
        func place(of lease: Lease) -> (String, String, Lease.ID) {
            (lease.source.description, visibleResource(of: lease)?.description ?? "", lease.id)
        }
        return place(of: a) < place(of: b)
    }

    /// The lender's side sees the token that holds; the borrower sees the one it was given, until it is revoked.
    private func seesToken(of lease: Lease) -> Bool {
        reader.holds(.sharingRead, for: lease.source)
            || reader.holds(.sharingRead, for: lease.target) && (lease.status == .active || lease.status == .overdue)
    }

    package func write(_ metric: Metric, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("federation_id", metric.federation.description)
        writer.field("metric_type", metric.type.description)
        writer.field("metric_value", metric.value)
        writer.field("metric_unit", metric.unit)
        writer.field("calculated_at", metric.calculatedAt.description)
        writer.endObject()
    }

    /// - Parameter secret: the key itself, on the one occasion that it is shown.
    package func write(_ key: APIKey, secret: String? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("key_id", key.id.description)
        if let secret { writer.field("key", secret) }
        writer.field("name", key.name)
        writer.key("roles")
        writer.value(.array(key.roles.map(\.rawValue).sorted().map(JSON.string)))
        writer.key("fleet_ids")
        writer.value(key.fleets.sortedJSON)
        writer.key("federation_ids")
        writer.value(key.federations.sortedJSON)
        writer.key("scopes")
        writer.value(.array(key.scopes.map(\.rawValue).sorted().map(JSON.string)))
        if let expiresAt = key.expiresAt { writer.field("expires_at", expiresAt.description) }
        if let revokedAt = key.revokedAt { writer.field("revoked_at", revokedAt.description) }
        writer.field("created_at", key.createdAt.description)
        writer.endObject()
    }
}
