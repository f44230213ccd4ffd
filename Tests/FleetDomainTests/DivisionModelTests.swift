import FleetDomain
import FleetTestSupport
import Testing

/// Whole units and whole tasks against what anybody would write who need not be fast.
@Suite("A division into whole parts")
struct DivisionModelTests {
    private let van: ResourceType = name("van")

    // MARK: - Units

    @Test("Of all ways to give whole units, it is the one with the largest levels from the smallest on")
    func bruteForce() {
        for seed in Generator.seeds(Effort.seeds(1500, slow: 20_000)) {
            var random = Generator(seed: seed)
            let demands = (0..<random.int(in: 1...4)).map { _ in random.int(in: 0...6) }
            let weights = demands.map { _ in random.pick([1, 1, 2, 3, 4, 100] as [Int64]) }
            let capacity = random.int(in: 0...12)
            let claims = demands.indices.map {
                claim("f\($0)", ["van": Double(demands[$0])], weight: weights[$0])
            }
            let division = Division.maxMin(
                claims, capacity: amounts(["van": Double(capacity)]), isIndivisible: true)
            let granted = division.granted(van).map { $0 / 1_000_000 }
            let best = best(capacity, demands, weights)
            #expect(granted == best, "seed \(seed): \(capacity) among \(demands) by \(weights)")
        }
    }

    /// The best of all ways; of equal ones the one that gives most to the claims named first.
    private func best(_ capacity: Int64, _ demands: [Int64], _ weights: [Int64]) -> [Int64] {
        var best: (levels: [Double], granted: [Int64]) = ([], [])
        for granted in ways(capacity, demands[...]) {
            // Equal fractions of small numbers are equal as `Double`, too.
            let levels = zip(granted, weights).map { Double($0) / Double($1) }.sorted()
            let isBetter =
                best.levels.lexicographicallyPrecedes(levels)
                || best.levels == levels && best.granted.lexicographicallyPrecedes(granted)
            if isBetter { best = (levels, granted) }
        }
        return best.granted
    }

    private func ways(_ capacity: Int64, _ demands: ArraySlice<Int64>) -> [[Int64]] {
        guard let first = demands.first else { return [[]] }
        return (0...min(capacity, first)).flatMap { given in
            ways(capacity - given, demands.dropFirst()).map { [given] + $0 }
        }
    }

    @Test("It gives units as one by one to the lowest level would, whatever the weights and the demands")
    func oneByOne() {
        for seed in Generator.seeds(Effort.seeds(400, slow: 5000)) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(&random, claims: 1...12, unit: 1_000_000, most: 300)
            let division = plan.divided(by: .maxMin, isIndivisible: true)
            for type in Set(plan.claims.flatMap(\.demand.keys)) {
                let weights = plan.claims.map(\.weight)
                let demands = plan.claims.map { ($0.demand[type]?.millionths ?? 0) / 1_000_000 }
                var granted = demands.map { _ in Int64(0) }
                for _ in 0..<(plan.capacity[type]?.millionths ?? 0) / 1_000_000 {
                    let next = granted.indices.filter { granted[$0] < demands[$0] }.min { a, b in
                        (granted[a] * weights[b], weights[a], a) < (granted[b] * weights[a], weights[b], b)
                    }
                    if let next { granted[next] += 1 }
                }
                #expect(division.granted(type) == granted.map { $0 * 1_000_000 }, "seed \(seed): \(type)")
            }
        }
    }

    // MARK: - Tasks

    /// Progressive filling as the paper writes it: one task after the other, and all claims looked at for each.
    private func filled(_ plan: DivisionPlan) -> (tasks: [Int64], order: [Fleet.ID]) {
        var free = plan.capacity.mapValues(\.millionths)
        var tasks = plan.claims.map { _ in Int64(0) }
        var order: [Fleet.ID] = []
        func share(_ index: Int) -> PlainShare {
            let claim = plan.claims[index]
            return claim.demand.map { type, amount in
                PlainShare(millionths: amount.millionths * tasks[index], of: plan.capacity[type], weight: claim.weight)
            }.max() ?? .none
        }
        func fits(_ index: Int) -> Bool {
            let claim = plan.claims[index]
            return claim.demand.values.contains { $0 > .zero } && tasks[index] < claim.tasksMax
                && claim.demand.allSatisfy { $0.value.millionths <= free[$0.key] ?? 0 }
        }
        while let next = plan.claims.indices.filter(fits).min(by: { (share($0), $0) < (share($1), $1) }) {
            tasks[next] += 1
            for (type, amount) in plan.claims[next].demand { free[type, default: 0] -= amount.millionths }
            order.append(plan.claims[next].fleet)
        }
        return (tasks, order)
    }

    @Test("It gives tasks as one by one to the lowest share would, also where it jumps", arguments: [1, 3, 10_000])
    func progressiveFilling(stepMax: Int) {
        for seed in Generator.seeds(Effort.seeds(400, slow: 5000)) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(&random, claims: 1...8, unit: random.pick([1, 1_000_000]), most: 60)
            let division = Division.dominantShare(
                plan.claims, capacity: plan.capacity, isIndivisible: true, stepMax: stepMax)
            let (tasks, order) = filled(plan)
            #expect(division.portions.map(\.tasks?.wholeUnits) == tasks, "seed \(seed)")
            #expect(division.order == Array(order.prefix(stepMax)), "seed \(seed)")
            #expect(division.isOrderCut == (order.count > stepMax), "seed \(seed)")
        }
    }
}

/// A share computed apart from the product's.
private struct PlainShare: Comparable {
    let numerator: Int128
    let denominator: Int128

    static let none = PlainShare(millionths: 0, of: nil, weight: 1)

    init(millionths: Int64, of capacity: Amount?, weight: Int64) {
        numerator = Int128(millionths)
        denominator = Int128(max(1, capacity?.millionths ?? 0)) * Int128(weight)
    }

    static func < (a: PlainShare, b: PlainShare) -> Bool { a.numerator * b.denominator < b.numerator * a.denominator }
    static func == (a: PlainShare, b: PlainShare) -> Bool { a.numerator * b.denominator == b.numerator * a.denominator }
}
