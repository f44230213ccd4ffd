/// A claim as dominant-resource fairness sees it; amounts in millionths.
///
/// A level is a dominant share divided by the weight, in fixed point.
struct Contender: Sendable {
    /// For each task, of each type.
    let demand: [Int64]
    /// The types that it has a demand for.
    let needs: [Int]
    let weight: Int64
    /// 0 when it asks for nothing or needs a type that has no capacity.
    let tasksMax: Int64
    /// For each task, and in all, of the type of which a task takes the largest part; both 1 without tasks.
    let dominantDemand: Int64
    let dominantCapacity: Int64
    /// The level at which it has all its tasks; nil when that is far beyond the whole.
    let fullLevel: UInt128?

    init(claim: Int, in table: DemandTable) {
        let (demand, capacity) = (table.demands[claim], table.capacity)
        let needs = demand.indices.filter { demand[$0] > 0 }
        let dominant = needs.max { a, b in
            Int128(demand[a]) * Int128(capacity[b]) < Int128(demand[b]) * Int128(capacity[a])
        }
        self.demand = demand
        self.needs = needs
        weight = table.claims[claim].weight
        if let dominant, needs.allSatisfy({ capacity[$0] > 0 }) {
            dominantDemand = demand[dominant]
            dominantCapacity = capacity[dominant]
            tasksMax = table.claims[claim].tasksMax
        } else {
            (dominantDemand, dominantCapacity, tasksMax) = (1, 1, 0)
        }
        fullLevel = FixedPoint.quotientUp(
            UInt128(dominantDemand) * UInt128(tasksMax), UInt128(dominantCapacity) * UInt128(weight))
    }

    /// What `tasks` tasks are, for the weight.
    func share(of tasks: Int64) -> Share {
        Share(tasks * dominantDemand, of: dominantCapacity, weight: weight)
    }

    /// How many tasks it begins with a share below `level`, which is at most the whole.
    func tasks(begunBelow level: UInt128) -> Int64 {
        if let fullLevel, level >= fullLevel { return tasksMax }
        return FixedPoint.wholeUp(
            level, times: UInt128(dominantCapacity) * UInt128(weight), dividedBy: UInt128(dominantDemand))
    }
}
