/// A run of the instants at which a level changes, in order, each once and with its change, which is not 0.
///
/// Runs of runs are a tree of fixed height. Each run knows what it does to a level as a whole, so that a search
/// passes over those that cannot hold what it looks for.
protocol StepRun: Sendable {
    init()

    var summary: StepSummary { get }

    /// Adds to the change at `time`.
    mutating func add(_ change: Int64, at time: Timestamp)

    /// Gives up its later half, if it has grown too long.
    mutating func splitOff() -> Self?

    /// The sum of the changes up to `time`, that one included.
    func sum(through time: Timestamp) -> Int64

    /// The highest level that a change after `start` and before `end` leads to; nil without such a change.
    ///
    /// - Parameter level: before the run; afterwards, behind what was looked at.
    func peak(after start: Timestamp, before end: Timestamp, _ level: inout Int64) -> Int64?

    /// The first instant after `time` at which the level is above `ceiling` or, if `isAbove` is false, is not.
    ///
    /// - Parameter level: before the run; afterwards, where something was found or behind the run.
    func first(after time: Timestamp, isAbove: Bool, _ ceiling: Int64, _ level: inout Int64) -> Timestamp?

    /// Appends the changes after `start` and before `end`; nil is without that bound.
    func collect(after start: Timestamp?, before end: Timestamp?, into steps: inout [Step])
}

/// An instant at which a level changes, and by how much.
struct Step: Sendable, Equatable {
    let at: Timestamp
    var change: Int64
}

/// What a run does to a level.
struct StepSummary: Sendable {
    /// Its first and last instant; both in the distant future while it is empty.
    var first = Timestamp.distantFuture
    var last = Timestamp.distantFuture
    var sum: Int64 = 0
    /// The highest and the lowest level that it leads to, beginning at 0.
    var highest = Int64.min
    var lowest = Int64.max

    var isEmpty: Bool { highest < lowest }

    mutating func append(_ next: StepSummary) {
        if isEmpty { first = next.first }
        last = next.last
        highest = max(highest, sum + next.highest)
        lowest = min(lowest, sum + next.lowest)
        sum += next.sum
    }

    /// Whether it leads a level of `level` to one above `ceiling` or, if `isAbove` is false, to one that is not.
    func reaches(_ ceiling: Int64, isAbove: Bool, from level: Int64) -> Bool {
        !isEmpty && (isAbove ? level + highest > ceiling : level + lowest <= ceiling)
    }
}

/// The lowest runs, which hold the steps themselves.
struct StepLeaf: StepRun {
    /// With 128 of 128 of these, the highest level of a million leases has a few hundred entries to look at.
    private static let stepsMax = 128

    private var steps: [Step] = []
    private(set) var summary = StepSummary()

    init() {}

    private init(_ steps: some Sequence<Step>) {
        self.steps = Array(steps)
        summarize()
    }

    private mutating func summarize() {
        summary = StepSummary()
        for step in steps {
            summary.append(
                StepSummary(first: step.at, last: step.at, sum: step.change, highest: step.change, lowest: step.change))
        }
    }

    mutating func add(_ change: Int64, at time: Timestamp) {
        let index = index(after: time)
        if index > 0, steps[index - 1].at == time {
            steps[index - 1].change += change
            if steps[index - 1].change == 0 { steps.remove(at: index - 1) }
        } else {
            steps.insert(Step(at: time, change: change), at: index)
        }
        summarize()
    }

    mutating func splitOff() -> StepLeaf? {
        guard steps.count > Self.stepsMax else { return nil }
        let upper = StepLeaf(steps[(steps.count / 2)...])
        self = StepLeaf(steps[..<(steps.count / 2)])
        return upper
    }

    func sum(through time: Timestamp) -> Int64 { steps[..<index(after: time)].reduce(0) { $0 + $1.change } }

    func peak(after start: Timestamp, before end: Timestamp, _ level: inout Int64) -> Int64? {
        var peak: Int64?
        for step in steps {
            guard step.at < end else { break }
            level += step.change
            if step.at > start { peak = max(peak ?? level, level) }
        }
        return peak
    }

    func first(after time: Timestamp, isAbove: Bool, _ ceiling: Int64, _ level: inout Int64) -> Timestamp? {
        for step in steps {
            level += step.change
            if step.at > time, (level > ceiling) == isAbove { return step.at }
        }
        return nil
    }

    func collect(after start: Timestamp?, before end: Timestamp?, into found: inout [Step]) {
        let lower = start.map(index(after:)) ?? 0
        found += steps[lower...].prefix { step in end.map { step.at < $0 } ?? true }
    }

    /// The index of the first step after `time`.
    private func index(after time: Timestamp) -> Int {
        var low = 0
        var high = steps.count
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].at <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Runs one after the other.
struct StepBranch<Part: StepRun>: StepRun {
    private static var partsMax: Int { 128 }

    private var parts: [Part] = []
    private(set) var summary = StepSummary()

    init() {}

    private init(_ parts: some Sequence<Part>) {
        self.parts = Array(parts)
        summarize()
    }

    private mutating func summarize() {
        summary = StepSummary()
        for part in parts { summary.append(part.summary) }
    }

    mutating func add(_ change: Int64, at time: Timestamp) {
        if parts.isEmpty { parts.append(Part()) }
        let index = max(0, self.index(after: time) - 1)
        parts[index].add(change, at: time)
        if parts[index].summary.isEmpty {
            parts.remove(at: index)
        } else if let later = parts[index].splitOff() {
            parts.insert(later, at: index + 1)
        }
        summarize()
    }

    mutating func splitOff() -> StepBranch? {
        guard parts.count > Self.partsMax else { return nil }
        let upper = StepBranch(parts[(parts.count / 2)...])
        self = StepBranch(parts[..<(parts.count / 2)])
        return upper
    }

    func sum(through time: Timestamp) -> Int64 {
        let index = index(after: time) - 1
        guard index >= 0 else { return 0 }
        return parts[..<index].reduce(parts[index].sum(through: time)) { $0 + $1.summary.sum }
    }

    func peak(after start: Timestamp, before end: Timestamp, _ level: inout Int64) -> Int64? {
        var peak: Int64?
        for part in parts {
            let summary = part.summary
            guard summary.first < end else { break }
            if summary.last <= start {
                level += summary.sum
            } else if summary.first > start, summary.last < end {
                peak = max(peak ?? .min, level + summary.highest)
                level += summary.sum
            } else if let found = part.peak(after: start, before: end, &level) {
                peak = max(peak ?? .min, found)
            }
        }
        return peak
    }

    func first(after time: Timestamp, isAbove: Bool, _ ceiling: Int64, _ level: inout Int64) -> Timestamp? {
        for part in parts {
            let summary = part.summary
            if summary.last > time, summary.reaches(ceiling, isAbove: isAbove, from: level) {
                if let found = part.first(after: time, isAbove: isAbove, ceiling, &level) { return found }
            } else {
                level += summary.sum
            }
        }
        return nil
    }

    func collect(after start: Timestamp?, before end: Timestamp?, into found: inout [Step]) {
        for part in parts {
            if let start, part.summary.last <= start { continue }
            if let end, part.summary.first >= end { return }
            part.collect(after: start, before: end, into: &found)
        }
    }

    /// The index of the first part that begins after `time`.
    private func index(after time: Timestamp) -> Int {
        var low = 0
        var high = parts.count
        while low < high {
            let middle = (low + high) / 2
            if parts[middle].summary.first <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
