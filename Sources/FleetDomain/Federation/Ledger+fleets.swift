package struct FleetDraft: Sendable, Equatable {
    package var id: Fleet.ID
    package var name: String
    package var organization: String
    package var contact: Sealed?

    package init(id: Fleet.ID, name: String, organization: String, contact: Sealed? = nil) {
        self.id = id
        self.name = name
        self.organization = organization
        self.contact = contact
    }
}

package struct FleetPatch: Sendable, Equatable {
    package var name: String?
    package var organization: String?
    package var contact: ContactChange?

    package init(name: String? = nil, organization: String? = nil, contact: ContactChange? = nil) {
        self.name = name
        self.organization = organization
        self.contact = contact
    }
}

/// A contact, made of the one that was there before.
package struct ContactChange: Sendable, Equatable {
    package let before: Sealed?
    /// nil takes it away.
    package let after: Sealed?

    package init(before: Sealed?, after: Sealed?) {
        self.before = before
        self.after = after
    }
}

extension Ledger {
    package mutating func register(_ draft: FleetDraft, _ context: inout Context) throws(FleetError) -> Entity {
        guard context.principal.holdsEverywhere(.fleetManage) else { throw FleetError.denied(.fleetManage) }
        guard fleets[draft.id] == nil else {
            throw FleetError(.fleetExists, "A fleet with this id is registered already.")
        }
        let fleet = Fleet(
            id: draft.id, name: draft.name, organization: draft.organization, status: .active, version: 1,
            createdAt: context.now, updatedAt: context.now, contact: draft.contact, keyGeneration: 0,
            heartbeatInterval: nil, signingKey: nil)
        record(.fleetRegistered, .fleet(fleet), as: draft.contact?.event, &context)
        return .fleet(fleet)
    }

    package mutating func patch(
        _ id: Fleet.ID, _ patch: FleetPatch, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var fleet = try ownedFleet(id, context.principal, .fleetManage)
        guard fleet.status == .active else { throw FleetError(.invalidTransition, "The fleet is retired.") }
        context.actingFleet = id
        fleet.name = patch.name ?? fleet.name
        fleet.organization = patch.organization ?? fleet.organization
        if let change = patch.contact {
            guard change.before == fleet.contact else {
                throw FleetError(.preconditionFailed, "The contact was changed at the same time; read it again.")
            }
            if let sealed = change.after { try requireCurrent(sealed, of: fleet) }
            fleet.contact = change.after
        }
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetUpdated, .fleet(fleet), as: patch.contact?.after?.event, &context)
        return .fleet(fleet)
    }

    /// Registers the key with which the fleet signs its messages, in place of the one before; nil takes it away.
    package mutating func setSigningKey(
        _ key: SigningKey?, of id: Fleet.ID, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var fleet = try ownedFleet(id, context.principal, .fleetOperate)
        guard fleet.status == .active else { throw FleetError(.invalidTransition, "The fleet is retired.") }
        context.actingFleet = id
        fleet.signingKey = key
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetUpdated, .fleet(fleet), &context)
        return .fleet(fleet)
    }

    /// Erases what the fleet's people wrote: whoever keeps the data keys destroys those of earlier generations. Of a
    /// fleet that is retired as well.
    package mutating func erase(_ id: Fleet.ID, _ context: inout Context) throws(FleetError) -> Entity {
        var fleet = try ownedFleet(id, context.principal, .fleetManage)
        context.actingFleet = id
        // What signs for them goes with the data.
        disableWebhooks(of: id, "fleet_erased", &context)
        fleet.contact = nil
        fleet.keyGeneration += 1
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetErased, .fleet(fleet), &context)
        return .fleet(fleet)
    }

    /// Refuses what was sealed before the fleet's data was erased, and reaches the ledger after it.
    func requireCurrent(_ sealed: Sealed, of fleet: Fleet) throws(FleetError) {
        guard sealed.generation == fleet.keyGeneration else {
            throw FleetError.erasedMeanwhile
        }
    }

    /// Retires a fleet that takes part in no federation any more.
    package mutating func retire(_ id: Fleet.ID, _ context: inout Context) throws(FleetError) -> Entity {
        var fleet = try ownedFleet(id, context.principal, .fleetManage)
        guard fleet.status == .active else { throw FleetError.notFound(.fleetNotFound) }
        // Neither an invitation, which anybody can send, nor a federation that is over holds a fleet back.
        let memberships = (federationsOfFleet[id] ?? []).count { federation in
            federations[federation]?.status != .dissolved
                && members[Member.Key(federation: federation, fleet: id)]?.status.isPresent == true
        }
        guard memberships == 0 else {
            throw FleetError(.fleetInUse, "The fleet is in \(memberships) federations; it leaves them first.")
        }
        context.actingFleet = id
        disableWebhooks(of: id, "fleet_retired", &context)
        fleet.status = .retired
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetRetired, .fleet(fleet), &context)
        return .fleet(fleet)
    }
}

extension FleetError {
    package static let erasedMeanwhile = FleetError(
        .fleetErased, "The data of the fleet was erased at the same time; send it again.")
}
