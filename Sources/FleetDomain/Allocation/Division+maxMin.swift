extension Division {
    /// Weighted max-min fairness: each type is divided by itself, so that nobody can get more of it without somebody
    /// losing who has less for its weight.
    ///
    /// Water filling: the level granted ÷ weight rises alike for all; who has what it asked for stops, the others share
    /// what is left by weight (Keshav, An Engineering Approach to Computer Networking, 1997, p. 215; Bertsekas,
    /// Gallager, Data Networks, 2nd ed., section 6.5.2). The demands 2, 2.6, 4 and 5 get 2, 2.6, 2.7 and 2.7 of 10.
    ///
    /// The result is exact to a millionth of a unit; what rounding leaves goes to claims named first.
    ///
    /// - Parameters:
    ///   - isIndivisible: only whole units are given: a part of a unit, asked for or free, does not count. Among all
    ///     such divisions the result has the largest smallest granted ÷ weight, then the largest second smallest, and
    ///     so on; of two claims alike in demand and weight, the one named first gets the unit.
    /// - Returns: its `order` is that in which fleets stop: those that get all they asked for, the smallest share
    ///   first; then the others; among equals, the one named first.
    package static func maxMin(
        _ claims: [Claim], capacity: [ResourceType: Amount], isIndivisible: Bool = false
    ) -> Division {
        let table = DemandTable(claims, capacity)
        var granted = table.demands.map { $0.map { _ in Int64(0) } }
        for type in table.types.indices {
            let demands = table.demands.map { $0[type] }
            let column = divide(table.capacity[type], demands, claims.map(\.weight), isIndivisible)
            for claim in claims.indices { granted[claim][type] = column[claim] }
        }
        let portions = table.portions(granted)
        let isMet = claims.indices.map { claim in
            zip(table.demands[claim], granted[claim]).allSatisfy { $0 - $1 < unit(isIndivisible) }
        }
        let met = claims.indices.filter { isMet[$0] }.sorted { (portions[$0].share, $0) < (portions[$1].share, $1) }
        let order = met + claims.indices.filter { !isMet[$0] }
        return Division(portions: portions, order: order.map { claims[$0].fleet }, isOrderCut: false)
    }

    private static func divide(
        _ capacity: Int64, _ demands: [Int64], _ weights: [Int64], _ isIndivisible: Bool
    ) -> [Int64] {
        let unit = unit(isIndivisible)
        let filling = WaterFilling(demands: demands.map { $0 / unit }, weights: weights)
        return isIndivisible
            ? filling.divideUnits(capacity / unit).map { $0 * unit } : filling.divideEvenly(capacity)
    }

    /// The least that is given, in millionths.
    private static func unit(_ isIndivisible: Bool) -> Int64 { isIndivisible ? Amount.millionthsPerUnit : 1 }
}
