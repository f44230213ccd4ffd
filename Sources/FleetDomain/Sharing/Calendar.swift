/// How much of one resource is promised at each instant: a step function over time.
///
/// Kept as the sorted instants at which the level changes; level `i` holds from instant `i` to the next, the
/// last one for ever, and before the first the level is 0.
package struct Calendar: Sendable, Equatable {
    private var instants: [Timestamp] = []
    private var levels: [Int64] = []

    package init() {}

    package var isEmpty: Bool { instants.isEmpty }

    package mutating func add(_ quantity: Int64, over window: Window) {
        let first = split(at: window.start)
        let last = split(at: window.end)
        for index in first..<last { levels[index] += quantity }
        merge(around: last)
        merge(around: first)
    }

    package mutating func remove(_ quantity: Int64, over window: Window) { add(-quantity, over: window) }

    /// The highest level at any instant of `window`.
    package func peak(over window: Window) -> Int64 {
        var index = lastIndex(notAfter: window.start)
        var peak: Int64 = index >= 0 ? levels[index] : 0
        index += 1
        while index < instants.count, instants[index] < window.end {
            peak = max(peak, levels[index])
            index += 1
        }
        return peak
    }

    /// Up to `count` windows of `length` seconds that begin at or after `earliest`, end by `latest`, do not
    /// overlap one another, and in which the level never exceeds `ceiling`.
    package func gaps(
        of length: Seconds, atMost ceiling: Int64, from earliest: Timestamp, until latest: Timestamp, count: Int
    ) -> [Window] {
        guard ceiling >= 0 else { return [] }
        var found: [Window] = []
        var start = earliest
        var index = lastIndex(notAfter: earliest)
        while found.count < count, start + length <= latest {
            if index >= 0, levels[index] > ceiling {
                guard index + 1 < instants.count else { break }
                index += 1
                start = max(start, instants[index])
            } else if index + 1 < instants.count, instants[index + 1] < start + length {
                index += 1
                if levels[index] > ceiling, index + 1 < instants.count { start = instants[index + 1] }
            } else {
                found.append(Window(start: start, end: start + length))
                start = start + length
                index = lastIndex(notAfter: start)
            }
        }
        return found
    }

    /// The steps that touch `window`, cut to it, levels above 0 only.
    package func steps(over window: Window) -> [(window: Window, level: Int64)] {
        var steps: [(window: Window, level: Int64)] = []
        var index = max(0, lastIndex(notAfter: window.start))
        while index < instants.count, instants[index] < window.end {
            let start = max(instants[index], window.start)
            let end = index + 1 < instants.count ? min(instants[index + 1], window.end) : window.end
            if levels[index] > 0, start < end { steps.append((Window(start: start, end: end), levels[index])) }
            index += 1
        }
        return steps
    }

    /// The index of the last instant that is not after `time`, or -1.
    private func lastIndex(notAfter time: Timestamp) -> Int {
        var low = 0
        var high = instants.count
        while low < high {
            let middle = (low + high) / 2
            if instants[middle] <= time { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    /// The index of `time`, inserted with the level that holds there if it was no instant yet.
    private mutating func split(at time: Timestamp) -> Int {
        let index = lastIndex(notAfter: time)
        if index >= 0, instants[index] == time { return index }
        instants.insert(time, at: index + 1)
        levels.insert(index >= 0 ? levels[index] : 0, at: index + 1)
        return index + 1
    }

    /// Drops the instant at `index` when the level does not change there.
    private mutating func merge(around index: Int) {
        let before = index > 0 ? levels[index - 1] : 0
        guard index < levels.count, levels[index] == before else { return }
        instants.remove(at: index)
        levels.remove(at: index)
    }
}
