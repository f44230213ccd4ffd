/// Adds up what happened in a period, fact by fact and in any order: pure, and no larger than what it tells apart.
package struct MetricsTally: Sendable {
    package let period: MetricsPeriod
    package let scope: MetricsScope
    let members: [Fleet.ID: MembershipHistory]
    var use: [ResourceType: TypeSums] = [:]
    var loans: [Loan: StepSums] = [:]
    var steps: [StepCounts]

    /// - Parameter members: of the federation that is measured.
    package init(_ period: MetricsPeriod, _ scope: MetricsScope, members: [MembershipHistory]) {
        self.period = period
        self.scope = scope
        self.members = Dictionary(members.map { ($0.fleet, $0) }) { _, last in last }
        steps = Array(repeating: StepCounts(), count: period.count)
    }

    struct TypeSums: Sendable {
        var offered = StepSums()
        var active = StepSums()
        var idle = StepSums()
        var overdue = StepSums()
    }

    /// What one fleet lends another of a type.
    struct Loan: Hashable, Sendable {
        let pair: FleetPair
        let type: ResourceType
    }

    struct StepCounts: Sendable {
        var satisfied: Int64 = 0
        var failed: Int64 = 0
        var checks: Int64 = 0
        var violations: Int64 = 0
        var accepted: Int64 = 0
        var acknowledged: Int64 = 0
        var latency = DurationCounts()

        mutating func merge(_ other: StepCounts) {
            satisfied += other.satisfied
            failed += other.failed
            checks += other.checks
            violations += other.violations
            accepted += other.accepted
            acknowledged += other.acknowledged
            latency.merge(other.latency)
        }
    }
}

// MARK: Facts

extension MetricsTally {
    /// A lease of the federation, once.
    package mutating func add(_ lease: Lease) {
        addUse(of: lease)
        addCheck(of: lease, at: lease.grantedAt ?? lease.createdAt)
        guard lease.allocation == nil, scope.includes(lease.target) else { return }
        add(lease.outcome)
        add(lease.decision, askedAt: lease.createdAt)
    }

    /// An allocation of the federation, once; its leases are added besides.
    package mutating func add(_ allocation: MeasuredAllocation, _ leases: [Lease]) {
        add(allocation.outcome(of: leases))
        add(allocation.decision(of: leases), askedAt: allocation.createdAt)
    }

    private mutating func addUse(of lease: Lease) {
        let now = period.asOf
        if scope.includes(lease.source) {
            var sums = use[lease.resourceType] ?? TypeSums()
            sums.active.add(lease.quantity, over: lease.activeSpan(now), in: period)
            sums.idle.add(lease.quantity, over: lease.idleSpan(now), in: period)
            sums.overdue.add(lease.quantity, over: lease.overdueSpan(now), in: period)
            use[lease.resourceType] = sums
        }
        if let span = lease.lentSpan(now), scope.includes(lease.source) || scope.includes(lease.target) {
            let loan = Loan(
                pair: FleetPair(source: lease.source, target: lease.target), type: lease.resourceType)
            loans[loan, default: StepSums()].add(lease.quantity, over: span, in: period)
        }
    }

    private mutating func add(_ outcome: RequestOutcome) {
        switch outcome {
        case .satisfied(let time): change(at: time) { $0.satisfied += 1 }
        case .failed(let time): change(at: time) { $0.failed += 1 }
        case .neutral: break
        }
    }

    private mutating func add(_ decision: RequestDecision, askedAt: Timestamp) {
        guard case .made(let time) = decision else { return }
        change(at: time) { $0.latency.add(max(0, time.milliseconds - askedAt.milliseconds)) }
    }

    /// A lease that changes hands crosses the boundary between two owners when it is granted. It should not have been
    /// if the stricter of their levels was `sealed` then, or asked for an approval that it did not have.
    private mutating func addCheck(of lease: Lease, at time: Timestamp) {
        guard lease.isCheck else { return }
        let pair = FleetPair(source: lease.source, target: lease.target)
        addChecks(1, of: pair, wasApproved: lease.wasApproved, at: time)
    }

    /// Grants of one pair at about one time, during which no membership changed.
    package mutating func addChecks(_ count: Int64, of pair: FleetPair, wasApproved: Bool, at time: Timestamp) {
        guard scope.includes(pair.source) || scope.includes(pair.target) else { return }
        let level = [pair.source, pair.target].map { members[$0]?.mildestLevel(at: time) ?? .sealed }.max()
        let isViolation = level.map { $0 == .sealed || $0 >= .medium && !wasApproved } ?? false
        change(at: time) {
            $0.checks += count
            if isViolation { $0.violations += count }
        }
    }

    /// Crossings that were denied; counted while the fleet that they were towards was a member.
    package mutating func add(_ denied: Crossing, _ event: Event) {
        addDenials(denied.count, towards: denied.protected, at: event.at, position: event.position)
    }

    /// Denials in about one place of the log, during which no membership changed.
    package mutating func addDenials(
        _ count: Int64, towards protected: Fleet.ID, at time: Timestamp, position: Int64
    ) {
        guard scope.includes(deniedTowards: protected), members[protected]?.isPresent(at: position) == true
        else { return }
        change(at: time) { $0.checks += count }
    }

    /// The messages that were accepted in one step of the period.
    package mutating func add(_ messages: MeasuredMessages) {
        guard steps.indices.contains(messages.step) else { return }
        steps[messages.step].accepted += messages.accepted
        steps[messages.step].acknowledged += messages.acknowledged
    }

    /// What a resource offers from `start` until `end`, as far as its fleet is a member then.
    package mutating func addOffer(_ resource: MeasuredResource, from start: Timestamp, until end: Timestamp) {
        addOffer(resource.offered, of: resource.type, by: resource.key.fleet, from: start, until: end)
    }

    /// What a fleet offers of a type from `start` until `end`, as far as it is a member then.
    package mutating func addOffer(
        _ quantity: Int64, of type: ResourceType, by fleet: Fleet.ID, from start: Timestamp, until end: Timestamp
    ) {
        guard scope.includes(fleet), let offered = Window(from: start, to: end) else { return }
        for presence in members[fleet]?.presence(until: end) ?? [] {
            use[type, default: TypeSums()].offered.add(quantity, over: offered.cut(to: presence), in: period)
        }
    }

    private mutating func change(at time: Timestamp, _ change: (inout StepCounts) -> Void) {
        guard time <= period.asOf, let step = period.index(of: time) else { return }
        change(&steps[step])
    }
}
