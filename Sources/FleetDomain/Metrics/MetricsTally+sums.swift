/// What was added up where the rows are: there may be too many to hand each of them over.
extension MetricsTally {
    /// Unit-time of what one fleet has of another's, in one step: what `StepSums` keeps, by its parts.
    package struct UseSum: Sendable {
        package enum Kind: Int64, Sendable {
            case active, idle, overdue, lent
        }

        package let pair: FleetPair
        package let type: ResourceType
        package let kind: Kind
        package let step: Int
        /// Of what was held for a part of the step, in unit-milliseconds.
        package let part: Int128
        /// By how much what was held for the whole of a step rises from the step before to this.
        package let rise: Int128

        package init(pair: FleetPair, type: ResourceType, kind: Kind, step: Int, part: Int128, rise: Int128) {
            self.pair = pair
            self.type = type
            self.kind = kind
            self.step = step
            self.part = part
            self.rise = rise
        }
    }

    package mutating func add(_ sum: UseSum) {
        guard steps.indices.contains(sum.step) else { return }
        if sum.kind == .lent {
            guard sum.part != 0 || sum.rise != 0, scope.includes(sum.pair.source) || scope.includes(sum.pair.target)
            else { return }
            loans[Loan(pair: sum.pair, type: sum.type), default: StepSums()].add(
                part: sum.part, rise: sum.rise, to: sum.step)
            return
        }
        guard scope.includes(sum.pair.source) else { return }
        var sums = use[sum.type] ?? TypeSums()
        switch sum.kind {
        case .active: sums.active.add(part: sum.part, rise: sum.rise, to: sum.step)
        case .idle: sums.idle.add(part: sum.part, rise: sum.rise, to: sum.step)
        case .overdue: sums.overdue.add(part: sum.part, rise: sum.rise, to: sum.step)
        case .lent: break
        }
        use[sum.type] = sums
    }

    /// Requests whose outcome fell into one step.
    package mutating func addOutcomes(satisfied: Int64, failed: Int64, in step: Int) {
        guard steps.indices.contains(step) else { return }
        steps[step].satisfied += satisfied
        steps[step].failed += failed
    }

    /// Requests that were settled in one step, so many milliseconds after they were made.
    package mutating func addDecisions(_ count: Int64, after milliseconds: Int64, in step: Int) {
        guard steps.indices.contains(step) else { return }
        steps[step].latency.add(milliseconds, count: Int(count))
    }

    /// Where, in milliseconds, parts of the period begin in which no membership changed; the instant of a change is a part
    /// of its own. The first begins before everything.
    package var membershipTimes: [Int64] {
        let times = members.values.flatMap(\.changes).map(\.at.milliseconds)
        return [0] + Set(times + times.map { $0 + 1 }).filter { $0 > period.window.start.milliseconds }.sorted()
    }

    /// Where parts of the log begin in which no membership changed. The first begins before everything.
    package var membershipPositions: [Int64] {
        [0] + Set(members.values.flatMap(\.changes).map(\.position)).filter { $0 > 0 }.map { $0 + 1 }.sorted()
    }
}
