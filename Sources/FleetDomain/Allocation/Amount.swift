package import FleetJSON

/// A quantity that need not be whole, held exactly: a number of millionths from 0 to a billion units.
///
/// Plans are computed with it in integers, so that they come out the same on every machine.
package struct Amount: Hashable, Comparable, Sendable {
    /// The most units of anything in one plan: as many as the largest pool has.
    package static let unitsMax: Int64 = 1_000_000_000
    package static let millionthsPerUnit: Int64 = 1_000_000
    package static let zero = Amount(millionths: 0)

    package let millionths: Int64

    /// - Precondition: at least 0 and at most `unitsMax` units; callers check what comes from outside.
    package init(millionths: Int64) {
        precondition(
            (0...Self.unitsMax * Self.millionthsPerUnit).contains(millionths), "an amount is from 0 to its maximum")
        self.millionths = millionths
    }

    package static func < (a: Amount, b: Amount) -> Bool { a.millionths < b.millionths }
}

extension Amount {
    /// nil unless `units` is from 0 to `unitsMax`.
    package init?(units: Int64) {
        guard (0...Self.unitsMax).contains(units) else { return nil }
        self.init(millionths: units * Self.millionthsPerUnit)
    }

    /// The nearest millionth to a number of units; nil unless that is from 0 to `unitsMax`.
    package init?(units: Double) {
        guard units >= 0, units <= Double(Self.unitsMax) else { return nil }
        self.init(millionths: Int64(units * Double(Self.millionthsPerUnit) + 0.5))
    }

    /// nil when `json` is no number, or one out of range.
    package init?(json: JSON) {
        switch json {
        case .integer(let units): self.init(units: units)
        case .double(let units): self.init(units: units)
        default: return nil
        }
    }

    /// In units: an integer when it is one, else a decimal fraction of at most six places.
    package var json: JSON {
        if let wholeUnits { return .integer(wholeUnits) }
        return .double(Double(millionths) / Double(Self.millionthsPerUnit))
    }

    /// The units, when nothing is left over; else nil.
    package var wholeUnits: Int64? {
        millionths.isMultiple(of: Self.millionthsPerUnit) ? millionths / Self.millionthsPerUnit : nil
    }
}
