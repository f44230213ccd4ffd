/// A half-open span of time, `[start, end)`.
package struct Window: Hashable, Sendable {
    package let start: Timestamp
    package let end: Timestamp

    /// - Precondition: `start < end`; callers check what comes from outside.
    package init(start: Timestamp, end: Timestamp) {
        precondition(start < end, "a window has a positive length")
        self.start = start
        self.end = end
    }

    /// The same length from `start` on.
    package func moved(to start: Timestamp) -> Window {
        Window(
            start: start, end: Timestamp(milliseconds: start.milliseconds + end.milliseconds - self.start.milliseconds))
    }

    package func overlaps(_ other: Window) -> Bool { start < other.end && other.start < end }

    package func contains(_ time: Timestamp) -> Bool { start <= time && time < end }
}
