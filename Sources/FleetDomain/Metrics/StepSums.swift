/// A quantity held over time, summed for each step of a period: in unit-milliseconds, so that it is exact.
struct StepSums: Sendable {
    /// What was held for a part of a step.
    private var parts: [Int: Int128] = [:]
    /// By how much the quantity that was held for the whole of a step differs from the step before.
    private var rises: [Int: Int128] = [:]

    /// Adds `quantity` over the part of `span` that lies in the period and has passed. The cost does not depend on
    /// how many steps it covers.
    mutating func add(_ quantity: Int64, over span: Window?, in period: MetricsPeriod) {
        guard quantity != 0, let past = period.past, let span = span?.cut(to: past),
            let first = period.index(of: span.start),
            let last = period.index(of: Timestamp(milliseconds: span.end.milliseconds - 1))
        else { return }
        let quantity = Int128(quantity)
        guard first < last else {
            parts[first, default: 0] += quantity * span.milliseconds
            return
        }
        for step in [first, last] {
            parts[step, default: 0] += quantity * (span.cut(to: period.window(of: step))?.milliseconds ?? 0)
        }
        rises[first + 1, default: 0] += quantity
        rises[last, default: 0] -= quantity
    }

    /// Adds what was added up elsewhere: to `part` of a step, and to the rise from the step before it.
    mutating func add(part: Int128, rise: Int128, to step: Int) {
        if part != 0 { parts[step, default: 0] += part }
        if rise != 0 { rises[step, default: 0] += rise }
    }

    /// The sum of one step.
    ///
    /// - Parameter whole: what is held for the whole of the step before; for the first step 0.
    func value(of step: Int, in period: MetricsPeriod, _ whole: inout Int128) -> UnitTime {
        whole += rises[step] ?? 0
        let held = whole == 0 ? 0 : whole * period.window(of: step).milliseconds
        return UnitTime(milliseconds: held + (parts[step] ?? 0))
    }
}

/// Reads sums step by step.
struct StepReader {
    private let sums: StepSums
    private var step = 0
    private var whole: Int128 = 0

    init(_ sums: StepSums) { self.sums = sums }

    mutating func next(in period: MetricsPeriod) -> UnitTime {
        defer { step += 1 }
        return sums.value(of: step, in: period, &whole)
    }
}

extension Window {
    func cut(to other: Window) -> Window? { Window(from: max(start, other.start), to: min(end, other.end)) }

    fileprivate var milliseconds: Int128 { Int128(end.milliseconds - start.milliseconds) }
}
