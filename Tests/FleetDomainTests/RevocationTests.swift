import FleetDomain
import FleetTestSupport
import Testing

@Suite("Taking back")
struct RevocationTests {
    private func report(_ token: Int64, _ lease: Lease) -> LedgerCommand.Decide {
        { ledger, context throws(FleetError) in
            try ledger.report(
                fence: token, of: lease.resourceKey ?? Resource.Key(fleet: lease.source, resource: name("none")),
                for: lease.id, &context)
        }
    }

    @Test("Taking back is two steps: the right ends at once, the lease when the borrower lets go")
    func acknowledged() throws {
        let world = try World()
        let lease = try world.request()
        let token = try #require(lease.fencingToken)
        let revoking = try world.take(.revoke, lease, as: world.lenderSide)
        #expect(revoking.status == .revoking)
        #expect(revoking.fencingToken ?? 0 > token)
        #expect(try world.take(.revoke, lease, as: world.lenderSide) == revoking)
        #expect(world.refusal()?.code == .unitNotReturned)
        #expect(world.code(.acknowledge, lease, as: world.lenderSide) == .permissionDenied)
        #expect(try world.take(.acknowledge, lease, as: world.borrowerSide).status == .revoked)
        #expect(try world.request().status == .active)
    }

    @Test("After the deadline the resource that reports the new fence ends the lease; before, it only checks")
    func fenced() throws {
        let world = try World()
        let lease = try world.request()
        let old = try #require(lease.fencingToken)
        let new = try #require(try world.take(.revoke, lease, as: world.lenderSide).fencingToken)
        #expect(world.code(as: world.lenderSide, report(old, lease)) == .fencingTokenStale)
        #expect(world.code(as: world.lenderSide, report(new, lease)) == nil)
        #expect(world.now(lease)?.status == .revoking)
        world.wait(300)
        #expect(world.now(lease)?.status == .revoking)
        #expect(world.code(as: world.lenderSide, report(old, lease)) == .fencingTokenStale)
        #expect(world.code(as: world.borrowerSide, report(new, lease)) == .permissionDenied)
        #expect(world.code(as: world.lenderSide, report(new, lease)) == nil)
        #expect(world.now(lease)?.status == .revoked)
        #expect(world.code(as: world.lenderSide, report(new, lease)) == .fencingTokenStale)
    }

    @Test("A gateway that reports for a lease of another resource is answered as for none")
    func foreignLease() throws {
        let world = try World()
        try world.register(World.van2)
        let lease = try world.request()
        let token = try #require(lease.fencingToken)
        let other = Resource.Key(fleet: World.lender, resource: World.van2)
        for id in [lease.id, Lease.ID(raw: 1)] {
            let code = world.code(as: world.lenderSide) { ledger, context throws(FleetError) in
                try ledger.report(fence: token, of: other, for: id, &context)
            }
            #expect(code == .fencingTokenStale)
        }
    }

    @Test("While a unit is being taken back its next lease waits and is told")
    func nextWaits() throws {
        let world = try World(handover: .confirmed)
        let lease = try world.request()
        try world.take(.activate, lease, as: world.borrowerSide)
        let next = try world.request(world.ask { $0.startsAt = lease.endsAt })
        try world.take(.revoke, lease, as: world.lenderSide)
        #expect(world.now(next)?.awaitingReturn == true)
        world.wait(3600 + 1000)
        #expect(world.code(.activate, next, as: world.borrowerSide) == .unitNotReturned)
        try world.take(.acknowledge, lease, as: world.borrowerSide)
        #expect(world.now(next)?.awaitingReturn == false)
        #expect(try world.take(.activate, next, as: world.borrowerSide).status == .active)
    }

    @Test("What has not begun is revoked or cancelled at once")
    func notBegun() throws {
        let world = try World()
        let granted = try world.request(world.ask { $0.startsAt = world.now + 600 })
        #expect(try world.take(.revoke, granted, as: world.lenderSide).status == .revoked)
        let other = try world.request(world.ask { $0.startsAt = world.now + 600 })
        try world.act(as: world.lenderSide) { ledger, context throws(FleetError) in try ledger.end(other.id, &context) }
        #expect(world.now(other)?.statusReason == "cancelled_by_lender")
    }

    @Test("Ending a lease returns it for the borrower and starts taking it back for the lender")
    func ending() throws {
        let world = try World()
        let lease = try world.request()
        let end: LedgerCommand.Decide = { ledger, context throws(FleetError) in try ledger.end(lease.id, &context) }
        try world.act(as: world.lenderSide, end)
        #expect(world.now(lease)?.status == .revoking)
        try world.act(as: world.borrowerSide, end)
        #expect(world.now(lease)?.status == .revoked)
        let next = try world.request()
        try world.act(as: world.borrowerSide) { ledger, context throws(FleetError) in try ledger.end(next.id, &context)
        }
        #expect(world.now(next)?.status == .completed)
    }

    @Test("A hold that lapsed, or whose parties no longer deal, is not approved")
    func approvalOfWhatChanged() throws {
        let world = try World(lender: .high)
        let lease = try world.request()
        try world.suspend(World.lender, as: world.lenderSide)
        #expect(world.code(.approve, lease, as: world.lenderSide) == .memberInactive)
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        try world.act(as: world.lenderSide) { ledger, context throws(FleetError) in
            try ledger.act(.resume, on: key, &context)
        }
        #expect(try world.take(.approve, lease, as: world.lenderSide).status == .active)
        #expect(world.code(.reject, lease, as: world.lenderSide) == .alreadyResolved)
    }

    @Test("A federation deleted with force is drained in slices and dissolves with its last lease")
    func forcedDelete() throws {
        let world = try World(capacity: 100)
        let held = try world.request()
        for index in 1...9 { _ = try world.request(world.ask { $0.startsAt = world.now + Int64(index) * 60 }) }
        let id = world.federation
        func delete(force: Bool) -> LedgerCommand.Decide {
            { ledger, context throws(FleetError) in try ledger.delete(id, force: force, &context) }
        }
        do throws(FleetError) {
            try world.act(as: world.coordinator, delete(force: false))
            Issue.record("deleted with live leases")
        } catch {
            #expect(error.code == .federationHasLiveLeases)
            #expect(error.details["live_leases"] == .integer(10))
        }
        try world.act(as: world.coordinator, delete(force: true))
        #expect(world.ledger.federations[id]?.status == .dissolving)
        #expect(world.refusal()?.code == .federationInactive)
        #expect(world.ledger.leaseCount[id] == 10)
        #expect(!world.drain(4))
        #expect(world.ledger.leaseCount[id] == 7)
        #expect(!world.drain(4))
        #expect(world.drain(4))
        #expect(world.ledger.leases.keys.elementsEqual([held.id]))
        try world.take(.acknowledge, held, as: world.borrowerSide)
        #expect(world.ledger.federations[id]?.status == .dissolved)
        #expect(world.code(as: world.coordinator, delete(force: true)) == .federationNotFound)
    }

    @Test("A suspended federation grants nothing new; its leases run on, or are revoked if its policy says so")
    func suspension() throws {
        for rule in [SuspensionRule.drain, .revoke] {
            var policy = FederationPolicy()
            policy.onSuspend = rule
            let world = try World(policy: policy)
            let lease = try world.request()
            let id = world.federation
            try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
                try ledger.update(id, FederationUpdate(name: "F", description: "", status: .suspended), &context)
            }
            #expect(world.drain())
            #expect(world.now(lease)?.status == (rule == .drain ? .active : .revoking))
            #expect(world.refusal(of: world.ask { $0.startsAt = world.now + 7200 })?.code == .federationInactive)
        }
    }

    @Test("A suspended federation whose policy turns to revoking revokes")
    func lateRevocation() throws {
        let world = try World()
        let lease = try world.request()
        let id = world.federation
        var policy = FederationPolicy()
        policy.onSuspend = .revoke
        for update in [
            FederationUpdate(name: "F", description: "", status: .suspended),
            FederationUpdate(name: "F", description: "", policy: policy),
        ] {
            try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
                try ledger.update(id, update, &context)
            }
        }
        #expect(world.drain())
        #expect(world.now(lease)?.status == .revoking)
    }
}
