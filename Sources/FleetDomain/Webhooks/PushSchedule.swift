/// When a push that failed is tried again.
package enum PushSchedule {
    /// Seconds before each try, the first included, as Standard Webhooks suggests them.
    private static let delays: [Seconds] = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    /// A warning is of use now or not at all.
    private static let safetyDelays: [Seconds] = [0, 1, 2, 4, 8]

    /// The time of the next try, or nil when all are used up.
    ///
    /// - Parameters:
    ///   - attempts: how many were made.
    ///   - spread: from 0 to 1, another for each push: up to a tenth is added, so that those that failed together do not come
    ///     back together.
    package static func next(
        after attempts: Int64, of messageClass: MessageClass?, at now: Timestamp, spread: Double
    ) -> Timestamp? {
        let delays = messageClass == .safety ? safetyDelays : delays
        guard attempts < delays.count else { return nil }
        let milliseconds = Double(delays[Int(attempts)]) * 1000 * (1 + 0.1 * spread)
        return Timestamp(milliseconds: now.milliseconds + Int64(milliseconds))
    }
}
