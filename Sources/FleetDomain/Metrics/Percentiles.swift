/// How often each duration occurred, in milliseconds.
struct DurationCounts: Sendable {
    private var counts: [Int64: Int] = [:]

    mutating func add(_ milliseconds: Int64, count: Int = 1) { counts[milliseconds, default: 0] += count }

    mutating func merge(_ other: DurationCounts) { counts.merge(other.counts, uniquingKeysWith: +) }

    /// nil without data.
    var percentiles: Percentiles? {
        let total = counts.values.reduce(0, +)
        guard total > 0 else { return nil }
        let sorted = counts.sorted { $0.key < $1.key }
        return Percentiles(
            p50: Self.value(at: 50, of: sorted, total), p95: Self.value(at: 95, of: sorted, total),
            p99: Self.value(at: 99, of: sorted, total))
    }

    /// The nearest-rank percentile: the smallest value such that at least `percent` of all are not greater, which is
    /// the one of rank ⌈percent ÷ 100 · n⌉.
    private static func value(at percent: Int, of sorted: [(key: Int64, value: Int)], _ total: Int) -> Double {
        let rank = (percent * total + 99) / 100
        var seen = 0
        for (milliseconds, count) in sorted {
            seen += count
            if seen >= rank { return Double(milliseconds) / 1000 }
        }
        preconditionFailure("the rank is at most the number of values")
    }
}

/// Nearest-rank percentiles, in seconds.
package struct Percentiles: Sendable, Equatable {
    package let p50: Double
    package let p95: Double
    package let p99: Double
}
