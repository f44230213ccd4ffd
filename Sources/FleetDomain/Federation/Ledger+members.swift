package struct MemberDraft: Sendable, Equatable {
    package var fleet: Fleet.ID
    package var isolationLevel: IsolationLevel?
    package var resourceSharing: Bool?
    package var communicationEnabled: Bool?
    package var role: MemberRole?

    package init(
        fleet: Fleet.ID, isolationLevel: IsolationLevel? = nil, resourceSharing: Bool? = nil,
        communicationEnabled: Bool? = nil, role: MemberRole? = nil
    ) {
        self.fleet = fleet
        self.isolationLevel = isolationLevel
        self.resourceSharing = resourceSharing
        self.communicationEnabled = communicationEnabled
        self.role = role
    }
}

package enum MemberAction: String, Sendable, CaseIterable {
    case accept, suspend, resume
}

extension Ledger {
    /// Gives the federation's consent to a fleet's joining. A principal that may also speak for the fleet gives
    /// both consents, and the fleet is a member at once; otherwise it is invited.
    ///
    /// A fleet that nobody registered can be invited like any other, so that an invitation tells nothing about
    /// whether the fleet exists; a platform administrator registers it on the way.
    package mutating func add(
        _ draft: MemberDraft, to id: Federation.ID, _ context: inout Context
    ) throws(FleetError) -> Entity {
        let federation = try coordinatedFederation(id, context.principal, .memberManage).federation
        guard federation.status == .active || federation.status == .suspended else {
            throw FleetError(.federationInactive, "The federation is \(federation.status.rawValue): nobody can join.")
        }
        let key = Member.Key(federation: id, fleet: draft.fleet)
        let previous = members[key]
        guard previous == nil || previous?.status == .left else {
            throw FleetError(.memberExists, "The fleet is already a member of this federation, or invited to it.")
        }
        let consents = speaks(context.principal, for: draft.fleet)
        if context.principal.isAdmin, fleets[draft.fleet] == nil {
            let fleet = Fleet(
                id: draft.fleet, name: draft.fleet.description, organization: "", status: .active, version: 1,
                createdAt: context.now, updatedAt: context.now, contact: nil, keyGeneration: 0, heartbeatInterval: nil,
                signingKey: nil)
            record(.fleetRegistered, .fleet(fleet), &context)
        }
        if consents, fleets[draft.fleet]?.status == .retired { throw FleetError.notFound(.fleetNotFound) }
        let member = Member(
            key: key, isolationLevel: draft.isolationLevel ?? federation.policy.defaultIsolationLevel,
            resourceSharing: draft.resourceSharing ?? false,
            communicationEnabled: draft.communicationEnabled ?? true, role: draft.role ?? .member,
            status: consents ? .active : .invited, suspendedBy: nil, isRecalled: false, rules: [],
            version: (previous?.version ?? 0) + 1, createdAt: context.now, updatedAt: context.now, presence: nil)
        record(consents ? .memberJoined : .memberInvited, .member(member), &context)
        return .member(member)
    }

    /// Whether the principal gives the fleet's own consent. A coordinator never does.
    private func speaks(_ principal: Principal, for fleet: Fleet.ID) -> Bool {
        principal.isAdmin
            || principal.fleets.contains(fleet) && principal.holds(.memberManage, for: fleet)
                && fleets[fleet] != nil
    }

    /// Changes a membership. What protects the fleet is the fleet's to change; its role is the federation's.
    package mutating func patch(
        _ key: Member.Key, _ patch: MemberDraft, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var (standing, member) = try visibleMember(key, context.principal)
        let changesTerms =
            patch.isolationLevel != nil || patch.resourceSharing != nil || patch.communicationEnabled != nil
        let coordinates = context.principal.holds(.memberManage, coordinating: standing)
        let speaks = speaks(context.principal, for: key.fleet)
        guard coordinates || speaks else { throw FleetError.denied(.memberManage, crossing: key.fleet) }
        guard !changesTerms || speaks else {
            throw FleetError(.consentRequired, "Only the fleet itself changes its isolation, sharing or communication.")
        }
        guard patch.role == nil || coordinates else {
            throw FleetError(.consentRequired, "Only who coordinates the federation changes a member's role.")
        }
        guard member.status != .leaving else {
            throw FleetError(.invalidTransition, "The fleet is leaving the federation.")
        }
        if speaks { context.actingFleet = key.fleet }
        member.isolationLevel = patch.isolationLevel ?? member.isolationLevel
        member.resourceSharing = patch.resourceSharing ?? member.resourceSharing
        member.communicationEnabled = patch.communicationEnabled ?? member.communicationEnabled
        member.role = patch.role ?? member.role
        return save(.memberUpdated, member, &context)
    }

    /// Replaces the fleet's standing approvals in this federation.
    package mutating func setRules(
        _ rules: [SharingRule], of key: Member.Key, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var member = try ownMember(key, context.principal, .fleetOperate)
        context.actingFleet = key.fleet
        member.rules = rules
        // Nobody else sees the rules, so nobody else sees that they changed: not by a version, not by an event.
        record(.memberUpdated, .member(member), for: Audience(parties: [key.fleet]), &context)
        return .member(member)
    }

    /// The membership, for the fleet itself and nobody else.
    package func ownMember(
        _ key: Member.Key, _ principal: Principal, _ permission: Permission
    ) throws(FleetError) -> Member {
        let (_, member) = try visibleMember(key, principal)
        guard principal.holds(permission, for: key.fleet) else {
            throw FleetError.denied(permission, crossing: key.fleet)
        }
        return member
    }

    package mutating func act(
        _ action: MemberAction, on key: Member.Key, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var (standing, member) = try visibleMember(key, context.principal)
        let coordinates = context.principal.holds(.memberManage, coordinating: standing)
        let speaks = speaks(context.principal, for: key.fleet)
        guard coordinates || speaks else { throw FleetError.denied(.memberManage, crossing: key.fleet) }
        if speaks { context.actingFleet = key.fleet }
        switch action {
        case .accept:
            guard speaks else {
                throw FleetError(.consentRequired, "Only the invited fleet itself accepts its invitation.")
            }
            guard standing.federation.status == .active || standing.federation.status == .suspended else {
                throw FleetError(.federationInactive, "The federation is \(standing.federation.status.rawValue).")
            }
            if member.status == .active { return .member(member) }
            guard fleets[key.fleet]?.status == .active else { throw FleetError.notFound(.fleetNotFound) }
            try require(member, toBecome: .active, from: .invited)
            member.status = .active
            return save(.memberJoined, member, &context)
        case .suspend:
            try require(member, toBecome: .suspended, from: .active)
            member.status = .suspended
            // Who holds both sides acts for the fleet, except a platform administrator, who would else hand the
            // fleet the means to undo it.
            member.suspendedBy = speaks && context.principal.fleets.contains(key.fleet) ? .fleet : .federation
            return save(.memberSuspended, member, &context)
        case .resume:
            try require(member, toBecome: .active, from: .suspended)
            guard member.suspendedBy == .fleet ? speaks : coordinates else {
                throw FleetError(.consentRequired, "Only the side that suspended a membership resumes it.")
            }
            member.status = .active
            member.suspendedBy = nil
            return save(.memberResumed, member, &context)
        }
    }

    private func require(
        _ member: Member, toBecome next: MemberStatus, from expected: MemberStatus
    ) throws(FleetError) {
        guard member.status == expected, member.status.canBecome(next) else {
            throw FleetError(.invalidTransition, "A member that is \(member.status.rawValue) cannot become \(next).")
        }
    }

    /// Ends a membership: at once when the fleet has no live lease in the federation, else it is `leaving` until
    /// the last has ended. Forced, its leases are ended rather than waited for.
    package mutating func remove(
        _ key: Member.Key, force: Bool, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var (standing, member) = try visibleMember(key, context.principal)
        let speaks = speaks(context.principal, for: key.fleet)
        guard speaks || context.principal.holds(.memberManage, coordinating: standing) else {
            throw FleetError.denied(.memberManage, crossing: key.fleet)
        }
        if speaks { context.actingFleet = key.fleet }
        let live = leasesOfMember[key] ?? []
        // What waits holds nobody up: it ends with the membership.
        let waiting = live.filter { leases[$0]?.status == .queued }
        drain += waiting.sorted()
        if live.isEmpty {
            member.status = .left
            removeQuotas(of: key, &context)
            return save(.memberLeft, member, &context)
        }
        let recalls = force && !member.isRecalled
        guard member.status != .leaving || recalls else { return .member(member) }
        member.status = .leaving
        member.suspendedBy = nil
        member.isRecalled = member.isRecalled || force
        let entity = save(.memberLeaving, member, &context)
        if recalls { drain += live.subtracting(waiting).sorted() }
        return entity
    }

    private mutating func save(_ type: EventType, _ member: Member, _ context: inout Context) -> Entity {
        var member = member
        member.version += 1
        member.updatedAt = context.now
        record(type, .member(member), &context)
        return .member(member)
    }

    /// What is left to do before the federation is dissolved, as far as the reader may see it: oldest lease first,
    /// at most `limit`.
    package func obligations(of federation: Federation.ID, for reader: Principal, limit: Int) -> [Obligation] {
        obligations(liveLeases(of: federation), reader, limit)
    }

    /// What is left to do before the member has left, as far as the reader may see it: oldest lease first, at most
    /// `limit`.
    package func obligations(of key: Member.Key, for reader: Principal, limit: Int) -> [Obligation] {
        obligations((leasesOfMember[key] ?? []).sorted(), reader, limit)
    }

    private func obligations(_ ids: [Lease.ID], _ reader: Principal, _ limit: Int) -> [Obligation] {
        let visible = ids.lazy.compactMap { leases[$0] }.filter { sees($0, reader) }
        return visible.prefix(limit).map { Obligation(lease: $0) }
    }

    /// A lease has ended: a member that waited for it may leave, a federation may be dissolved.
    mutating func settle(after lease: Lease, _ context: inout Context) {
        for fleet in [lease.source, lease.target] {
            let key = Member.Key(federation: lease.federation, fleet: fleet)
            if var member = members[key], member.status == .leaving, leasesOfMember[key]?.isEmpty ?? true {
                member.status = .left
                removeQuotas(of: key, &context)
                _ = save(.memberLeft, member, &context)
            }
        }
        if var federation = federations[lease.federation], federation.status == .dissolving,
            leaseCount[lease.federation] == nil
        {
            federation.status = .dissolved
            federation.version += 1
            federation.updatedAt = context.now
            record(.federationDissolved, .federation(federation), &context)
        }
    }
}

/// One thing that must happen before something that was ended is over.
package struct Obligation: Sendable, Equatable {
    package enum Action: String, Sendable {
        /// The lender or borrower withdraws what has not begun.
        case cancel
        /// The borrower hands back.
        case `return`
        /// The borrower confirms that it has let go.
        case acknowledge
    }

    package let lease: Lease.ID
    /// Whose turn it is.
    package let fleet: Fleet.ID
    package let action: Action
    package let due: Timestamp?

    package init(lease: Lease) {
        self.lease = lease.id
        fleet = lease.target
        switch lease.status {
        case .revoking, .preempting: action = .acknowledge
        case .active, .overdue: action = .return
        default: action = .cancel
        }
        due = action == .acknowledge ? lease.deadline : lease.endsAt
    }
}
