extension Division {
    /// Dominant-resource fairness: what each claim has of the type that it needs most of, its dominant share, is made
    /// as equal as can be, and so many tasks it gets (Ghodsi et al., Dominant Resource Fairness, NSDI 2011; weights as
    /// in its section 4.3). Of ⟨9 CPU, 18 GB⟩, tasks of ⟨1, 4⟩ get 3 and tasks of ⟨3, 1⟩ get 2: two thirds for each.
    ///
    /// Progressive filling: the lowest share grows, until its claim has all its tasks or a type that it needs is used
    /// up; the others grow on. A claim that asks for nothing, or needs a type without capacity, gets no task.
    ///
    /// - Parameters:
    ///   - isIndivisible: only whole tasks are given, one by one, each to the lowest share whose task still fits, of
    ///     equal shares to the claim named first (Algorithm 1 of the paper). Otherwise the result is exact to a
    ///     millionth of a unit and, for the tasks, to a millionth of a task.
    /// - Returns: the `order` of an indivisible division is that in which tasks were given, a fleet for each task, of
    ///   the first `orderMax` of them; of a divisible one that in which fleets stopped, those that got nothing first.
    package static func dominantShare(
        _ claims: [Claim], capacity: [ResourceType: Amount], isIndivisible: Bool = true
    ) -> Division {
        dominantShare(claims, capacity: capacity, isIndivisible: isIndivisible, stepMax: orderMax)
    }

    /// - Parameter stepMax: how many whole tasks are given one by one before the filling jumps ahead.
    package static func dominantShare(
        _ claims: [Claim], capacity: [ResourceType: Amount], isIndivisible: Bool, stepMax: Int
    ) -> Division {
        let table = DemandTable(claims, capacity)
        let contenders = claims.indices.map { Contender(claim: $0, in: table) }
        guard isIndivisible else {
            var filling = FractionalFilling(contenders, capacity: table.capacity)
            filling.fill()
            return Division(
                portions: table.portions(filling.granted, tasks: filling.tasks),
                order: filling.order.map { claims[$0].fleet }, isOrderCut: false)
        }
        var filling = TaskFilling(contenders, capacity: table.capacity, stepMax: stepMax)
        filling.fill()
        return Division(
            portions: table.portions(filling.granted, tasks: filling.tasks.compactMap(Amount.init(units:))),
            order: filling.order.map { claims[$0].fleet }, isOrderCut: filling.isOrderCut)
    }
}
