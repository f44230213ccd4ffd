package import FleetJSON

package enum ResourceTypeTag {}
/// What kind of thing a resource is: `vehicle`, `charger`, `dock`, …
package typealias ResourceType = Name<ResourceTypeTag>

/// A unit (capacity 1) or a pool (capacity n) that a fleet owns.
package struct Resource: Sendable, Equatable {
    /// Unique within its fleet.
    package typealias ID = Name<Resource>

    package struct Key: Hashable, Comparable, Sendable {
        package let fleet: Fleet.ID
        package let resource: ID

        package init(fleet: Fleet.ID, resource: ID) {
            self.fleet = fleet
            self.resource = resource
        }

        package static func < (a: Key, b: Key) -> Bool { (a.fleet, a.resource) < (b.fleet, b.resource) }
    }

    /// What tells one resource from another fits into these; a row stays small.
    package static let attributesMax = 64
    /// Bytes of their JSON text: each event of the resource carries them.
    package static let attributeBytesMax = 8192

    package let key: Key
    package let type: ResourceType
    package var capacity: Int64
    package var attributes: JSONObject
    /// Seconds that stay occupied after each lease.
    package var buffer: Seconds
    package var handover: Handover
    package var interruptible: Bool
    package var pooled: Bool
    package var onLeaseLoss: LeaseLossRule
    package var status: ResourceStatus
    /// The highest token issued for the unit; 0 before the first, and always for a pool.
    package var fencingToken: Int64
    /// What leases that have ended still occupy, until their buffer is over; by the end.
    package var cooling: [Cooling]
    /// Counts the changes that its owner made; a raised fencing token is none.
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package var isUnit: Bool { capacity == 1 }

    /// Whether the two are offered alike.
    func offers(like other: Resource) -> Bool {
        status == other.status && capacity == other.capacity && type == other.type
            && attributes == other.attributes && pooled == other.pooled
            && (!pooled
                || buffer == other.buffer && handover == other.handover && interruptible == other.interruptible)
    }
}

/// A quantity that stays occupied for the buffer after a lease.
package struct Cooling: Sendable, Equatable {
    package let until: Timestamp
    package let quantity: Int64
}

extension [Cooling] {
    /// Steps that are kept of one resource. A pool that many bring back within its buffer would else be as slow to
    /// decide on, and as large to store, as they are many.
    private static var countMax: Int { 64 }

    /// With one more, in the order of their ends. Of too many, the one that would wait least for the next cools until
    /// that one does: never shorter than its buffer.
    fileprivate func adding(_ new: Cooling) -> [Cooling] {
        var all = self
        all.insert(new, at: all.firstIndex { $0.until > new.until } ?? all.endIndex)
        guard all.count > Self.countMax else { return all }
        let waits = all.indices.dropLast().map { all[$0 + 1].until.milliseconds - all[$0].until.milliseconds }
        let early = waits.indices.min { waits[$0] < waits[$1] } ?? 0
        let later = all.remove(at: early + 1)
        all[early] = Cooling(until: later.until, quantity: all[early].quantity + later.quantity)
        return all
    }
}

package enum Handover: String, Sendable, CaseIterable {
    /// Active at its start, completed at its end, without a call.
    case automatic
    /// Activation and return are calls.
    case confirmed
}

package enum LeaseLossRule: String, Sendable, CaseIterable {
    case stop, `continue`, evacuate, `return`
}

package enum ResourceStatus: String, Sendable, CaseIterable {
    case available, maintenance, retired
}

extension Resource {
    /// The resource as a step of one of its leases leaves it, or nil when it stays as it is: its highest token
    /// rises, and what was handed back cools for the lease's buffer.
    func after(_ lease: Lease, wasHeld: Bool, at now: Timestamp) -> Resource? {
        var next = self
        if lease.isUnit, let token = lease.fencingToken { next.fencingToken = max(fencingToken, token) }
        if wasHeld, lease.status.isFinal, lease.buffer > 0, let endedAt = lease.endedAt {
            next.cooling = cooling.filter { $0.until > now }.adding(
                Cooling(until: endedAt + lease.buffer, quantity: lease.quantity))
        }
        return next == self ? nil : next
    }
}
