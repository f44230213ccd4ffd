/// Why a request was answered as it was, for a program and for a person.
package struct Explanation: Sendable, Equatable {
    /// The first reason by precedence, or `granted`.
    package var code: String
    /// The step of the decision that answered.
    package var step: String
    package var summary: String
    package var constraint: Constraint?
    /// How many candidates were looked at.
    package var considered: Int
    /// How many of them fell out, by reason.
    package var rejected: [String: Int]
    package var counterfactual: Counterfactual?
    package var nearestWindows: [Window]
    /// The instant up to which free windows were looked for; nil when none were.
    package var searchedUntil: Timestamp?
    /// Of what was queued: how long it waits if nothing else comes; nil when that is further than was looked.
    package var estimatedWait: Seconds?

    package struct Constraint: Sendable, Equatable {
        package var code: String
        /// The binding value, where one exists: a limit in seconds, a capacity.
        package var limit: Int64?
    }

    /// The full set to change so that the request is granted: each field with the value it needs.
    package struct Counterfactual: Sendable, Equatable {
        package var changes: [(field: String, value: String)]
        package var sentence: String

        package static func == (a: Counterfactual, b: Counterfactual) -> Bool {
            a.sentence == b.sentence && a.changes.map(\.field) == b.changes.map(\.field)
                && a.changes.map(\.value) == b.changes.map(\.value)
        }
    }
}
