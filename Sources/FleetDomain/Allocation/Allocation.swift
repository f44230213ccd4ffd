package import FleetJSON

/// A request for a quantity of a type, or of several types together, and what the engine answered.
package struct Allocation: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Allocation>

    package let id: ID
    package let federation: Federation.ID
    /// The fleet that asks, and borrows.
    package let target: Fleet.ID
    /// Given together or not at all.
    package let items: [AllocationItem]
    package let duration: Seconds
    /// The first and the last start that will do.
    package let earliest: Timestamp
    package let latest: Timestamp
    package let priority: Priority
    /// Whether a part of the quantity will do.
    package let acceptsPart: Bool
    package let purpose: String?
    /// Why the request says it is needed; mandatory for `emergency`.
    package let reason: String?
    package var status: AllocationStatus
    /// Made for it; some may have ended.
    package var leases: [Lease.ID]
    /// Whether less was given than asked for.
    package var isPart: Bool
    /// Whether any of its leases ever began.
    package var hasBegun: Bool
    /// What it still waits for in the queue.
    package var waiting: Waiting?
    /// How often a stronger request has taken a lease of it away.
    package var preemptions: Int64
    package var explanation: Explanation
    /// Counts its own changes and those of its leases.
    package var version: Int64
    package let createdAt: Timestamp
    package var updatedAt: Timestamp
}

/// What an allocation waits for in the queue.
package struct Waiting: Sendable, Equatable {
    package var items: [AllocationItem]
    package var duration: Seconds
    /// The first start that will do; it moves on with the time.
    package var earliest: Timestamp
    /// The last start that will do; nil takes whatever start comes, and then the first at which all is free.
    package var latest: Timestamp?
    /// Since when it waits.
    package var since: Timestamp
    /// When it lapses.
    package var until: Timestamp
    /// The end of the log when it came: who came earlier stands before it.
    package var arrival: Int64
}

/// A quantity of one type, of resources that have certain attributes.
package struct AllocationItem: Sendable, Equatable {
    package var type: ResourceType
    package var quantity: Int64
    package var attributes: [Requirement]

    package init(type: ResourceType, quantity: Int64, attributes: [Requirement] = []) {
        self.type = type
        self.quantity = quantity
        self.attributes = attributes
    }
}

package enum AllocationStatus: String, Sendable, CaseIterable {
    /// All of it is promised, or in use.
    case granted
    /// A part of it is.
    case partial
    /// Held until owners approve.
    case pending
    /// Waiting until it can be given.
    case queued
    case refused, cancelled, expired
    /// Its leases are over.
    case ended

    package var isFinal: Bool {
        switch self {
        case .granted, .partial, .pending, .queued: false
        case .refused, .cancelled, .expired, .ended: true
        }
    }
}

/// What an attribute of a resource has to be.
package struct Requirement: Sendable, Equatable {
    package enum Rule: Sendable, Equatable {
        case equals(JSON)
        /// A number within these bounds, both included.
        case within(min: Double?, max: Double?)
    }

    package let name: String
    package let rule: Rule

    package init(name: String, rule: Rule) {
        self.name = name
        self.rule = rule
    }

    package func admits(_ attributes: JSONObject) -> Bool {
        guard let value = attributes[name] else { return false }
        switch rule {
        case .equals(let wanted):
            // 8 and 8.0 are the same number.
            if let number = value.doubleValue, let other = wanted.doubleValue { return number == other }
            return value == wanted
        case .within(let low, let high):
            guard let number = value.doubleValue else { return false }
            return low.map { $0 <= number } ?? true && high.map { number <= $0 } ?? true
        }
    }
}

extension Requirement {
    /// `{"min": n}`, `{"max": n}` and both are bounds; anything else is what the attribute equals.
    package init(name: String, json: JSON) {
        self.name = name
        if let object = json.objectValue, !object.isEmpty,
            object.members.allSatisfy({ ["min", "max"].contains($0.key) && $0.value.doubleValue != nil })
        {
            rule = .within(min: object["min"]?.doubleValue, max: object["max"]?.doubleValue)
        } else {
            rule = .equals(json)
        }
    }

    package var json: JSON {
        switch rule {
        case .equals(let value): return value
        case .within(let low, let high):
            var object = JSONObject()
            object["min"] = low.map(JSON.double)
            object["max"] = high.map(JSON.double)
            return .object(object)
        }
    }
}

extension Allocation {
    /// What it asked for of each type, all items together.
    package var quantity: Int64 { items.reduce(0) { $0 + $1.quantity } }

    /// Its status after one of its leases has changed.
    ///
    /// - Parameter live: those of its leases that are not over, as they are.
    func status(after lease: Lease, live: [Lease]) -> AllocationStatus {
        if live.contains(where: { $0.status == .pending }) { return .pending }
        if !live.isEmpty { return isPart ? .partial : .granted }
        if waiting != nil { return .queued }
        if hasBegun { return .ended }
        return lease.status == .expired ? .expired : .cancelled
    }
}
