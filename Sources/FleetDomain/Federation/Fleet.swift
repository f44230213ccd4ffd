/// A set of resources under one owner.
package struct Fleet: Sendable, Equatable {
    package typealias ID = Name<Fleet>

    package let id: ID
    package var name: String
    package var organization: String
    package var status: FleetStatus
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
    /// Whom to turn to, as a JSON object.
    package var contact: Sealed?
    /// Which data key seals what its people write now. Raised when their data is erased: earlier keys are destroyed.
    package var keyGeneration: Int64
    /// How long it may be silent before it counts as unreachable; nil for one that never gave a sign of life.
    package var heartbeatInterval: Seconds?
    package var signingKey: SigningKey?
}

package enum FleetStatus: String, Sendable, CaseIterable {
    case active, retired
}
