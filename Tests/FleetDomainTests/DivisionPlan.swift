import FleetDomain
import FleetTestSupport

/// A plan to be divided: the claims and the capacity.
struct DivisionPlan {
    var capacity: [ResourceType: Amount]
    var claims: [Division.Claim]

    enum Method: CaseIterable {
        case maxMin, dominantShare
    }

    func divided(by method: Method, isIndivisible: Bool) -> Division {
        switch method {
        case .maxMin: .maxMin(claims, capacity: capacity, isIndivisible: isIndivisible)
        case .dominantShare: .dominantShare(claims, capacity: capacity, isIndivisible: isIndivisible)
        }
    }

    /// A plan in millionths, small or large numbers alike.
    ///
    /// - Parameter unit: of what all amounts are multiples, in millionths.
    static func random(_ random: inout Generator, claims: ClosedRange<Int64>, unit: Int64, most: Int64) -> DivisionPlan
    {
        let types: [ResourceType] = ["charger", "dock", "van"].prefix(Int(random.int(in: 1...3))).map { name($0) }
        func amount(_ most: Int64) -> Amount { Amount(millionths: unit * random.spread(upTo: most)) }
        var capacity: [ResourceType: Amount] = [:]
        for type in types where !random.chance(5) { capacity[type] = amount(most) }
        let claims = (0..<random.int(in: claims)).map { index in
            var demand: [ResourceType: Amount] = [:]
            for type in types where random.chance(80) { demand[type] = amount(most) }
            return Division.Claim(
                fleet: name("f\(index)"), demand: demand,
                weight: random.chance(50) ? 1 : 1 + random.spread(upTo: Division.weightMax - 1),
                tasksMax: random.chance(70) ? Division.tasksMax : random.int(in: 0...5))
        }
        return DivisionPlan(capacity: capacity, claims: claims)
    }
}

extension Division {
    func granted(_ type: ResourceType) -> [Int64] { portions.map { $0.granted[type]?.millionths ?? 0 } }
}

func units(_ number: Double) -> Amount {
    guard let amount = Amount(units: number) else { preconditionFailure("\(number) is no amount") }
    return amount
}

func claim(_ fleet: String, _ demand: [String: Double], weight: Int64 = 1, tasksMax: Int64 = Division.tasksMax)
    -> Division.Claim
{
    Division.Claim(fleet: name(fleet), demand: amounts(demand), weight: weight, tasksMax: tasksMax)
}

func amounts(_ numbers: [String: Double]) -> [ResourceType: Amount] {
    Dictionary(uniqueKeysWithValues: numbers.map { (name($0), units($1)) })
}
