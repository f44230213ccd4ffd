package struct FederationDraft: Sendable, Equatable {
    package var name: String
    package var description: String
    package var policy: FederationPolicy
    package var foundingFleet: Fleet.ID?

    package init(name: String, description: String, policy: FederationPolicy, foundingFleet: Fleet.ID? = nil) {
        self.name = name
        self.description = description
        self.policy = policy
        self.foundingFleet = foundingFleet
    }
}

package struct FederationUpdate: Sendable, Equatable {
    package var name: String
    package var description: String
    package var status: FederationStatus?
    package var policy: FederationPolicy?

    package init(
        name: String, description: String, status: FederationStatus? = nil, policy: FederationPolicy? = nil
    ) {
        self.name = name
        self.description = description
        self.status = status
        self.policy = policy
    }
}

extension Ledger {
    /// Creates a federation. A founding fleet joins at once as its coordinator.
    ///
    /// - Throws: `permission_denied` for an operator that names no fleet of its own, `fleet_not_found`.
    package mutating func create(_ draft: FederationDraft, _ context: inout Context) throws(FleetError) -> Entity {
        let principal = context.principal
        if let founder = draft.foundingFleet {
            guard principal.isAdmin || principal.fleets.contains(founder) else {
                throw FleetError.notFound(.fleetNotFound, crossing: fleets[founder]?.id)
            }
            guard fleets[founder]?.status == .active else { throw FleetError.notFound(.fleetNotFound) }
            // The right to create federations anywhere is no consent of the fleet.
            guard principal.isAdmin || principal.holdsForItsFleets(.federationCreate) else {
                throw FleetError.denied(.federationCreate)
            }
            context.actingFleet = founder
        } else if !principal.holdsEverywhere(.federationCreate) {
            throw FleetError.denied(.federationCreate)
        }
        let federation = Federation(
            id: context.ids.next(at: context.now), name: draft.name, description: draft.description, status: .active,
            policy: draft.policy, membershipEpoch: 0, createdBy: principal.subject, version: 1,
            createdAt: context.now, updatedAt: context.now)
        record(.federationCreated, .federation(federation), &context)
        if let founder = draft.foundingFleet {
            let member = Member(
                key: Member.Key(federation: federation.id, fleet: founder),
                isolationLevel: draft.policy.defaultIsolationLevel, resourceSharing: false,
                communicationEnabled: true, role: .coordinator, status: .active, suspendedBy: nil, isRecalled: false,
                rules: [], version: 1, createdAt: context.now, updatedAt: context.now, presence: nil)
            record(.memberJoined, .member(member), &context)
        }
        return .federation(federations[federation.id] ?? federation)
    }

    /// Renames it, replaces its policy, suspends or resumes it.
    package mutating func update(
        _ id: Federation.ID, _ update: FederationUpdate, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var federation = try coordinatedFederation(id, context.principal, .federationManage).federation
        guard federation.status == .active || federation.status == .suspended else {
            throw FleetError(.invalidTransition, "A federation that is \(federation.status.rawValue) cannot change.")
        }
        let next = update.status ?? federation.status
        guard next == federation.status || next == .active || next == .suspended else {
            throw FleetError(
                .invalidTransition, "A federation becomes \(next.rawValue) by being deleted, not by being updated.")
        }
        let type: EventType =
            next == federation.status
            ? .federationUpdated : next == .suspended ? .federationSuspended : .federationResumed
        federation.name = update.name
        federation.description = update.description
        federation.policy = update.policy ?? federation.policy
        federation.status = next
        federation.version += 1
        federation.updatedAt = context.now
        record(type, .federation(federation), &context)
        if federation.status == .suspended, federation.policy.onSuspend == .revoke {
            drain += liveLeases(of: id)
        } else if type == .federationResumed {
            drain.removeAll { leases[$0]?.federation == id }
        }
        return .federation(federation)
    }

    /// Ends a federation: at once when nothing is lent in it, else only when forced, and then once the last
    /// lease has ended.
    ///
    /// - Throws: `federation_has_live_leases` with their number.
    package mutating func delete(
        _ id: Federation.ID, force: Bool, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var federation = try coordinatedFederation(id, context.principal, .federationManage).federation
        guard federation.status != .dissolved else { throw FleetError.notFound(.federationNotFound) }
        if federation.status == .dissolving { return .federation(federation) }
        let live = leaseCount[id] ?? 0
        guard live == 0 || force else {
            var error = FleetError(
                .federationHasLiveLeases,
                "\(live) leases are live in this federation: end them, or delete it with force=true to revoke them.")
            error.details["live_leases"] = .integer(Int64(live))
            throw error
        }
        federation.status = live == 0 ? .dissolved : .dissolving
        federation.version += 1
        federation.updatedAt = context.now
        record(live == 0 ? .federationDissolved : .federationDissolving, .federation(federation), &context)
        drain += liveLeases(of: id)
        return .federation(federation)
    }

    /// The live leases of a federation in the order of their making.
    func liveLeases(of federation: Federation.ID) -> [Lease.ID] {
        let fleets = fleetsOfFederation[federation] ?? []
        let ids = fleets.reduce(into: Set<Lease.ID>()) {
            $0.formUnion(leasesOfMember[Member.Key(federation: federation, fleet: $1)] ?? [])
        }
        return ids.sorted()
    }
}
