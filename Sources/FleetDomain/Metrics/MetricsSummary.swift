/// How well coordination worked in one period.
package struct MetricsSummary: Sendable, Equatable {
    package let window: Window
    package internal(set) var satisfied: Int64 = 0
    package internal(set) var failed: Int64 = 0
    /// Crossings of a boundary between owners that were checked: those that were granted, and those that were denied.
    package internal(set) var checks: Int64 = 0
    /// Granted crossings that the isolation of the two did not allow.
    package internal(set) var violations: Int64 = 0
    /// Deliveries of messages that were accepted in the period, and those of them that were acknowledged in their time.
    package internal(set) var accepted: Int64 = 0
    package internal(set) var acknowledged: Int64 = 0
    /// Seconds from a request to the decision that settled it; nil when none was settled.
    package internal(set) var decisionLatency: Percentiles?
    /// Jain's index over what the members borrowed for their weight; nil when nothing was borrowed, and for a reader
    /// who sees only a part.
    package internal(set) var fairness: Double?
    package internal(set) var lent: UnitTime = .zero
    package internal(set) var borrowed: UnitTime = .zero
    /// Who lent how much to whom, most first.
    package internal(set) var pairs: [PairUse] = []
    /// By the bytes of the type.
    package internal(set) var utilization: [TypeUse] = []

    init(window: Window) { self.window = window }

    /// Coordination efficiency = satisfied ÷ (satisfied + failed) of the requests that were admitted and whose outcome
    /// fell into the period; nil without any.
    package var coordinationEfficiency: Double? {
        satisfied + failed > 0 ? Double(satisfied) / Double(satisfied + failed) : nil
    }

    /// Resource utilisation = active time ÷ offered time, in unit-time of all types; nil when nothing was offered.
    package var resourceUtilization: Double? {
        TypeUse.ratio(
            active: utilization.reduce(.zero) { $0 + $1.active }, offered: utilization.reduce(.zero) { $0 + $1.offered }
        )
    }

    /// Communication health = acknowledged ÷ accepted messages; nil when none was accepted.
    package var communicationHealth: Double? {
        accepted > 0 ? Double(acknowledged) / Double(accepted) : nil
    }

    /// Isolation compliance = 1 − violations ÷ checks; nil without checks.
    package var isolationCompliance: Double? {
        checks > 0 ? 1 - Double(violations) / Double(checks) : nil
    }
}

/// A quantity multiplied by the time that it was held.
package struct UnitTime: Sendable, Equatable, Comparable {
    package static let zero = UnitTime(milliseconds: 0)

    package var milliseconds: Int128

    package init(milliseconds: Int128) { self.milliseconds = milliseconds }

    package var hours: Double { Double(milliseconds) / 3_600_000 }

    package static func + (a: UnitTime, b: UnitTime) -> UnitTime {
        UnitTime(milliseconds: a.milliseconds + b.milliseconds)
    }

    package static func < (a: UnitTime, b: UnitTime) -> Bool { a.milliseconds < b.milliseconds }
}

package struct FleetPair: Hashable, Sendable, Comparable {
    package let source: Fleet.ID
    package let target: Fleet.ID

    package init(source: Fleet.ID, target: Fleet.ID) {
        self.source = source
        self.target = target
    }

    package static func < (a: FleetPair, b: FleetPair) -> Bool { (a.source, a.target) < (b.source, b.target) }
}

/// What one fleet lent to another.
package struct PairUse: Sendable, Equatable {
    package let pair: FleetPair
    package let lent: UnitTime
}

/// What became of the time of one resource type.
package struct TypeUse: Sendable, Equatable {
    package let type: ResourceType
    /// Capacity of what was available, while its fleet was a member.
    package internal(set) var offered: UnitTime = .zero
    package internal(set) var active: UnitTime = .zero
    /// Granted, and not fetched yet.
    package internal(set) var idle: UnitTime = .zero
    /// Kept beyond the window.
    package internal(set) var overdue: UnitTime = .zero

    init(type: ResourceType) { self.type = type }

    /// Active ÷ offered. What runs on while its resource is in maintenance takes more than is offered, so the ratio is
    /// cut at 1.
    package var ratio: Double? { Self.ratio(active: active, offered: offered) }

    static func ratio(active: UnitTime, offered: UnitTime) -> Double? {
        offered > .zero ? min(1, Double(active.milliseconds) / Double(offered.milliseconds)) : nil
    }
}

/// A summary of the whole period, and of each of its steps where it was divided.
package struct MetricsReport: Sendable, Equatable {
    package let summary: MetricsSummary
    /// nil when no step was asked for.
    package let series: [MetricsSummary]?
    package let asOf: Timestamp
}
