import FleetJSON

/// Which representation of an entity an answer and its tag are about.
package enum Facet: Sendable {
    case whole
    /// The standing approvals of a membership, which only the fleet itself sees.
    case sharingRules
}

extension View {
    /// The body that the reader gets for `entity`, whatever it is.
    ///
    /// - Parameters:
    ///   - facet: which representation of it.
    ///   - standing: what ties the reader to a federation; without it, it does not coordinate it.
    ///   - leases: those made for an allocation.
    ///   - place: in the queue, of what waits.
    ///   - use: of a quota, as far as the reader may know it.
    ///   - opened: what is sealed in it, as JSON text, where the reader may have it.
    ///   - secret: shown once with a new key.
    ///   - obligations: added where the end of something goes on.
    package func bytes(
        of entity: Entity, _ facet: Facet = .whole, standing: Standing? = nil, leases: [Lease] = [],
        place: Place? = nil, use: QuotaUse? = nil, opened: String? = nil,
        secret: String? = nil, obligations: [Obligation]? = nil
    ) -> [UInt8] {
        var writer = JSONWriter()
        switch entity {
        case .federation(let federation):
            write(federation, in: standing ?? Standing(federation: federation, members: []), to: &writer)
        case .member(let member) where facet == .sharingRules: writeRules(of: member, to: &writer)
        case .member(let member): write(member, to: &writer)
        case .quota(let quota): write(quota, use: use, to: &writer)
        case .allocation(let allocation): write(allocation, leases: leases, place: place, to: &writer)
        case .balance: preconditionFailure("a balance is shown in what is decided by it only")
        case .fleet(let fleet): write(fleet, disclosure: .full, contact: opened, to: &writer)
        case .resource(let resource): write(resource, disclosure: .full, to: &writer)
        case .lease(let lease): write(lease, place: place, to: &writer)
        case .message(let message):
            let content = opened.map(MessageContent.open)
            write(message.head, message.deliveries, at: message.createdAt, content: content, to: &writer)
        case .delivery(let delivery):
            write(delivery, at: delivery.resolvedAt ?? delivery.createdAt, to: &writer)
        case .webhook(let webhook): write(webhook, secret: secret, to: &writer)
        case .replay(let replay): write(replay, to: &writer)
        case .metric(let metric): write(metric, to: &writer)
        case .apiKey(let key): write(key, secret: secret, to: &writer)
        case .crossing: preconditionFailure("a crossing is read in the audit log only")
        case .checkpoint: preconditionFailure("a checkpoint is answered to no command")
        }
        guard let obligations else { return writer.bytes }
        return adding(obligations, to: writer.bytes)
    }

    /// The same, with the facts of the ledger.
    package func bytes(
        of entity: Entity, _ facet: Facet = .whole, place: Place? = nil, in ledger: Ledger
    ) -> [UInt8] {
        switch entity {
        case .federation(let federation):
            bytes(of: entity, standing: ledger.standing(of: reader, in: federation))
        case .quota(let quota): bytes(of: entity, use: ledger.visibleUse(of: quota, reader))
        default: bytes(of: entity, facet, place: place)
        }
    }

    private func adding(_ obligations: [Obligation], to object: [UInt8]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for obligation in obligations {
            writer.beginObject()
            writer.field("sharing_id", obligation.lease.description)
            writer.field("fleet_id", obligation.fleet.description)
            writer.field("action", obligation.action.rawValue)
            if let due = obligation.due { writer.field("due_at", due.description) }
            writer.endObject()
        }
        writer.endArray()
        return object.dropLast() + Array(#","obligations":"#.utf8) + writer.bytes + [UInt8(ascii: "}")]
    }
}

extension Ledger {
    /// Whether the principal may be told of the entity today, because it may see it, or holds the permission under
    /// which it asks for it; for what has ended, by what it was.
    package func isVisible(_ entity: Entity, to principal: Principal, under permission: Permission) -> Bool {
        let view = View(reader: principal)
        func holds(for fleet: Fleet.ID) -> Bool { principal.holds(permission, for: fleet) }
        switch entity {
        case .federation(let federation): return view.sees(standing(of: principal, in: federation))
        case .member(let member):
            guard let federation = federations[member.key.federation] else { return false }
            return holds(for: member.key.fleet) || view.sees(member, in: standing(of: principal, in: federation))
        case .quota(let quota): return (try? visibleQuotas(of: quota.key.member, principal)) != nil
        case .allocation(let allocation): return holds(for: allocation.target) || sees(allocation, principal)
        case .fleet(let fleet): return holds(for: fleet.id) || disclosure(of: fleet.id, to: principal) >= .known
        case .resource(let resource):
            return holds(for: resource.key.fleet) || principal.holds(.fleetRead, for: resource.key.fleet)
        case .lease(let lease): return holds(for: lease.source) || holds(for: lease.target) || view.sees(lease)
        case .message(let message): return holds(for: message.source)
        case .delivery(let delivery): return holds(for: delivery.target) || view.sees(delivery)
        case .metric(let metric):
            guard let federation = federations[metric.federation] else { return false }
            return principal.holds(.metricsWrite, coordinating: standing(of: principal, in: federation))
        case .webhook(let webhook): return holds(for: webhook.fleet)
        case .replay(let replay):
            return replay.fleet.map(holds) ?? principal.holdsEverywhere(permission)
        case .apiKey(let key): return principal.isAdmin || key.createdBy == principal.subject
        case .crossing, .checkpoint, .balance: return false
        }
    }
}
