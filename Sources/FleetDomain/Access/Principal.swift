/// Who calls: a user, a service or a fleet, with its roles and what it acts for.
package struct Principal: Sendable, Equatable {
    /// Stable name: a token's `sub`, or `key:` and the id of an API key.
    package let subject: String
    package let roles: Set<Role>
    /// The fleets it acts for.
    package let fleets: Set<Fleet.ID>
    /// The federations it coordinates, when it has that role.
    package let federations: Set<Federation.ID>
    /// Permissions granted by name; the only ones a `service` has.
    package let scopes: Set<Permission>

    /// Whom the service itself acts as: the start, which makes the administrator's key.
    package static let system = Principal(subject: "system", roles: [.platformAdmin])

    /// Before the id of a webhook in its subject.
    static let webhookPrefix = "webhook:"

    /// Whether a subject names one of ours, so that no issuer may give it to a caller: an API key, a webhook,
    /// the service itself, or the clock.
    package static func isReserved(_ subject: String) -> Bool {
        subject.utf8.starts(with: "key:".utf8) || subject.utf8.starts(with: webhookPrefix.utf8)
            || subject == system.subject || subject == Event.clock
    }

    package init(
        subject: String, roles: Set<Role>, fleets: Set<Fleet.ID> = [], federations: Set<Federation.ID> = [],
        scopes: Set<Permission> = []
    ) {
        self.subject = subject
        self.roles = roles
        self.fleets = fleets
        self.federations = federations
        self.scopes = scopes
    }
}

package enum Role: String, Sendable, CaseIterable {
    case platformAdmin = "platform_admin"
    case federationCoordinator = "federation_coordinator"
    case fleetOperator = "fleet_operator"
    case fleetViewer = "fleet_viewer"
    case auditor
    case service
}

package enum Permission: String, Sendable, CaseIterable {
    case federationCreate = "federation:create"
    case federationRead = "federation:read"
    case federationManage = "federation:manage"
    case memberManage = "member:manage"
    case fleetRead = "fleet:read"
    case fleetManage = "fleet:manage"
    case fleetOperate = "fleet:operate"
    case sharingRead = "sharing:read"
    case sharingRequest = "sharing:request"
    case sharingApprove = "sharing:approve"
    case sharingManage = "sharing:manage"
    case sharingEmergency = "sharing:emergency"
    case communicationRead = "communication:read"
    case communicationSend = "communication:send"
    case communicationReceive = "communication:receive"
    case communicationManage = "communication:manage"
    case communicationSafety = "communication:safety"
    case metricsRead = "metrics:read"
    case metricsWrite = "metrics:write"
    case eventRead = "event:read"
    case eventReplay = "event:replay"
    case auditRead = "audit:read"
    case keyManage = "key:manage"
}
