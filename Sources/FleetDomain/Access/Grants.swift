/// How far a role carries a permission.
package enum Reach: Sendable {
    /// Over everything.
    case everywhere
    /// Over the federations that the principal coordinates.
    case federations
    /// Over the fleets that the principal acts for, and what they take part in.
    case fleets
}

extension Role {
    /// What the role may do, and how far: the table of roles of the API, one column each.
    package func reach(of permission: Permission) -> Reach? {
        switch self {
        case .platformAdmin: .everywhere
        case .auditor: Role.auditorReads.contains(permission) ? .everywhere : nil
        case .federationCoordinator:
            permission == .federationCreate ? .everywhere : Role.coordination.contains(permission) ? .federations : nil
        case .fleetOperator: Role.operation.contains(permission) ? .fleets : nil
        case .fleetViewer: Role.viewing.contains(permission) ? .fleets : nil
        case .service: nil
        }
    }

    /// What coordinating a federation allows, by role or as the operator of a coordinator member.
    static let coordination: Set<Permission> = [
        .federationRead, .federationManage, .memberManage, .fleetRead, .sharingRead, .communicationRead, .metricsRead,
        .metricsWrite, .eventRead, .auditRead,
    ]
    private static let operation: Set<Permission> = [
        .federationCreate, .federationRead, .federationManage, .memberManage, .fleetRead, .fleetManage, .fleetOperate,
        .sharingRead, .sharingRequest, .sharingApprove, .sharingManage, .communicationRead, .communicationSend,
        .communicationReceive, .communicationManage, .metricsRead, .metricsWrite, .eventRead, .eventReplay, .auditRead,
        .keyManage,
    ]
    private static let viewing: Set<Permission> = [
        .federationRead, .fleetRead, .sharingRead, .communicationRead, .metricsRead, .eventRead,
    ]
    private static let auditorReads: Set<Permission> = [
        .federationRead, .fleetRead, .sharingRead, .communicationRead, .metricsRead, .eventRead, .auditRead,
    ]
}

extension Principal {
    package var isAdmin: Bool { roles.contains(.platformAdmin) }
    private var isService: Bool { roles.contains(.service) }

    /// What no role brings along but the highest, and what it takes besides the scope.
    private static let grantedByScope: [Permission: Permission] = [
        .sharingEmergency: .sharingRequest, .communicationSafety: .communicationSend,
    ]

    /// Whether it holds the permission over everything.
    package func holdsEverywhere(_ permission: Permission) -> Bool {
        roles.contains { $0.reach(of: permission) == .everywhere }
    }

    /// Whether there is anything at all that it may do under the permission: the check of a route, which must
    /// not depend on what exists.
    package func mayHold(_ permission: Permission) -> Bool {
        roles.contains { $0.reach(of: permission) != nil } || isService && scopes.contains(permission)
            || Self.grantedByScope[permission] != nil && scopes.contains(permission)
    }

    /// Whether it may do this in the name of `fleet`, or to what `fleet` owns.
    package func holds(_ permission: Permission, for fleet: Fleet.ID) -> Bool {
        holdsEverywhere(permission) || fleets.contains(fleet) && holdsForItsFleets(permission)
    }

    /// Whether what it is shown of messages to the fleet is handed to the fleet: who may see everything is no recipient.
    package func receives(for fleet: Fleet.ID) -> Bool {
        fleets.contains(fleet) && holds(.communicationReceive, for: fleet)
    }

    /// Whether it may do this in the name of the fleets that it acts for, whichever they are.
    func holdsForItsFleets(_ permission: Permission) -> Bool {
        if let needed = Self.grantedByScope[permission] { return scopes.contains(permission) && mayHold(needed) }
        return roles.contains { $0.reach(of: permission) == .fleets } || isService && scopes.contains(permission)
    }

    /// Whether it may do this to a federation as one of those who coordinate it.
    package func holds(_ permission: Permission, coordinating standing: Standing) -> Bool {
        if holdsEverywhere(permission) { return true }
        guard Role.coordination.contains(permission) else { return false }
        let federation = standing.federation
        if federations.contains(federation.id), coordinatesByRole(permission) { return true }
        if roles.contains(.federationCoordinator), federation.createdBy == subject { return true }
        let operates = roles.contains(.fleetOperator) || isService && scopes.contains(permission)
        return operates && standing.members.contains { $0.role == .coordinator && $0.status == .active }
    }

    /// Whether it may do this in a federation, as one of those who coordinate it or for a member.
    ///
    /// - Parameter fleet: for this one; nil is for any of the fleets that it acts for.
    package func holds(_ permission: Permission, in standing: Standing, for fleet: Fleet.ID?) -> Bool {
        if holds(permission, coordinating: standing) { return true }
        // The federation itself is changed by those who coordinate it; a membership also by its own fleet.
        guard ![.federationManage, .metricsWrite].contains(permission), permission != .memberManage || fleet != nil
        else { return false }
        return standing.members.contains { member in
            member.status != .left && (fleet ?? member.key.fleet) == member.key.fleet
                && holds(permission, for: member.key.fleet)
        }
    }

    /// Whether it may do this to the federations that it was named a coordinator of.
    private func coordinatesByRole(_ permission: Permission) -> Bool {
        Role.coordination.contains(permission)
            && (roles.contains(.federationCoordinator) || isService && scopes.contains(permission))
    }

    /// Whether it may do nothing, anywhere, that `maker` may not do there.
    func isNoWider(than maker: Principal) -> Bool {
        guard fleets.isSubset(of: maker.fleets), federations.isSubset(of: maker.federations),
            scopes.allSatisfy(maker.mayHold),
            maker.roles.contains(.federationCoordinator) || !roles.contains(.federationCoordinator)
        else { return false }
        return Permission.allCases.allSatisfy { permission in
            (!holdsEverywhere(permission) || maker.holdsEverywhere(permission))
                && (!holdsForItsFleets(permission) || fleets.isEmpty || maker.holdsForItsFleets(permission))
                && (!coordinatesByRole(permission) || federations.isEmpty || maker.coordinatesByRole(permission))
        }
    }

    /// Whether it coordinates the federation at all.
    package func coordinates(_ standing: Standing) -> Bool { holds(.federationRead, coordinating: standing) }
}

/// What ties a reader to one federation: the memberships of the fleets it acts for.
package struct Standing: Sendable, Equatable {
    package let federation: Federation
    package let members: [Member]

    package init(federation: Federation, members: [Member]) {
        self.federation = federation
        self.members = members
    }
}
