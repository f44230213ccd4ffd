/// The deliveries that were accepted in one step of a period, counted where they are kept: there may be very many.
package struct MeasuredMessages: Sendable {
    /// From 0.
    package let step: Int
    package let accepted: Int64
    package let acknowledged: Int64

    package init(step: Int, accepted: Int64, acknowledged: Int64) {
        self.step = step
        self.accepted = accepted
        self.acknowledged = acknowledged
    }
}
