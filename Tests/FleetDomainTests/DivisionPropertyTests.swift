import FleetDomain
import FleetTestSupport
import Testing

/// What holds for every division. Each test names the seed that failed; `FLEET_SEED` repeats it.
@Suite("Any division")
struct DivisionPropertyTests {
    static let seeds = Effort.seeds(200, slow: 5000)
    /// The largest amount of a plan, in millionths: hardly anything, and as much as there can be.
    static let sizes = [20, Amount.unitsMax * Amount.millionthsPerUnit]

    @Test("Nothing is given beyond the capacity, the demand or the tasks")
    func withinBounds() {
        for seed in Generator.seeds(Self.seeds) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(
                &random, claims: 0...12, unit: 1, most: random.pick([20, 1_000_000_000_000_000]))
            for (method, isIndivisible) in Self.methods {
                let division = plan.divided(by: method, isIndivisible: isIndivisible)
                for type in Set(plan.claims.flatMap(\.demand.keys)) {
                    let capacity = plan.capacity[type]?.millionths ?? 0
                    #expect(division.granted(type).reduce(0, +) <= capacity, "seed \(seed): \(method)")
                }
                for (claim, portion) in zip(plan.claims, division.portions) {
                    #expect(Set(portion.granted.keys) == Set(claim.demand.keys), "seed \(seed): \(method)")
                    for (type, granted) in portion.granted where method == .maxMin {
                        #expect(granted <= claim.demand[type] ?? .zero, "seed \(seed)")
                    }
                    if let tasks = portion.tasks {
                        #expect(tasks.millionths <= claim.tasksMax * 1_000_000, "seed \(seed)")
                        #expect(!isIndivisible || tasks.wholeUnits != nil, "seed \(seed)")
                    }
                }
            }
        }
    }

    private static let methods = [
        (DivisionPlan.Method.maxMin, true), (.maxMin, false), (.dominantShare, true), (.dominantShare, false),
    ]

    @Test(
        "By max-min, nothing that is asked for is left, and nobody who goes short has less than another for its weight")
    func maxMinBottleneck() {
        for seed in Generator.seeds(Self.seeds) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(
                &random, claims: 1...12, unit: 1, most: random.pick([20, 1_000_000_000_000_000]))
            let division = plan.divided(by: .maxMin, isIndivisible: false)
            for type in Set(plan.claims.flatMap(\.demand.keys)) {
                let granted = division.granted(type)
                let demands = plan.claims.map { $0.demand[type]?.millionths ?? 0 }
                let capacity = plan.capacity[type]?.millionths ?? 0
                #expect(granted.reduce(0, +) == min(capacity, demands.reduce(0, +)), "seed \(seed)")
                for short in granted.indices where granted[short] < demands[short] {
                    for other in granted.indices {
                        // Each amount is less than a millionth from the true one.
                        let mine = Int128(granted[short] + 1) * Int128(plan.claims[other].weight)
                        let other = Int128(granted[other] - 1) * Int128(plan.claims[short].weight)
                        #expect(mine >= other, "seed \(seed): \(short) is envious of \(other) for \(type)")
                    }
                }
            }
        }
    }

    @Test("By dominant shares, who stops short has the largest share of all that use some used-up type it needs")
    func dominantShareBottleneck() {
        for seed in Generator.seeds(Self.seeds) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(&random, claims: 1...8, unit: 1_000_000, most: 1000)
            let division = plan.divided(by: .dominantShare, isIndivisible: false)
            let dust = Int64(plan.claims.count)
            let isUsedUp = plan.capacity.mapValues { $0.millionths }.filter { type, capacity in
                capacity - division.granted(type).reduce(0, +) <= dust
            }
            for (claim, portion) in zip(plan.claims, division.portions) {
                let needs = claim.demand.filter { $0.value > .zero }.keys
                guard !needs.isEmpty, needs.allSatisfy({ plan.capacity[$0] ?? .zero > .zero }) else {
                    #expect(portion.tasks == .zero, "seed \(seed)")
                    continue
                }
                guard portion.tasks != units(Double(claim.tasksMax)) else { continue }
                let hasBottleneck = needs.contains { type in
                    isUsedUp[type] != nil
                        && zip(plan.claims, division.portions).allSatisfy { other, theirs in
                            // An amount is less than a millionth from the true one, of a capacity of a unit or more.
                            let rounding = 1e-6 / Double(claim.weight) + 1e-6 / Double(other.weight)
                            return other.demand[type] ?? .zero == .zero
                                || theirs.share.value <= portion.share.value + rounding
                        }
                }
                #expect(hasBottleneck, "seed \(seed): \(claim.fleet)")
            }
        }
    }

    @Test("By dominant shares, nobody has less than its weight's part of everything would give it")
    func sharingIncentive() {
        for seed in Generator.seeds(Self.seeds) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(&random, claims: 1...8, unit: 1_000_000, most: 1000)
            let division = plan.divided(by: .dominantShare, isIndivisible: false)
            let weight = plan.claims.reduce(0) { $0 + $1.weight }
            for (claim, portion) in zip(plan.claims, division.portions) {
                let needs = claim.demand.filter { $0.value > .zero }
                guard let tasks = portion.tasks, tasks < units(Double(claim.tasksMax)), !needs.isEmpty else { continue }
                let alone =
                    needs.map { type, demand in
                        Double(plan.capacity[type]?.millionths ?? 0) / Double(demand.millionths)
                    }.min() ?? 0
                let part = alone * Double(claim.weight) / Double(weight)
                #expect(Double(tasks.millionths) / 1e6 >= part - 2e-6, "seed \(seed): \(claim.fleet)")
            }
        }
    }

    @Test("The order in which claims are named changes nothing but who is first among equals")
    func orderOfClaims() {
        for seed in Generator.seeds(Self.seeds) {
            var random = Generator(seed: seed)
            let plan = DivisionPlan.random(&random, claims: 2...10, unit: 1_000_000, most: 40)
            var shuffled = plan
            shuffled.claims.shuffle(using: &random)
            let (before, after) = (
                plan.divided(by: .dominantShare, isIndivisible: false),
                shuffled.divided(by: .dominantShare, isIndivisible: false)
            )
            for portion in before.portions {
                #expect(after.portions.contains(portion), "seed \(seed): \(portion.fleet)")
            }
            let (whole, wholeAfter) = (
                plan.divided(by: .maxMin, isIndivisible: true), shuffled.divided(by: .maxMin, isIndivisible: true)
            )
            for type in Set(plan.claims.flatMap(\.demand.keys)) {
                let levels = Self.levels(whole.granted(type), plan)
                #expect(levels == Self.levels(wholeAfter.granted(type), shuffled), "seed \(seed): \(type)")
            }
        }
    }

    /// Equal fractions of such numbers are equal as `Double`, too.
    private static func levels(_ granted: [Int64], _ plan: DivisionPlan) -> [Double] {
        zip(granted, plan.claims).map { Double($0) / Double($1.weight) }.sorted()
    }
}
