/// How much of something is promised at each instant: a step function over time, 0 before the first step.
///
/// Promising, giving up and asking take time that hardly grows with the number of promises.
package struct Calendar: Sendable, Equatable {
    private var run = StepBranch<StepBranch<StepLeaf>>()

    package init() {}

    package var isEmpty: Bool { run.summary.isEmpty }

    package mutating func add(_ quantity: Int64, over window: Window) {
        run.add(quantity, at: window.start)
        run.add(-quantity, at: window.end)
    }

    package mutating func remove(_ quantity: Int64, over window: Window) { add(-quantity, over: window) }

    package func level(at time: Timestamp) -> Int64 { run.sum(through: time) }

    /// The highest level at any instant of `window`.
    package func peak(over window: Window) -> Int64 {
        var level: Int64 = 0
        let changed = run.peak(after: window.start, before: window.end, &level)
        let start = self.level(at: window.start)
        return changed.map { max(start, $0) } ?? start
    }

    /// Up to `count` windows of `length` seconds that begin at or after `earliest`, end by `latest`, do not
    /// overlap one another, and in which the level never exceeds `ceiling`.
    package func gaps(
        of length: Seconds, atMost ceiling: Int64, from earliest: Timestamp, until latest: Timestamp, count: Int
    ) -> [Window] {
        guard ceiling >= 0 else { return [] }
        var found: [Window] = []
        guard var start = firstFree(from: earliest, atMost: ceiling) else { return [] }
        while found.count < count, start + length <= latest {
            let taken = first(after: start, isAbove: true, ceiling)
            if let taken, taken < start + length {
                guard let free = first(after: taken, isAbove: false, ceiling) else { break }
                start = free
            } else {
                found.append(Window(start: start, end: start + length))
                guard let free = firstFree(from: start + length, atMost: ceiling) else { break }
                start = free
            }
        }
        return found
    }

    /// The first instant from `time` on at which the level is not above `ceiling`.
    private func firstFree(from time: Timestamp, atMost ceiling: Int64) -> Timestamp? {
        level(at: time) <= ceiling ? time : first(after: time, isAbove: false, ceiling)
    }

    private func first(after time: Timestamp, isAbove: Bool, _ ceiling: Int64) -> Timestamp? {
        var level: Int64 = 0
        return run.first(after: time, isAbove: isAbove, ceiling, &level)
    }

    /// The steps that touch `window`, cut to it, levels above 0 only.
    package func steps(over window: Window) -> [(window: Window, level: Int64)] {
        var changes: [Step] = []
        run.collect(after: window.start, before: window.end, into: &changes)
        var steps: [(window: Window, level: Int64)] = []
        var start = window.start
        var level = level(at: start)
        for change in changes + [Step(at: window.end, change: 0)] {
            if level > 0 { steps.append((Window(start: start, end: change.at), level)) }
            start = change.at
            level += change.change
        }
        return steps
    }

    /// However they came about, the same levels are the same calendar.
    package static func == (a: Calendar, b: Calendar) -> Bool { a.changes == b.changes }

    private var changes: [Step] {
        var changes: [Step] = []
        run.collect(after: nil, before: nil, into: &changes)
        return changes
    }
}
