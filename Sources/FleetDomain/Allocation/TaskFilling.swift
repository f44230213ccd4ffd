import HeapModule

/// Progressive filling by whole tasks.
///
/// The first `stepMax` tasks are given one by one; then many at once. A level that all shares have reached says how many
/// tasks each claim has got: those that it began below the level. When all of these fit, giving them one by one would
/// have refused none, and the filling may go on from there. The highest such level is found by bisection, so closely
/// that a few steps reach the task that does not fit; its claim is through, and the next jump begins.
struct TaskFilling: Sendable {
    private let contenders: [Contender]
    private let stepMax: Int
    private(set) var tasks: [Int64]
    private var free: [Int64]
    /// Those that may get more.
    private var growing: [Int]
    /// Whose turn each of the first `stepMax` tasks was.
    private(set) var order: [Int] = []

    init(_ contenders: [Contender], capacity: [Int64], stepMax: Int) {
        self.contenders = contenders
        self.stepMax = stepMax
        tasks = contenders.map { _ in 0 }
        free = capacity
        growing = Array(contenders.indices)
    }

    /// Millionths of each type, one row for each claim.
    var granted: [[Int64]] {
        zip(contenders, tasks).map { contender, tasks in contender.demand.map { $0 * tasks } }
    }

    var isOrderCut: Bool { tasks.reduce(0, +) > order.count }

    mutating func fill() {
        order = step(stepMax)
        while !growing.isEmpty {
            // A step and a look at a claim at one level take about as long.
            let steps = min(stepMax, growing.count)
            jump(within: steps)
            _ = step(steps)
        }
    }

    private mutating func give(_ count: Int64, to claim: Int) {
        tasks[claim] += count
        for type in contenders[claim].needs { free[type] -= contenders[claim].demand[type] * count }
    }

    /// What still fits never grows, so a claim whose next task does not fit is through.
    private func canGrow(_ claim: Int) -> Bool {
        let contender = contenders[claim]
        return tasks[claim] < contender.tasksMax && contender.needs.allSatisfy { contender.demand[$0] <= free[$0] }
    }
}

// MARK: - One by one

extension TaskFilling {
    private struct Turn: Comparable {
        let share: Share
        let claim: Int

        static func < (a: Turn, b: Turn) -> Bool {
            let (shareA, shareB) = Share.comparable(a.share, b.share)
            return (shareA, a.claim) < (shareB, b.claim)
        }
    }

    /// Gives up to `count` tasks, and says to whom.
    private mutating func step(_ count: Int) -> [Int] {
        var turns = Heap(growing.map { Turn(share: contenders[$0].share(of: tasks[$0]), claim: $0) })
        var given: [Int] = []
        while given.count < count, let claim = turns.popMin()?.claim {
            guard canGrow(claim) else { continue }
            give(1, to: claim)
            given.append(claim)
            turns.insert(Turn(share: contenders[claim].share(of: tasks[claim]), claim: claim))
        }
        growing = growing.filter(canGrow)
        return given
    }
}

// MARK: - Many at once

extension TaskFilling {
    /// Gives tasks until at most `steps` are left before one that does not fit.
    private mutating func jump(within steps: Int) {
        var (low, high) = (UInt128(0), FixedPoint.one)
        var (begunLow, begunHigh) = (begun(below: low), begun(below: high))
        if fits(begunHigh) { begunLow = begunHigh }
        while high - low > 1, begunHigh.reduce(0, +) - begunLow.reduce(0, +) > steps {
            let middle = (low + high) / 2
            let begun = begun(below: middle)
            if fits(begun) { (low, begunLow) = (middle, begun) } else { (high, begunHigh) = (middle, begun) }
        }
        for (claim, count) in zip(growing, begunLow) { give(count - tasks[claim], to: claim) }
    }

    /// The tasks of each growing claim that had a lower share than `level` before them, and those already given.
    private func begun(below level: UInt128) -> [Int64] {
        growing.map { max(tasks[$0], contenders[$0].tasks(begunBelow: level)) }
    }

    private func fits(_ begun: [Int64]) -> Bool {
        var used = free.map { _ in Int128(0) }
        for (claim, count) in zip(growing, begun) {
            let contender = contenders[claim]
            for type in contender.needs {
                used[type] += Int128(contender.demand[type]) * Int128(count - tasks[claim])
            }
        }
        return zip(used, free).allSatisfy { $0 <= Int128($1) }
    }
}
