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
}

package enum FleetStatus: String, Sendable, CaseIterable {
    case active, retired
}
