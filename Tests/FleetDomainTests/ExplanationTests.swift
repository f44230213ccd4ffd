import FleetDomain
import FleetTestSupport
import Testing

@Suite("An explanation")
struct ExplanationTests {
    /// Makes the named changes, in the request or in what it meets.
    private func lift(_ set: Explanation.Counterfactual, of request: SharingRequest, in world: World) throws
        -> SharingRequest
    {
        var request = request
        let id = world.federation
        for (field, value) in set.changes {
            switch field {
            case "duration": request.duration = try #require(Int64(value))
            case "quantity": request.quantity = try #require(Int64(value))
            case "starts_at": request.startsAt = Timestamp(value)
            case "resource_type": request.resourceType = name(value)
            case "resource.status": try world.patchVan { $0.status = .available }
            case "member.resource_sharing":
                for (fleet, side) in [(World.lender, world.lenderSide), (World.borrower, world.borrowerSide)] {
                    try world.patch(fleet, as: side) { $0.resourceSharing = true }
                }
            case "member.status":
                for (fleet, side) in [(World.lender, world.lenderSide), (World.borrower, world.borrowerSide)]
                where world.member(fleet)?.status == .suspended {
                    let key = Member.Key(federation: id, fleet: fleet)
                    try world.act(as: side) { ledger, context throws(FleetError) in
                        try ledger.act(.resume, on: key, &context)
                    }
                }
            case "federation.status", "policy.allowed_resource_types":
                var policy = try #require(world.ledger.federations[id]?.policy)
                if field.hasPrefix("policy") { policy.allowedResourceTypes = [name(value)] }
                let update = FederationUpdate(name: "F", description: "", status: .active, policy: policy)
                try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
                    try ledger.update(id, update, &context)
                }
            default: Issue.record("an unknown field is named: \(field)")
            }
        }
        return request
    }

    @Test("Invariant 9: what a refusal names is enough: so changed, the request is granted or held")
    func counterfactualIsTrue() throws {
        var lifted = 0
        for seed in Generator.seeds(400) {
            var random = Generator(seed: seed)
            let world = try scene(&random)
            // The lender's operator, acting for both, is told everything; a stranger to the lender less.
            let both = LedgerScenario.operatorOf(World.lender, World.borrower)
            for _ in 0..<10 {
                let request = self.request(&random, in: world)
                let principal = random.chance(60) ? both : world.borrowerSide
                guard let refusal = world.refusal(of: request, as: principal) else { continue }
                let explanation = try #require(refusal.explanation, "seed \(seed)")
                #expect(explanation.code == refusal.code.rawValue, "seed \(seed)")
                for window in explanation.nearestWindows where refusal.code == .windowConflict {
                    let elsewhere = request.changed {
                        $0.startsAt = window.start
                        $0.duration = (window.end.milliseconds - window.start.milliseconds) / 1000
                    }
                    if explanation.counterfactual?.changes.count == 1 {
                        #expect(world.dryRun(elsewhere, as: principal) == nil, "seed \(seed): \(window)")
                    }
                }
                guard let set = explanation.counterfactual else { continue }
                lifted += 1
                let changed = try lift(set, of: request, in: world)
                let again = world.refusal(of: changed, as: principal)
                #expect(again == nil, "seed \(seed): \(set.sentence) but \(again?.message ?? "")")
            }
        }
        #expect(lifted > 300 || Generator.areFew, "only \(lifted)")
    }

    /// A world with something wrong in it.
    private func scene(_ random: inout Generator) throws -> World {
        var policy = FederationPolicy()
        policy.leaseDurationMax = 7200
        policy.bookingHorizon = 20_000
        if random.chance(30) { policy.allowedResourceTypes = [random.chance(50) ? World.vehicle : name("dock")] }
        let world = try World(
            lender: random.pick([.none, .low, .medium, .high]), handover: random.pick(Handover.allCases),
            capacity: random.pick([1, 1, 4]), buffer: random.pick([0, 600]), policy: policy)
        for _ in 0..<4 { _ = world.refusal(of: request(&random, in: world)) }
        for lease in world.ledger.leases.values.sorted(by: { $0.id < $1.id }) where random.chance(50) {
            _ = world.code(.activate, lease, as: world.borrowerSide)
            if random.chance(30) { _ = world.code(.revoke, lease, as: world.lenderSide) }
        }
        world.wait(random.int(in: 0...8000))
        if random.chance(20) { try world.patchVan { $0.status = .maintenance } }
        if random.chance(20) { try world.suspend(World.borrower, as: world.borrowerSide) }
        if random.chance(20) { try world.patch(World.lender, as: world.lenderSide) { $0.resourceSharing = false } }
        if random.chance(20) {
            let id = world.federation
            try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
                try ledger.update(id, FederationUpdate(name: "F", description: "", status: .suspended), &context)
            }
        }
        return world
    }

    private func request(_ random: inout Generator, in world: World) -> SharingRequest {
        world.ask {
            $0.duration = random.int(in: 1...9000)
            $0.startsAt = random.chance(30) ? nil : world.now + random.int(in: 0...25_000)
            $0.quantity = random.chance(80) ? random.int(in: 1...3) : 6
            if random.chance(10) { $0.resourceType = name("dock") }
        }
    }

    @Test("All reasons are told, the first by precedence names the refusal, and the full set lifts it")
    func fullSet() throws {
        let world = try World()
        let taken = try world.request()
        try world.patchVan { $0.status = .maintenance }
        try world.patch(World.borrower, as: world.borrowerSide) { $0.resourceSharing = false }
        let both = LedgerScenario.operatorOf(World.lender, World.borrower)
        let refusal = world.refusal(of: world.ask { $0.duration = 3_000_000 }, as: both)
        #expect(refusal?.code == .sharingDisabled)
        #expect(
            refusal?.explanation?.counterfactual?.changes.map(\.field)
                == ["member.resource_sharing", "duration", "resource.status", "starts_at"])
        #expect(
            refusal?.explanation?.counterfactual?.changes.map(\.value)
                == ["true", "2592000", "available", taken.endsAt.description])
    }

    @Test("What nobody can change is not named as a way out")
    func nothingLifts() throws {
        let world = try World()
        let key = world.vanKey
        try world.act(as: world.lenderSide) { ledger, context throws(FleetError) in try ledger.retire(key, &context) }
        #expect(world.refusal()?.code == .resourceUnavailable)
        #expect(world.refusal()?.explanation?.counterfactual == nil)
    }
}

extension World {
    /// Whether the request would be refused, and why; it is taken back.
    func dryRun(_ request: SharingRequest, as principal: Principal) -> ErrorCode? {
        var copy = ledger
        var context = Context(principal: principal, now: now, requestID: "dry", ids: IDSource(seed: 7, random: 7))
        do throws(FleetError) {
            _ = try copy.request(request, &context)
            return nil
        } catch {
            return error.code
        }
    }
}
