import FleetDomain
import FleetTestSupport
import Testing

/// Invariant 5, in a market that has too little for all: the rules are written down again, and not taken from the code.
@Suite("Preemption under load")
struct PreemptionPropertyTests {
    private struct Counts {
        var (victims, reclaimed, several, emergencies, atOnce) = (0, 0, 0, 0, 0)
    }

    @Test("Invariant 5: only what may be taken away is, no more than is needed, nothing more than twice; and it ends")
    func victims() {
        var counts = Counts()
        for seed in Generator.seeds(Effort.seeds(3, slow: 60)) {
            var market = Market(seed: seed, handovers: Handover.allCases, fights: true)
            for _ in 0..<150 {
                let before = market.ledger
                let (events, entity, probe) = market.fight()
                let victims = events.filter { isTaken($0, before) }.compactMap(\.entity.asLease)
                if let entity, !victims.isEmpty {
                    for lease in victims { judge(lease, entity, before, at: market.now, "seed \(seed)", &counts) }
                    judgeNeed(of: victims, before, market.now, probe, "seed \(seed)", &counts)
                    judgePromise(events, market.ledger, "seed \(seed)")
                }
                market.ledger.confirm()
                for lease in (events + market.look()).compactMap(\.entity.asLease) where lease.status == .preempted {
                    judgeReturn(of: lease, market, "seed \(seed)")
                }
            }
        }
        guard !Generator.areFew else { return }
        #expect(!Effort.isSlow || counts.reclaimed > 3 && counts.several > 10, "\(counts)")
        #expect(counts.victims > 10, "\(counts)")
        #expect(counts.emergencies > 0 && counts.atOnce > 0, "\(counts)")
    }

    /// Whether the decision took the lease away: what is handed back later was taken before.
    private func isTaken(_ event: Event, _ before: Ledger) -> Bool {
        guard let lease = event.entity.asLease else { return false }
        return event.type == .sharingPreempting
            || event.type == .sharingPreempted && before.leases[lease.id]?.status == .granted
    }

    /// That the lease might be taken away for what was decided.
    private func judge(
        _ lease: Lease, _ entity: Entity, _ before: Ledger, at now: Timestamp, _ place: Comment, _ counts: inout Counts
    ) {
        guard let was = before.leases[lease.id], let policy = before.federations[lease.federation]?.policy,
            let (target, priority) = entity.asAllocation.map({ ($0.target, $0.priority) })
                ?? entity.asLease.map({ ($0.target, $0.priority) })
        else {
            Issue.record(place)
            return
        }
        counts.victims += 1
        #expect(entity.federation == lease.federation && was.target != target && was.source != was.target, place)
        #expect(was.resourceKey.flatMap { before.resources[$0] }?.interruptible == true, place)
        #expect(was.allocation.map { before.allocations[$0]?.preemptions ?? 0 } ?? was.preemptions < 2, place)
        if was.status == .active, let begun = was.activatedAt { #expect(now >= begun + policy.minimumTenure, place) }
        if was.status == .granted { counts.atOnce += 1 }
        if was.priority >= priority {
            counts.reclaimed += 1
            #expect(was.source == target, place)
        }
        if priority == .emergency { counts.emergencies += 1 } else { judgeNominal(was, before, at: now, place) }
        if lease.status == .preempting {
            #expect((lease.fencingToken ?? 0) > (was.fencingToken ?? 0) && lease.deadline != nil, place)
        }
    }

    private static let holding: Set<LeaseStatus> = [.pending, .granted, .active, .overdue, .revoking]

    /// That its holder used more than its nominal as long as the lease would have lasted.
    private func judgeNominal(_ lease: Lease, _ before: Ledger, at now: Timestamp, _ place: Comment) {
        let key = Quota.Key(
            member: Member.Key(federation: lease.federation, fleet: lease.target), type: lease.resourceType)
        let nominal = before.quotas[key]?.nominal ?? Market.nominal
        let others = before.leases.values.filter {
            $0.target == lease.target && $0.id != lease.id && Self.holding.contains($0.status)
        }
        let start = max(lease.startsAt, now)
        let instants = [start] + others.map(\.endsAt).filter { start <= $0 && $0 < lease.endsAt }
        for instant in instants {
            let use = others.filter { $0.startsAt <= instant && instant < $0.endsAt }.reduce(0) { $0 + $1.quantity }
            #expect(use >= nominal, place)
        }
    }

    /// That none of the victims could have stayed: with the others gone, the same request still takes it, or gets
    /// less than it asked for.
    private func judgeNeed(
        of victims: [Lease], _ before: Ledger, _ now: Timestamp, _ probe: Market.Probe, _ place: Comment,
        _ counts: inout Counts
    ) {
        if victims.count > 1 { counts.several += 1 }
        for victim in victims {
            var ledger = before
            for other in victims where other.id != victim.id {
                var context = Context(
                    principal: LedgerScenario.operatorOf(other.target), now: now, requestID: "probe",
                    ids: IDSource(seed: 3, random: 3))
                _ = try? ledger.end(other.id, &context)
            }
            let answered = probe(&ledger)
            let again = ledger.recorded.contains { $0.entity.asLease?.id == victim.id && isTaken($0, before) }
            let isGranted = answered?.asAllocation?.status == .granted || answered?.asLease != nil
            #expect(again || !isGranted, place)
        }
    }

    /// That what was taken away is promised to who took it; or another unit of the lender, which may lend it now.
    private func judgePromise(_ events: [Event], _ after: Ledger, _ place: Comment) {
        for lease in events.filter({ $0.type == .sharingPreempting }).compactMap(\.entity.asLease) {
            let claims = events.compactMap(\.entity.asLease).filter {
                $0.source == lease.source && $0.id != lease.id && [.granted, .active].contains($0.status)
            }
            #expect(!claims.isEmpty, place)
            for claim in claims where claim.resource == lease.resource {
                #expect(after.leases[claim.id]?.awaitingReturn == true, place)
            }
        }
    }

    /// That a unit that came back is in the hands of who it is promised to, or nobody waits for it any more.
    private func judgeReturn(of lease: Lease, _ market: Market, _ place: Comment) {
        let waiting = market.ledger.leases.values.filter {
            $0.resourceKey == lease.resourceKey && $0.awaitingReturn && $0.status == .granted
        }
        let held = lease.resourceKey.flatMap { market.ledger.possessed[$0] } ?? 0
        #expect(waiting.isEmpty || held > 0, place)
    }
}

extension Market {
    /// Asks again for what was asked for.
    typealias Probe = (inout Ledger) -> Entity?

    /// Somebody asks, hands back, or time passes.
    mutating func fight() -> (events: [Event], entity: Entity?, Probe) {
        switch random.int(in: 0...9) {
        case 0..<5:
            var request = request()
            request.priority = random.pick(Priority.allCases)
            request.reason = "because"
            request.mayWait = random.chance(50)
            if random.chance(40) { request.earliest = now + random.int(in: 1...3000) }
            return ask(of: request.target) { [request] ledger, context throws(FleetError) in
                try ledger.allocate(request, &context)
            }
        case 5:
            let source = random.pick(Self.fleets)
            let request = SharingRequest(
                source: source, target: random.pick(Self.fleets.filter { $0 != source }), resourceType: Self.vehicle,
                resource: name("r\(random.int(in: 0...2))"), duration: random.int(in: 60...4000),
                priority: random.pick(Priority.allCases), federation: federation, reason: "because",
                mayWait: random.chance(30))
            return ask(of: request.target) { ledger, context throws(FleetError) in try ledger.request(request, &context)
            }
        case 6: return (handBack(), nil, { _ in nil })
        case 7: return (giveBack(), nil, { _ in nil })
        default:
            wait(random.int(in: 0...900))
            return (fetch(), nil, { _ in nil })
        }
    }

    private mutating func ask(
        of target: Fleet.ID, _ decide: @escaping LedgerCommand.Decide
    ) -> (events: [Event], entity: Entity?, Probe) {
        let principal = LedgerScenario.operatorOf(target, scopes: [.sharingEmergency])
        let (events, entity) = act(as: principal, decide)
        let now = now
        return (
            events, entity,
            { ledger in
                var context = Context(
                    principal: principal, now: now, requestID: "probe", ids: IDSource(seed: 5, random: 5))
                return try? decide(&ledger, &context)
            }
        )
    }

    /// Who has to hand something back does.
    private mutating func handBack() -> [Event] {
        let taken = ledger.leases.values.filter { $0.status == .preempting }.sorted { $0.id < $1.id }
        return taken.flatMap { lease in
            act(as: LedgerScenario.operatorOf(lease.target)) { ledger, context throws(FleetError) in
                try ledger.act(.acknowledge, on: lease.id, &context)
            }.events
        }
    }

    /// Who may fetch something does.
    private mutating func fetch() -> [Event] {
        let due = ledger.leases.values.filter { $0.status == .granted && $0.startsAt <= now }.sorted { $0.id < $1.id }
        return due.flatMap { lease in
            act(as: LedgerScenario.operatorOf(lease.target)) { ledger, context throws(FleetError) in
                try ledger.act(.activate, on: lease.id, &context)
            }.events
        }
    }
}
