/// Progressive filling by fractions of tasks.
///
/// All shares rise alike, with the level, which pauses whenever a claim has all its tasks or a type is used up, so that
/// claims stop. What a claim uses of a type is `level · weight · part`, its part being what a task needs of the type
/// compared with what it needs of its dominant one, each measured by its capacity.
struct FractionalFilling: Sendable {
    private let contenders: [Contender]
    /// `weight · part` of each type, one row for each claim; rounded up, so that never too much is given.
    private let pulls: [[UInt128]]
    /// The pulls of those that grow, for each type.
    private var pull: [UInt128]
    /// What those that have stopped leave of each type, as a share of its capacity.
    private var free: [UInt128]
    private var growing: [Int]
    /// Where each claim was stopped; nil for one that has all its tasks.
    private var stops: [UInt128?]
    /// The claims as they stopped, of those that stopped together the one named first.
    private(set) var order: [Int] = []

    /// A type is used up when no more is left of it: less than a thousandth of a millionth of the largest capacity, and
    /// more than rounding leaves, which is one of the level for each unit of weight, so that each pause stops somebody.
    private static let freeDust: UInt128 = 1 << 32
    /// Levels no farther apart are one.
    private static let levelDust: UInt128 = 1 << 12
    /// What rounding may have taken from a share; given back before an amount is rounded down. For all claims together
    /// it is less than a hundredth of a millionth, so that no capacity is exceeded by it.
    private static let shareDust: UInt128 = 1 << 26

    init(_ contenders: [Contender], capacity: [Int64]) {
        let pulls = contenders.map { $0.pulls(on: capacity) }
        self.contenders = contenders
        self.pulls = pulls
        pull = capacity.indices.map { type in pulls.reduce(0) { $0 + $1[type] } }
        free = capacity.map { _ in FixedPoint.one }
        growing = Array(contenders.indices)
        stops = contenders.map { _ in nil }
    }

    mutating func fill() {
        while let level = nextPause() {
            let isUsedUp = zip(free, pull).map { $0 <= FixedPoint.productUp($1, level) + Self.freeDust }
            let before = growing
            growing = []
            for claim in before {
                let contender = contenders[claim]
                if let full = contender.fullLevel, full <= level + Self.levelDust {
                    stop(claim, at: full)
                } else if contender.needs.contains(where: { isUsedUp[$0] }) {
                    stops[claim] = level
                    stop(claim, at: level)
                } else {
                    growing.append(claim)
                }
            }
        }
    }

    /// The lowest level at which somebody has all its tasks or a type is used up; nil once all have stopped.
    private func nextPause() -> UInt128? {
        let full = growing.compactMap { contenders[$0].fullLevel }
        let usedUp = zip(free, pull).compactMap { $1 > 0 ? FixedPoint.quotient($0, $1) : nil }
        return growing.isEmpty ? nil : (full + usedUp).min()
    }

    private mutating func stop(_ claim: Int, at level: UInt128) {
        order.append(claim)
        for type in contenders[claim].needs {
            pull[type] -= pulls[claim][type]
            free[type] -= min(free[type], FixedPoint.productUp(pulls[claim][type], level))
        }
    }
}

// MARK: - The result

extension FractionalFilling {
    /// Millionths of each type, one row for each claim.
    var granted: [[Int64]] {
        contenders.indices.map { claim in
            let contender = contenders[claim]
            guard let share = share(of: claim) else { return contender.demand.map { $0 * contender.tasksMax } }
            return contender.demand.map { contender.amount(of: share, perTask: $0) }
        }
    }

    /// To the nearest millionth of a task.
    var tasks: [Amount] {
        contenders.indices.map { claim in
            let contender = contenders[claim]
            let all = contender.tasksMax * Amount.millionthsPerUnit
            guard let share = share(of: claim) else { return Amount(millionths: all) }
            let halves = contender.amount(of: share, perTask: 2 * Amount.millionthsPerUnit)
            return Amount(millionths: min(all, (halves + 1) / 2))
        }
    }

    /// The dominant share of a claim that was stopped.
    private func share(of claim: Int) -> UInt128? {
        stops[claim].map { $0 * UInt128(contenders[claim].weight) + Self.shareDust }
    }
}

extension Contender {
    /// `weight · part` of each type; nothing for a claim that gets nothing.
    fileprivate func pulls(on capacity: [Int64]) -> [UInt128] {
        zip(demand, capacity).map { demand, capacity in
            guard tasksMax > 0 else { return 0 }
            // At most the whole, as the dominant type is the one with the largest part.
            let part = FixedPoint.quotientUp(
                UInt128(demand) * UInt128(dominantCapacity), UInt128(max(1, capacity)) * UInt128(dominantDemand))
            return UInt128(weight) * (part ?? FixedPoint.one)
        }
    }

    /// What the tasks that make up a dominant share come to, at `perTask` millionths each.
    fileprivate func amount(of share: UInt128, perTask: Int64) -> Int64 {
        let scaled = FixedPoint.product(share, UInt128(dominantCapacity) * UInt128(perTask))
        return Int64(scaled / UInt128(dominantDemand))
    }
}
