import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

@Suite("A division")
struct DivisionTests {
    private let van: ResourceType = name("van")
    private let cpu: ResourceType = name("cpu")

    private func vans(
        _ capacity: Double, _ demands: [(Double, weight: Int64)], isIndivisible: Bool = false
    ) -> (granted: [Amount], order: [String]) {
        let claims = demands.enumerated().map { claim("f\($0)", ["van": $1.0], weight: $1.weight) }
        let division = Division.maxMin(claims, capacity: amounts(["van": capacity]), isIndivisible: isIndivisible)
        return (division.granted(van).map(Amount.init(millionths:)), division.order.map(\.description))
    }

    // MARK: - Published examples

    @Test("Keshav 1997, p. 215: demands of 2, 2.6, 4 and 5 get 2, 2.6, 2.7 and 2.7 of 10")
    func keshav() {
        let (granted, order) = vans(10, [(2, 1), (2.6, 1), (4, 1), (5, 1)])
        #expect(granted == [2, 2.6, 2.7, 2.7].map(units))
        #expect(order == ["f0", "f1", "f2", "f3"])
    }

    @Test("Keshav 1997, p. 215 ff.: with weights 5, 8, 1 and 2, demands of 4, 2, 10 and 4 get 4, 2, 6 and 4 of 16")
    func keshavWeighted() {
        let (granted, order) = vans(16, [(4, 5), (2, 8), (10, 1), (4, 2)])
        #expect(granted == [4, 2, 6, 4].map(units))
        #expect(order == ["f1", "f0", "f3", "f2"])
    }

    private func ghodsi(isIndivisible: Bool) -> Division {
        let claims = [claim("B", ["cpu": 3, "memory": 1]), claim("A", ["cpu": 1, "memory": 4])]
        return .dominantShare(
            claims, capacity: amounts(["cpu": 9, "memory": 18]), isIndivisible: isIndivisible)
    }

    @Test("Ghodsi et al. 2011, section 4.1: of 9 CPU and 18 GB, A gets 3 tasks and B 2", arguments: [true, false])
    func ghodsiResult(isIndivisible: Bool) {
        let division = ghodsi(isIndivisible: isIndivisible)
        #expect(division.portions.map(\.tasks) == [units(2), units(3)])
        #expect(division.portions[0].granted == amounts(["cpu": 6, "memory": 2]))
        #expect(division.portions[1].granted == amounts(["cpu": 3, "memory": 12]))
        #expect(division.portions.allSatisfy { $0.share.value == 2.0 / 3 })
        #expect(division.portions[0].share == division.portions[1].share)
    }

    @Test("Ghodsi et al. 2011, section 4.2: the order is B A A B A, with CPU 3 4 5 8 9 and GB 1 5 9 10 14 in use")
    func ghodsiOrder() {
        let division = ghodsi(isIndivisible: true)
        #expect(division.order.map(\.description) == ["B", "A", "A", "B", "A"])
        var (cpu, memory) = ([0], [0])
        for fleet in division.order.map(\.description) {
            cpu.append((cpu.last ?? 0) + (fleet == "A" ? 1 : 3))
            memory.append((memory.last ?? 0) + (fleet == "A" ? 4 : 1))
        }
        #expect(cpu.dropFirst() == [3, 4, 5, 8, 9])
        #expect(memory.dropFirst() == [1, 5, 9, 10, 14])
        #expect(!division.isOrderCut)
    }

    // MARK: - What the words mean

    @Test("What rounding leaves goes to the claims named first, and all of the capacity is given")
    func rounding() {
        #expect(vans(10, [(20, 1), (20, 1), (20, 1)]).granted == [3.333334, 3.333333, 3.333333].map(units))
        #expect(vans(1, [(1, 3), (1, 3), (1, 1)]).granted == [0.428572, 0.428571, 0.142857].map(units))
    }

    @Test("Whole units go to the lowest level, of claims alike to the one named first; parts of a unit do not count")
    func wholeUnits() {
        #expect(vans(10, [(2, 1), (2.6, 1), (4, 1), (5, 1)], isIndivisible: true).granted == [2, 2, 3, 3].map(units))
        #expect(vans(10.9, [(20, 1), (20, 1), (20, 1)], isIndivisible: true).granted == [4, 3, 3].map(units))
        #expect(vans(2, [(9, 1), (9, 1), (9, 1)], isIndivisible: true).granted == [1, 1, 0].map(units))
        #expect(vans(10, [(9, 1), (2.6, 1), (1, 1)], isIndivisible: true).order == ["f2", "f1", "f0"])
    }

    @Test("A unit that is too few for all goes where it makes the smallest levels largest, which is the small weight")
    func smallWeight() {
        // Levels 2 and 3 in the end; the other way round they would be 2 and 2.5.
        #expect(vans(7, [(9, 2), (9, 1)], isIndivisible: true).granted == [4, 3].map(units))
    }

    @Test("Each type of one plan is divided by itself, and the share is that of the dominant one for the weight")
    func severalTypes() {
        let claims = [
            claim("a", ["van": 8, "dock": 1], weight: 2), claim("b", ["van": 8]), claim("c", ["dock": 6, "van": 0]),
        ]
        let division = Division.maxMin(claims, capacity: amounts(["van": 9, "dock": 4, "spectrum": 5]))
        let granted: [[String: Double]] = [["van": 6, "dock": 1], ["van": 3], ["dock": 3, "van": 0]]
        #expect(division.portions.map(\.granted) == granted.map(amounts))
        #expect(division.portions.map(\.share.value) == [1.0 / 3, 1.0 / 3, 0.75])
        #expect(division.order.map(\.description) == ["a", "b", "c"])
    }

    @Test("A claim of twice the weight gets twice the dominant share")
    func weightedTasks() {
        let claims = [claim("a", ["cpu": 2, "memory": 1], weight: 2), claim("b", ["cpu": 1, "memory": 2])]
        let capacity = amounts(["cpu": 100, "memory": 100])
        let division = Division.dominantShare(claims, capacity: capacity, isIndivisible: false)
        // The CPU of both is used up: 2 · 40 for a and 20 for b, whose dominant shares are 80 % and 40 %.
        #expect(division.portions.map(\.tasks) == [40, 20].map(units))
        #expect(division.portions.map(\.share.value) == [0.4, 0.4])
        #expect(Division.dominantShare(claims, capacity: capacity).portions.map(\.tasks) == [40, 20].map(units))
    }

    @Test("A claim stops at the tasks it asked for, and leaves the rest to the others")
    func tasksMax() {
        let claims = [
            claim("a", ["cpu": 1], tasksMax: 2), claim("b", ["cpu": 1]),
            claim("c", ["cpu": 1, "memory": 1], tasksMax: 0),
        ]
        let capacity = amounts(["cpu": 9, "memory": 9])
        for isIndivisible in [true, false] {
            let division = Division.dominantShare(claims, capacity: capacity, isIndivisible: isIndivisible)
            #expect(division.portions.map(\.tasks) == [2, 7, 0].map(units))
        }
        let stops = Division.dominantShare(claims, capacity: capacity, isIndivisible: false).order
        #expect(stops.map(\.description) == ["c", "a", "b"])
    }

    @Test("Of a type without capacity there is nothing, and no task that needs it; of no claims, no portions")
    func nothing() {
        let claims = [claim("a", ["van": 2, "dock": 1]), claim("b", ["van": 2]), claim("c", [:])]
        for isIndivisible in [true, false] {
            for capacity: [String: Double] in [["van": 3, "dock": 0], ["van": 3]] {
                let levels = Division.maxMin(claims, capacity: amounts(capacity), isIndivisible: isIndivisible)
                #expect(levels.portions[0].granted[name("dock")] == .zero)
                #expect(levels.granted(van).reduce(0, +) == 3_000_000)
                #expect(levels.order.map(\.description) == ["c", "a", "b"])
                let tasks = Division.dominantShare(claims, capacity: amounts(capacity), isIndivisible: isIndivisible)
                #expect(tasks.portions.map(\.tasks) == [0, isIndivisible ? 1 : 1.5, 0].map(units))
                #expect(tasks.order.last == name("b"))
            }
            for method in DivisionPlan.Method.allCases {
                let empty = DivisionPlan(capacity: amounts(["van": 1]), claims: [])
                #expect(empty.divided(by: method, isIndivisible: isIndivisible).portions.isEmpty)
                let bare = DivisionPlan(capacity: [:], claims: claims)
                let without = bare.divided(by: method, isIndivisible: isIndivisible)
                #expect(without.portions.allSatisfy { $0.granted.values.allSatisfy { $0 == .zero } })
                #expect(without.portions.allSatisfy { $0.share == .none })
            }
        }
    }

    @Test("Two types that are used up at the same level stop all who need either, however the level is rounded")
    func sameLevel() {
        // At a third, the CPU is used up, and the memory too. What rounding leaves of that would be much for those who
        // hardly need any.
        let most = Double(Amount.unitsMax)
        let large = ["a", "b", "c"].map { claim($0, ["cpu": 1, "memory": most - 0.000_001]) }
        let small = ["x", "y", "z"].map { claim("of-\($0)", [$0: most, "memory": 0.000_001]) }
        let capacity = amounts(["cpu": 1, "memory": most, "x": most, "y": most, "z": most])
        let division = Division.dominantShare(large + small, capacity: capacity, isIndivisible: false)
        #expect(division.granted(cpu) == [333_333, 333_333, 333_333, 0, 0, 0])
        for (index, type) in ["x", "y", "z"].enumerated() {
            #expect(division.granted(name(type))[3 + index] == 333_333_333_333_333)
        }
        #expect(division.order == (large + small).map(\.fleet))
    }

    @Test("A few millionths are left enough of the largest capacity")
    func lastMillionths() {
        let most = Double(Amount.unitsMax)
        let claims = [
            claim("a", ["van": most - 0.000_002], weight: Division.weightMax, tasksMax: 1),
            claim("b", ["van": 0.000_001, "dock": 1]),
        ]
        let division = Division.dominantShare(
            claims, capacity: amounts(["van": most, "dock": 1]), isIndivisible: false)
        #expect(division.portions.map(\.tasks) == [1, 1].map(units))
        #expect(division.granted(van) == [999_999_999_999_998, 1])
    }

    @Test("Who has all its tasks at the level at which a type is used up stops with those who need the type")
    func sameLevelFull() {
        let claims = [claim("b", ["y": 1], tasksMax: 1)] + ["c", "d", "e"].map { claim($0, ["x": 1]) }
        let division = Division.dominantShare(claims, capacity: amounts(["x": 1, "y": 3]), isIndivisible: false)
        #expect(division.order.map(\.description) == ["b", "c", "d", "e"])
        #expect(division.portions[0].tasks == units(1))
    }

    // MARK: - Large numbers

    @Test("The largest numbers are divided exactly", arguments: [true, false])
    func largest(isIndivisible: Bool) {
        let most = Double(Amount.unitsMax)
        let claims = (0..<Division.claimsMax).map { index in
            claim("f\(index)", ["van": most, "dock": most], weight: index.isMultiple(of: 2) ? Division.weightMax : 1)
        }
        let plan = DivisionPlan(capacity: amounts(["van": most, "dock": most]), claims: claims)
        let division = plan.divided(by: .maxMin, isIndivisible: isIndivisible)
        #expect(division.granted(van).reduce(0, +) == Amount.unitsMax * 1_000_000)
        let tasks = plan.divided(by: .dominantShare, isIndivisible: isIndivisible)
        #expect(tasks.granted(van).reduce(0, +) <= Amount.unitsMax * 1_000_000)
        #expect(tasks.granted(van).reduce(0, +) >= Amount.unitsMax * 1_000_000 - Int64(Division.claimsMax))
    }

    @Test("A billion tasks take no longer than those whose order is told")
    func billionTasks() {
        let most = Double(Amount.unitsMax)
        let claims = [claim("B", ["cpu": 3, "memory": 1]), claim("A", ["cpu": 1, "memory": 4])]
        let division = Division.dominantShare(claims, capacity: amounts(["cpu": most, "memory": most]))
        #expect(division.portions.map(\.tasks) == [250_000_000, 187_500_000].map(units))
        #expect(division.order.count == Division.orderMax && division.isOrderCut)
        let dust = [claim("a", ["cpu": 0.000_001]), claim("b", ["cpu": 1])]
        let dusty = Division.dominantShare(dust, capacity: amounts(["cpu": most]))
        #expect(dusty.portions.map(\.tasks) == [Division.tasksMax, Amount.unitsMax - 1000].map { units(Double($0)) })
    }
}

@Suite("An amount")
struct AmountTests {
    @Test("It reads numbers to the nearest millionth, and writes them as they were")
    func json() throws {
        for number in ["0", "2", "2.6", "0.000001", "999999999.999999", "1000000000", "0.1", "123456789.654321"] {
            let json = try JSON.parse(number)
            #expect(Amount(json: json)?.json.text == number || Amount(json: json)?.json.doubleValue == json.doubleValue)
        }
        #expect(Amount(json: .double(2.0))?.json.text == "2")
        #expect(Amount(json: .double(0.000_000_6))?.millionths == 1)
        #expect(Amount(json: .double(0.000_000_4)) == .zero)
    }

    @Test("It is nothing below 0, above a billion units or that is no number")
    func refused() {
        for json: JSON in [
            .integer(-1), .integer(1_000_000_001), .integer(.max), .double(-0.1), .double(1e9 + 0.1), .double(1e300),
            .string("1"), .null,
        ] {
            #expect(Amount(json: json) == nil)
        }
    }
}
