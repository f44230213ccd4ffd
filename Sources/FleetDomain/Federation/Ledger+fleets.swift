package struct FleetDraft: Sendable, Equatable {
    package var id: Fleet.ID
    package var name: String
    package var organization: String

    package init(id: Fleet.ID, name: String, organization: String) {
        self.id = id
        self.name = name
        self.organization = organization
    }
}

package struct FleetPatch: Sendable, Equatable {
    package var name: String?
    package var organization: String?

    package init(name: String? = nil, organization: String? = nil) {
        self.name = name
        self.organization = organization
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
            createdAt: context.now, updatedAt: context.now)
        record(.fleetRegistered, .fleet(fleet), &context)
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
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetUpdated, .fleet(fleet), &context)
        return .fleet(fleet)
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
        fleet.status = .retired
        fleet.version += 1
        fleet.updatedAt = context.now
        record(.fleetRetired, .fleet(fleet), &context)
        return .fleet(fleet)
    }
}
