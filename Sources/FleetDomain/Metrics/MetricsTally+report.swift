extension MetricsTally {
    /// Pairs named in a summary, and in each step of a series: those that lent most. An answer stays readable, and
    /// the number of pairs grows with the square of the fleets.
    package static let pairsMax = 1000
    package static let pairsOfStepMax = 100

    /// What it all comes to.
    ///
    /// - Parameters:
    ///   - weights: of the members' entitlements, where they are not 1.
    ///   - shows: whether the reader may learn what this pair lent; totals count it all the same.
    package func report(
        weights: [Fleet.ID: [ResourceType: Int64]], shows: (FleetPair) -> Bool
    ) -> MetricsReport {
        var readers = Readers(self)
        var total = Amounts(readers)
        var counts = StepCounts()
        var series: [MetricsSummary] = []
        for step in 0..<period.count {
            let amounts = readers.next(in: period)
            total.add(amounts)
            counts.merge(steps[step])
            guard period.step != nil else { continue }
            series.append(
                summary(
                    of: period.window(of: step), amounts, steps[step], weights, pairsMax: Self.pairsOfStepMax, shows))
        }
        let summary = summary(of: period.window, total, counts, weights, pairsMax: Self.pairsMax, shows)
        return MetricsReport(summary: summary, series: period.step.map { _ in series }, asOf: period.asOf)
    }

    /// The amounts of one step, or of several added up.
    private struct Amounts {
        var use: [TypeUse]
        var loans: [(loan: Loan, lent: UnitTime)]

        init(use: [TypeUse], loans: [(loan: Loan, lent: UnitTime)]) {
            self.use = use
            self.loans = loans
        }

        /// None yet, of the same types and loans.
        init(_ readers: Readers) {
            use = readers.use.map { TypeUse(type: $0.type) }
            loans = readers.loans.map { ($0.loan, .zero) }
        }

        mutating func add(_ other: Amounts) {
            for index in use.indices { use[index].add(other.use[index]) }
            for index in loans.indices { loans[index].lent = loans[index].lent + other.loans[index].lent }
        }
    }

    /// Everything that was summed, read step by step.
    private struct Readers {
        struct OfType {
            let type: ResourceType
            var offered: StepReader
            var active: StepReader
            var idle: StepReader
            var overdue: StepReader
        }

        var use: [OfType]
        var loans: [(loan: Loan, lent: StepReader)]

        init(_ tally: MetricsTally) {
            use = tally.use.sorted { $0.key < $1.key }.map { type, sums in
                OfType(
                    type: type, offered: StepReader(sums.offered), active: StepReader(sums.active),
                    idle: StepReader(sums.idle), overdue: StepReader(sums.overdue))
            }
            loans = tally.loans.map { ($0.key, StepReader($0.value)) }
        }

        mutating func next(in period: MetricsPeriod) -> Amounts {
            let uses = use.indices.map { index in
                var amounts = TypeUse(type: use[index].type)
                amounts.offered = use[index].offered.next(in: period)
                amounts.active = use[index].active.next(in: period)
                amounts.idle = use[index].idle.next(in: period)
                amounts.overdue = use[index].overdue.next(in: period)
                return amounts
            }
            return Amounts(
                use: uses, loans: loans.indices.map { (loans[$0].loan, loans[$0].lent.next(in: period)) })
        }
    }

    private func summary(
        of window: Window, _ amounts: Amounts, _ counts: StepCounts, _ weights: [Fleet.ID: [ResourceType: Int64]],
        pairsMax: Int, _ shows: (FleetPair) -> Bool
    ) -> MetricsSummary {
        var summary = MetricsSummary(window: window)
        summary.satisfied = counts.satisfied
        summary.failed = counts.failed
        summary.checks = counts.checks
        summary.violations = counts.violations
        summary.accepted = counts.accepted
        summary.acknowledged = counts.acknowledged
        summary.decisionLatency = counts.latency.percentiles
        summary.utilization = amounts.use
        let loans = amounts.loans.filter { $0.lent > .zero }
        addLoans(loans, to: &summary, pairsMax: pairsMax, shows)
        summary.fairness = scope == .federation ? fairness(of: loans, weights, at: window.end) : nil
        return summary
    }

    /// Lent and borrowed hours: over all pairs they are the same sum.
    private func addLoans(
        _ loans: [(loan: Loan, lent: UnitTime)], to summary: inout MetricsSummary, pairsMax: Int,
        _ shows: (FleetPair) -> Bool
    ) {
        var pairs: [FleetPair: UnitTime] = [:]
        for (loan, lent) in loans {
            if scope.includes(loan.pair.source) { summary.lent = summary.lent + lent }
            if scope.includes(loan.pair.target) { summary.borrowed = summary.borrowed + lent }
            if shows(loan.pair) { pairs[loan.pair] = (pairs[loan.pair] ?? .zero) + lent }
        }
        let sorted = pairs.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
        summary.pairs = sorted.prefix(pairsMax).map { PairUse(pair: $0.key, lent: $0.value) }
    }

    /// Jain's index over the members that are active and share at `end`: x is what a member borrowed of each type ÷
    /// the weight of its quota for the type (1 where there is none), summed over the types that anybody borrowed. A
    /// weight of 0 entitles to nothing: the type does not count for the member, nor the member where no type does.
    private func fairness(
        of loans: [(loan: Loan, lent: UnitTime)], _ weights: [Fleet.ID: [ResourceType: Int64]], at end: Timestamp
    ) -> Double? {
        var borrowed: [Fleet.ID: [ResourceType: UnitTime]] = [:]
        for (loan, lent) in loans {
            borrowed[loan.pair.target, default: [:]][loan.type, default: .zero].milliseconds += lent.milliseconds
        }
        let types = Set(loans.map(\.loan.type)).sorted()
        let shares = members.values.filter { $0.shares(at: end) }.map(\.fleet).sorted().compactMap { fleet -> Double? in
            let entitled = types.filter { weights[fleet]?[$0] != 0 }
            guard !entitled.isEmpty else { return nil }
            return entitled.reduce(0) { sum, type in
                sum + (borrowed[fleet]?[type]?.hours ?? 0) / Double(weights[fleet]?[type] ?? 1)
            }
        }
        return jainIndex(shares)
    }
}

extension MembershipHistory {
    fileprivate func shares(at time: Timestamp) -> Bool {
        state(at: time).map { $0.status == .active && $0.resourceSharing } ?? false
    }
}

extension TypeUse {
    fileprivate mutating func add(_ other: TypeUse) {
        offered = offered + other.offered
        active = active + other.active
        idle = idle + other.idle
        overdue = overdue + other.overdue
    }
}
