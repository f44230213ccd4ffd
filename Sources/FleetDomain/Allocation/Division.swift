/// How a plan divides capacity among claims: what each gets, and in which order.
///
/// It is a function of the claims and the capacity alone, computed in integers: equal plans, equal divisions.
/// Nobody gets more than it asks for, and nothing is given beyond its capacity; of a type without capacity, nothing.
package struct Division: Sendable, Equatable {
    /// The most claims of one division; with `weightMax` it bounds the sums of the arithmetic.
    package static let claimsMax = 1000
    /// All claims together: the work of a division grows with both.
    package static let typesMax = 100
    package static let weightMax: Int64 = 1_000_000
    /// The most tasks that one claim gets, whatever fits.
    package static let tasksMax: Int64 = 1_000_000_000
    /// The most steps that `order` tells: as many as somebody may want to follow, few enough to send.
    package static let orderMax = 10_000

    /// As the claims were named.
    package let portions: [Portion]
    /// Each method says what this is the order of.
    package let order: [Fleet.ID]
    /// Whether `order` ends after `orderMax` steps, although there were more.
    package let isOrderCut: Bool

    /// What one fleet asks for.
    package struct Claim: Sendable, Equatable {
        package let fleet: Fleet.ID
        /// In all for max-min fairness, for each task for dominant-resource fairness.
        package let demand: [ResourceType: Amount]
        package let weight: Int64
        /// The most tasks; for dominant-resource fairness only.
        package let tasksMax: Int64

        /// - Precondition: `weight` is from 1 to `Division.weightMax`, `tasksMax` from 0 to `Division.tasksMax`; callers
        ///   check what comes from outside.
        package init(
            fleet: Fleet.ID, demand: [ResourceType: Amount], weight: Int64 = 1, tasksMax: Int64 = Division.tasksMax
        ) {
            precondition((1...Division.weightMax).contains(weight), "a weight is from 1 to its maximum")
            precondition((0...Division.tasksMax).contains(tasksMax), "a number of tasks is from 0 to its maximum")
            self.fleet = fleet
            self.demand = demand
            self.weight = weight
            self.tasksMax = tasksMax
        }
    }

    /// What one claim gets.
    package struct Portion: Sendable, Equatable {
        package let fleet: Fleet.ID
        /// Of each type that was asked for, also where it is nothing.
        package let granted: [ResourceType: Amount]
        /// How many tasks that is; nil for max-min fairness.
        package let tasks: Amount?
        package let share: Share
    }
}
