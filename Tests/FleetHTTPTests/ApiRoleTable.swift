import FleetDomain
import FleetHTTP
import HTTPTypes

/// The table "Roles" of the contract, written down a second time and on purpose not made from the code under test.
enum ApiRoleTable {
    /// A cell of the table.
    enum Reach {
        case everywhere
        /// The federations that the caller coordinates, and their members as far as isolation lets it see them.
        case itsFederations
        /// What belongs to fleets of the caller's: the fleets, their resources, their side of a lease.
        case itsFleets
        /// What fleets of the caller's take part in, and what isolation lets them see of others.
        case whereItTakesPart
        /// The memberships of fleets of the caller's.
        case itsMemberships
    }

    /// Who calls. `platform_admin` has a tick in every row.
    enum Caller: String, CaseIterable {
        case platformAdmin, coordinator, fleetOperator, viewer, auditor
        /// An operator whose fleet is a `coordinator` member.
        case coordinatingOperator
        /// Its scopes are the permission of the route, and what lets it see the object.
        case service
        /// Its scopes are every permission but that of the route.
        case serviceWithoutScope
        case nobody
    }

    private typealias Row = (coordinator: Reach?, fleetOperator: Reach?, viewer: Reach?, auditor: Reach?)

    private static let rows: [Permission: Row] = [
        .federationCreate: (.everywhere, .itsFleets, nil, nil),
        .federationRead: (.itsFederations, .whereItTakesPart, .whereItTakesPart, .everywhere),
        .federationManage: (.itsFederations, .itsMemberships, nil, nil),
        .memberManage: (.itsFederations, .itsMemberships, nil, nil),
        .fleetRead: (.itsFederations, .whereItTakesPart, .whereItTakesPart, .everywhere),
        .fleetManage: (nil, .itsFleets, nil, nil),
        .fleetOperate: (nil, .itsFleets, nil, nil),
        .sharingRead: (.itsFederations, .itsFleets, .itsFleets, .everywhere),
        .sharingRequest: (nil, .itsFleets, nil, nil),
        .sharingApprove: (nil, .itsFleets, nil, nil),
        .sharingManage: (nil, .itsFleets, nil, nil),
        .communicationRead: (.itsFederations, .itsFleets, .itsFleets, .everywhere),
        .communicationSend: (nil, .itsFleets, nil, nil),
        .communicationReceive: (nil, .itsFleets, nil, nil),
        .communicationManage: (nil, .itsFleets, nil, nil),
        .eventReplay: (nil, .itsFleets, nil, nil),
        .metricsRead: (.itsFederations, .whereItTakesPart, .whereItTakesPart, .everywhere),
        .metricsWrite: (.itsFederations, nil, nil, nil),
        .eventRead: (.itsFederations, .whereItTakesPart, .whereItTakesPart, .everywhere),
        .auditRead: (.itsFederations, .itsFleets, nil, .everywhere),
        .keyManage: (nil, .itsFleets, nil, nil),
    ]

    /// The cells that the caller has for a permission.
    static func reaches(_ caller: Caller, _ permission: Permission) -> [Reach] {
        guard let row = rows[permission] else { return [] }
        let cells: [Reach?] =
            switch caller {
            case .platformAdmin: [.everywhere]
            case .coordinator: [row.coordinator]
            case .fleetOperator, .service: [row.fleetOperator]
            case .coordinatingOperator:
                // Creating anywhere is the role's own; the operator coordinates what it is a member of.
                permission == .federationCreate ? [row.fleetOperator] : [row.coordinator, row.fleetOperator]
            case .viewer: [row.viewer]
            case .auditor: [row.auditor]
            case .serviceWithoutScope, .nobody: []
            }
        return cells.compactMap(\.self)
    }
}

/// To whom the object of a request belongs, as seen by the caller, who acts for the fleet `own` of federation `home`.
enum ApiRelation: String, CaseIterable {
    /// The caller's fleet, or its side of a lease.
    case own
    /// The other side of a lease of the caller's fleet.
    case counterparty
    /// Another fleet of the same federation.
    case peer
    /// A fleet of a federation with which the caller has nothing to do.
    case stranger
}

/// What the contract says of one request.
enum ApiVerdict: Equatable {
    /// It is done, or in conflict with state alone.
    case yes
    case forbidden
    /// Answered as if it did not exist.
    case hidden
    /// Refused; the object is named by the body, so that either refusal is right.
    case refused

    func allows(_ status: Int) -> Bool {
        switch self {
        case .yes: (200..<300).contains(status) || status == 409
        case .forbidden: status == 403
        case .hidden: status == 404
        case .refused: status == 403 || status == 404
        }
    }
}

extension ApiRoleTable {
    /// What a caller must be answered, from the table and the rule that only what is visible is forbidden.
    ///
    /// - Parameter isOpen: every fleet has isolation level `none`; else every fleet has `high`.
    static func verdict(_ caller: Caller, _ endpoint: Endpoint, _ relation: ApiRelation, isOpen: Bool) -> ApiVerdict {
        guard let permission = ApiRouteTable.permissions[ApiStage.name(endpoint)] ?? nil else { return .yes }
        let reaches = reaches(caller, permission)
        if reaches.contains(.everywhere) { return .yes }
        // The measurements count what everybody does, and so does the size of the audit log.
        let counts = ["/metrics", API.base + "/audit-log/checkpoint", API.base + "/audit-log/proof"]
        if endpoint.method == .get, counts.contains(endpoint.path) { return .forbidden }
        // Without the scope nothing is looked at. An operator may hold what its table leaves blank where its fleet
        // coordinates, so that only the object decides.
        if reaches.isEmpty, permission != .metricsWrite || !mayCoordinate(caller) { return .forbidden }
        if let verdict = verdictOfBody(caller, endpoint, relation, reaches) { return verdict }
        guard isVisible(endpoint, relation, to: caller, isOpen: isOpen) else { return .hidden }
        return covers(caller, endpoint, relation, reaches) ? .yes : .forbidden
    }

    private static func actsForFleet(_ caller: Caller) -> Bool {
        [.fleetOperator, .coordinatingOperator, .viewer, .service].contains(caller)
    }

    private static func mayCoordinate(_ caller: Caller) -> Bool { caller == .fleetOperator || caller == .service }

    private static func coordinates(_ caller: Caller) -> Bool {
        caller == .coordinator || caller == .coordinatingOperator
    }

    /// Where the body and not the path names the object.
    private static func verdictOfBody(
        _ caller: Caller, _ endpoint: Endpoint, _ relation: ApiRelation, _ reaches: [Reach]
    ) -> ApiVerdict? {
        guard endpoint.method == .post, !endpoint.path.contains("{") else { return nil }
        switch endpoint.path {
        case API.base + "/fleets": return .forbidden
        // It divides what it is told, and looks at nothing.
        case API.base + "/allocation-plans": return .yes
        case API.base + "/metrics":
            if relation == .stranger { return .hidden }
            return reaches.contains(.itsFederations) ? .yes : .forbidden
        default: return relation == .own && actsForFleet(caller) ? .yes : .refused
        }
    }

    private static func isVisible(
        _ endpoint: Endpoint, _ relation: ApiRelation, to caller: Caller, isOpen: Bool
    ) -> Bool {
        guard endpoint.path.contains("{") else { return true }
        if relation == .stranger { return false }
        if endpoint.path.contains("{key_id}") { return relation == .own }
        // Where a fleet has events pushed to is its own matter.
        if ["{webhook_id}", "{replay_id}", "{log_id}"].contains(where: endpoint.path.contains) {
            return relation == .own
        }
        guard relation == .peer || !actsForFleet(caller) else { return true }
        if ["{sharing_id}", "{allocation_id}", "{message_id}"].contains(where: endpoint.path.contains) {
            return coordinates(caller) && isOpen
        }
        // What a member is entitled to is between it and who coordinates, however open its use is.
        if endpoint.path.contains("/quotas/") { return coordinates(caller) }
        guard endpoint.path.contains("{fleet_id}") else { return true }
        return isOpen || endpoint.path.contains("/members") && coordinates(caller)
    }

    /// Whether the caller's cells reach the object, which it sees.
    private static func covers(
        _ caller: Caller, _ endpoint: Endpoint, _ relation: ApiRelation, _ reaches: [Reach]
    ) -> Bool {
        let isItsFleet = actsForFleet(caller) && (relation == .own || relation == .counterparty)
        let last = endpoint.path.split(separator: "/").last ?? ""
        switch (endpoint.method, last) {
        case (_, "sharing-rules"), (_, "accept"): return isItsFleet
        case (.get, "inbox"): return isItsFleet
        case (.get, _): return true
        case (.put, "{sharing_id}"), (.delete, "{sharing_id}"): return isItsFleet
        case (_, _) where endpoint.path.contains("{sharing_id}"): return isItsFleet && relation == .own
        case (.put, "{federation_id}"), (.delete, "{federation_id}"), (.post, "members"),
            (.put, "{resource_type}"), (.delete, "{resource_type}"):
            return reaches.contains(.itsFederations)
        case (_, _) where endpoint.path.contains("/members/"): return isItsFleet || reaches.contains(.itsFederations)
        default: return isItsFleet
        }
    }
}
