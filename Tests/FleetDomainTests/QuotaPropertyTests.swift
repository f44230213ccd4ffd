import FleetDomain
import FleetTestSupport
import Testing

@Suite("Quotas under any history of commands")
struct QuotaPropertyTests {
    private static let holding: Set<LeaseStatus> = [.pending, .granted, .active, .overdue, .revoking]

    @Test("Invariant 2: no step lends or borrows beyond a limit at any instant, nor deepens what is over it already")
    func limitsHold() {
        var (bound, over) = (0, 0)
        for seed in Generator.seeds(Effort.seeds(150, slow: 3000)) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<200 {
                let before = scenario.ledger
                let step = scenario.step()
                let leases = scenario.ledger.leases.values.filter { Self.holding.contains($0.status) }
                for quota in scenario.ledger.quotas.values {
                    for (side, limit) in [
                        (LeaseSide.source, quota.lendable), (.target, quota.borrowingLimit ?? .max),
                    ] {
                        let promised = leases.filter { Self.counts($0, side, quota.key) }
                        // The level is highest where some window begins.
                        for instant in promised.map(\.startsAt) {
                            let level = Self.level(promised, at: instant)
                            let earlier = before.leases.values
                                .filter { Self.holding.contains($0.status) && Self.counts($0, side, quota.key) }
                            #expect(
                                level <= max(limit, Self.level(earlier, at: instant)),
                                "seed \(seed): \(side) of \(quota.key) after \(step.command)")
                            if level == limit { bound += 1 }
                            if level > limit { over += 1 }
                        }
                    }
                }
            }
        }
        #expect(bound > 0 && over > 0 || Generator.areFew, "\(bound) at a limit, \(over) over it")
    }

    private static func counts(_ lease: Lease, _ side: LeaseSide, _ key: Quota.Key) -> Bool {
        if lease.source == lease.target { return false }
        let fleet = side == .source ? lease.source : lease.target
        return lease.federation == key.member.federation && fleet == key.member.fleet && lease.resourceType == key.type
    }

    private static func level(_ leases: [Lease], at instant: Timestamp) -> Int64 {
        leases.filter { $0.startsAt <= instant && instant < $0.startsAt + $0.duration + $0.buffer }
            .reduce(0) { $0 + $1.quantity }
    }
}
