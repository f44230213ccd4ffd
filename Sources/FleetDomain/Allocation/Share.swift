/// How much of a capacity something is, divided by the weight of who has it: `granted ÷ capacity ÷ weight`.
///
/// This is what a division makes as equal as it can: the weighted dominant share of Ghodsi et al. (NSDI 2011,
/// section 4.3), from 0 to 1. Shares are compared exactly.
package struct Share: Comparable, Sendable {
    /// In millionths of a unit.
    private let granted: Int64
    /// The capacity in millionths of a unit, times the weight.
    private let whole: Int128

    package static let none = Share(0, of: 0, weight: 1)

    /// Nothing, of whatever capacity, is a share of 0.
    init(_ granted: Int64, of capacity: Int64, weight: Int64) {
        self.granted = granted
        whole = Int128(max(1, capacity)) * Int128(weight)
    }

    /// The largest share among the types, that of the dominant resource.
    ///
    /// - Parameters:
    ///   - granted: millionths of each type.
    ///   - capacity: millionths of each type.
    init(dominantOf granted: [Int64], of capacity: [Int64], weight: Int64) {
        self = zip(granted, capacity).map { Share($0, of: $1, weight: weight) }.max() ?? .none
    }

    package static func < (a: Share, b: Share) -> Bool {
        let (a, b) = comparable(a, b)
        return a < b
    }

    package static func == (a: Share, b: Share) -> Bool {
        let (a, b) = comparable(a, b)
        return a == b
    }

    /// Two numbers in the same relation. Amounts have at most 50 bits and weights 20, so the products fit.
    static func comparable(_ a: Share, _ b: Share) -> (Int128, Int128) {
        (Int128(a.granted) * b.whole, Int128(b.granted) * a.whole)
    }

    /// For people and for JSON; nothing is decided by it.
    package var value: Double { Double(granted) / Double(whole) }
}
