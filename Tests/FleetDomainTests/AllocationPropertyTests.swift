import FleetDomain
import FleetTestSupport
import Testing

@Suite("Allocations under any history of commands")
struct AllocationPropertyTests {
    /// Makes the named changes to the request, or nil where they are to be made elsewhere.
    private func lift(_ set: Explanation.Counterfactual, of request: AllocationRequest) -> AllocationRequest? {
        var request = request
        for (field, value) in set.changes {
            switch field {
            case "latest": request.latest = Timestamp(value)
            case "earliest": request.earliest = Timestamp(value)
            case "duration": request.duration = Int64(value) ?? 0
            case "quantity": request.items[0].quantity = Int64(value) ?? 0
            default: return nil
            }
        }
        if let latest = request.latest, let earliest = request.earliest, latest < earliest { request.latest = earliest }
        return request
    }

    private func outcome(of request: AllocationRequest, in scenario: LedgerScenario) -> Allocation? {
        var copy = scenario.ledger
        var context = Context(
            principal: LedgerScenario.operatorOf(request.target, scopes: [.sharingEmergency]), now: scenario.now,
            requestID: "probe", ids: IDSource(seed: 1, random: 1))
        return try? copy.allocate(request, &context).asAllocation
    }

    @Test("Invariant 9: what the refusal of an allocation names is enough: so changed, it is granted or held")
    func counterfactualIsTrue() {
        var lifted: [String: Int] = [:]
        for seed in Generator.seeds(Effort.seeds(150, slow: 3000)) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<150 {
                scenario.step()
                guard scenario.random.chance(30) else { continue }
                var request = scenario.allocationRequest()
                request.reason = "because"
                guard let refused = outcome(of: request, in: scenario), refused.status == .refused,
                    let set = refused.explanation.counterfactual, let changed = lift(set, of: request)
                else { continue }
                let again = outcome(of: changed, in: scenario)
                #expect(
                    again.map { $0.status != .refused } == true,
                    "seed \(seed): \(set.sentence) but \(again?.explanation.summary ?? "an error")")
                for change in set.changes { lifted[change.field, default: 0] += 1 }
            }
        }
        guard !Generator.areFew else { return }
        for field in ["latest", "quantity", "duration"] { #expect(lifted[field, default: 0] > 2, "\(lifted)") }
    }

    @Test("The leases of an allocation are all promised or none, and are of what was asked for")
    func together() {
        var granted = 0
        for seed in Generator.seeds(Effort.seeds(100, slow: 2000)) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<200 {
                let step = scenario.step()
                guard step.command == "allocate", let allocation = step.entity?.asAllocation else { continue }
                let leases = allocation.leases.compactMap { scenario.ledger.leases[$0] }
                let begun = step.events.compactMap(\.entity.asLease).filter {
                    $0.version == 1 && $0.allocation == allocation.id
                }
                #expect(begun.map(\.id) == allocation.leases, "seed \(seed)")
                let asked = allocation.items.reduce(into: [:]) { $0[$1.type, default: 0] += $1.quantity }
                let given = leases.reduce(into: [ResourceType: Int64]()) {
                    $0[$1.resourceType, default: 0] += $1.quantity
                }
                switch allocation.status {
                case .granted: #expect(given == asked, "seed \(seed)")
                case .partial: #expect(given.values.reduce(0, +) < asked.values.reduce(0, +), "seed \(seed)")
                case .refused, .queued: #expect(leases.isEmpty, "seed \(seed)")
                default: #expect(leases.contains { $0.status == .pending }, "seed \(seed)")
                }
                #expect(Set(leases.map(\.startsAt)).count <= 1, "seed \(seed)")
                #expect(leases.allSatisfy { (allocation.earliest...allocation.latest).contains($0.startsAt) })
                if !leases.isEmpty { granted += 1 }
            }
        }
        #expect(granted > 100 || Generator.areFew, "\(granted)")
    }
}

@Suite("A balance")
struct BalanceTests {
    @Test("halves with every half-life, and is a power of two in between, to one part in ten thousand")
    func decay() throws {
        let halfLife: Seconds = 604_800
        for (elapsed, factor) in [
            (0, 1.0), (halfLife, 0.5), (2 * halfLife, 0.25), (halfLife / 2, 0.70710678), (halfLife / 3, 0.79370053),
            (halfLife * 10 / 7, 0.37150), (64 * halfLife, 0),
        ] {
            let world = try World(capacity: 10, policy: policy(halfLife))
            let before = try lend(in: world)
            world.wait(elapsed)
            // What comes anew is added to what has faded.
            let after = try lend(in: world)
            let expected = Double(before) * factor + Double(before)
            #expect(abs(Double(after) - expected) <= Double(before) / 10_000, "\(elapsed): \(after), not \(expected)")
        }
    }

    @Test("counts what was used and no more, when a lease ends early")
    func early() throws {
        let world = try World(policy: policy(31_536_000))
        let lease = try world.request(world.ask { $0.duration = 3600 })
        #expect(world.balance(World.lender)?.lent == 3600 && world.balance(World.borrower)?.borrowed == 3600)
        world.wait(600)
        _ = world.code(.return, lease, as: world.borrowerSide)
        let lent = try #require(world.balance(World.lender)?.lent)
        #expect((599...600).contains(lent), "\(lent)")
        #expect(world.balance(World.borrower)?.borrowed == lent)
    }

    private func policy(_ halfLife: Seconds) -> FederationPolicy {
        var policy = FederationPolicy()
        policy.fairnessHalfLife = halfLife
        policy.bookingHorizon = 31_536_000
        return policy
    }

    /// Lends a million unit-seconds, and gives the balance.
    private func lend(in world: World) throws -> Int64 {
        _ = try world.request(world.ask { $0.duration = 1_000_000 })
        return world.balance(World.lender)?.lent ?? 0
    }
}

extension World {
    func balance(_ fleet: Fleet.ID) -> Balance? {
        ledger.balances[Quota.Key(member: Member.Key(federation: federation, fleet: fleet), type: World.vehicle)]
    }
}
