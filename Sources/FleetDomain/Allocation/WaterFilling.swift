import HeapModule

/// Divides the capacity of one type among demands by weight; all in one unit, be it a whole one or a millionth.
///
/// A level is what has been granted for a weight of 1.
struct WaterFilling: Sendable {
    private let demands: [Int64]
    private let weights: [Int64]
    /// The claims by the level that meets their demand, the lowest first; among equals, the one named first.
    private let byLevel: [Int]

    init(demands: [Int64], weights: [Int64]) {
        self.demands = demands
        self.weights = weights
        byLevel = demands.indices.sorted {
            let (a, b) = (Int128(demands[$0]) * Int128(weights[$1]), Int128(demands[$1]) * Int128(weights[$0]))
            return (a, $0) < (b, $1)
        }
    }

    /// The division nearest to the true one, in which units could be cut: each claim is less than a unit from it.
    func divideEvenly(_ capacity: Int64) -> [Int64] {
        var granted = demands.map { _ in Int64(0) }
        var rest = Int128(capacity)
        var weight = Int128(weights.reduce(0, +))
        var unmet = byLevel[...]
        while let claim = unmet.first, Int128(demands[claim]) * weight <= rest * Int128(weights[claim]) {
            granted[claim] = demands[claim]
            rest -= Int128(demands[claim])
            weight -= Int128(weights[claim])
            unmet.removeFirst()
        }
        // Rounding the running total, not each part, makes the parts add up.
        var passed: Int128 = 0
        var total: Int128 = 0
        for claim in unmet.sorted() {
            passed += Int128(weights[claim])
            let next = (rest * passed).dividedUp(by: weight)
            granted[claim] = Int64(next - total)
            total = next
        }
        return granted
    }

    /// The division into whole units whose levels, sorted, are the largest possible, one after the other.
    ///
    /// A unit always goes to the lowest level, and among equal levels to the smallest weight, which it lifts most.
    func divideUnits(_ capacity: Int64) -> [Int64] {
        let met = countMet(by: Int128(capacity))
        let unmet = byLevel[met...]
        let rest = Int128(capacity) - byLevel[..<met].reduce(0) { $0 + Int128(demands[$1]) }
        var granted = demands
        guard !unmet.isEmpty else { return granted }
        let level = surelyReached(by: rest, met: met)
        for claim in unmet { granted[claim] = units(of: claim, at: level) }
        hand(rest - unmet.reduce(0) { $0 + Int128(granted[$1]) }, to: unmet, &granted)
        return granted
    }
}

// MARK: - Whole units

extension WaterFilling {
    private struct Level {
        let units: Int128
        let weight: Int128

        static func max(_ a: Level, _ b: Level) -> Level { a.units * b.weight < b.units * a.weight ? b : a }
    }

    /// What the claim has once every level below `level` has been left behind.
    private func units(of claim: Int, at level: Level) -> Int64 {
        let units = (level.units * Int128(weights[claim])).dividedUp(by: level.weight)
        return Int64(min(Int128(demands[claim]), units))
    }

    private func demandLevel(of claim: Int) -> Level {
        Level(units: Int128(demands[claim]), weight: Int128(weights[claim]))
    }

    /// How many of `byLevel` are met before anybody goes without; more may be met by the last units.
    private func countMet(by capacity: Int128) -> Int {
        var (met, unmet) = (0, byLevel.count + 1)
        while unmet - met > 1 {
            let middle = (met + unmet) / 2
            let level = demandLevel(of: byLevel[middle - 1])
            let total = demands.indices.reduce(Int128(0)) { $0 + Int128(units(of: $1, at: level)) }
            if total <= capacity { met = middle } else { unmet = middle }
        }
        return met
    }

    /// A level that `rest` units lift all unmet claims to, with fewer units left over than there are such claims.
    private func surelyReached(by rest: Int128, met: Int) -> Level {
        let unmet = byLevel[met...]
        let weight = unmet.reduce(0) { $0 + Int128(weights[$1]) }
        // Rounding up may cost each claim one unit.
        let even = Level(units: max(0, rest - Int128(unmet.count)), weight: weight)
        return met == 0 ? even : Level.max(even, demandLevel(of: byLevel[met - 1]))
    }

    private struct Turn: Comparable {
        let claim: Int
        let granted: Int64
        let weight: Int64

        static func < (a: Turn, b: Turn) -> Bool {
            let (levelA, levelB) = (Int128(a.granted) * Int128(b.weight), Int128(b.granted) * Int128(a.weight))
            return (levelA, a.weight, a.claim) < (levelB, b.weight, b.claim)
        }
    }

    private func hand(_ units: Int128, to claims: ArraySlice<Int>, _ granted: inout [Int64]) {
        var turns = Heap(claims.map { Turn(claim: $0, granted: granted[$0], weight: weights[$0]) })
        var left = units
        while left > 0, let claim = turns.popMin()?.claim {
            guard granted[claim] < demands[claim] else { continue }
            granted[claim] += 1
            left -= 1
            turns.insert(Turn(claim: claim, granted: granted[claim], weight: weights[claim]))
        }
    }
}

extension Int128 {
    /// Both numbers are 0 or more, and `divisor` is more.
    fileprivate func dividedUp(by divisor: Int128) -> Int128 { (self + divisor - 1) / divisor }
}
