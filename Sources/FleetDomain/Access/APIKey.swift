/// A credential for programs. Only the digest of its secret is kept.
package struct APIKey: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<APIKey>

    package let id: ID
    package let name: String
    /// What the presented key must digest to; the lookup key of the table.
    package let digest: [UInt8]
    package let roles: Set<Role>
    package let fleets: Set<Fleet.ID>
    package let federations: Set<Federation.ID>
    package let scopes: Set<Permission>
    /// The subject that made it; it may list and revoke it.
    package let createdBy: String
    package let expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    package let createdAt: Timestamp

    package var principal: Principal {
        Principal(
            subject: "key:\(id)", roles: roles, fleets: fleets, federations: federations, scopes: scopes)
    }
}
