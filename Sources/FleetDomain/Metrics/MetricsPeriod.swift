/// A period that is measured, and the equal steps that it may be divided into.
package struct MetricsPeriod: Sendable, Equatable {
    /// The shortest step, in seconds: finer ones would show single leases, not how a federation fares.
    package static let stepMin: Seconds = 60
    /// Steps of one answer at most: a chart shows no more, and an answer must not be many times its request.
    package static let stepsMax = 1000
    /// How far back is measured when nobody says from when, in seconds: a week.
    package static let lengthDefault: Seconds = 604_800

    package let window: Window
    /// nil measures the whole as one.
    package let step: Seconds?
    /// When it was measured: what lies later has not happened yet, and counts for nothing.
    package let asOf: Timestamp

    /// nil when it would have more than `stepsMax` steps, or steps of less than `stepMin`.
    package init?(_ window: Window, step: Seconds? = nil, asOf: Timestamp) {
        self.window = window
        self.step = step
        self.asOf = asOf
        if let step, step < Self.stepMin || count > Self.stepsMax { return nil }
    }

    /// Milliseconds of one step.
    package var stepLength: Int64 { step.map { $0 * 1000 } ?? length }
    private var length: Int64 { window.end.milliseconds - window.start.milliseconds }

    /// How many steps there are; the last is shorter where the period is no multiple of the step.
    package var count: Int { Int((length + stepLength - 1) / stepLength) }

    package func window(of index: Int) -> Window {
        let start = window.start.milliseconds + Int64(index) * stepLength
        return Window(
            start: Timestamp(milliseconds: start),
            end: Timestamp(milliseconds: min(start + stepLength, window.end.milliseconds)))
    }

    /// The step in which something happened; nil outside the period.
    func index(of time: Timestamp) -> Int? {
        window.contains(time) ? Int((time.milliseconds - window.start.milliseconds) / stepLength) : nil
    }

    /// The part of the period that has passed.
    var past: Window? { Window(from: window.start, to: min(window.end, asOf)) }
}

extension Window {
    /// nil when there is no time between the two.
    init?(from start: Timestamp, to end: Timestamp) {
        guard start < end else { return nil }
        self.init(start: start, end: end)
    }
}
