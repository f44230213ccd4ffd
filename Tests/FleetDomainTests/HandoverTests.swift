import FleetDomain
import FleetTestSupport
import Testing

@Suite("Handover")
struct HandoverTests {
    @Test("A pool that many bring back within its buffer stays as small to store, and frees nothing too early")
    func manyCooling() throws {
        let world = try World(capacity: 1000, buffer: 6000)
        for _ in 0..<200 {
            let lease = try world.request(world.ask { $0.duration = 600 })
            world.wait(1)
            _ = world.code(.return, lease, as: world.borrowerSide)
        }
        let cooling = try #require(world.ledger.resources[world.vanKey]?.cooling)
        #expect(cooling.count == 64 && cooling.reduce(0) { $0 + $1.quantity } == 200)
        #expect(cooling.map(\.until) == cooling.map(\.until).sorted())
        // The last is free after its own buffer, and none before the first's.
        #expect(cooling.last?.until == world.now + 6000)
        #expect(world.refusal(of: world.ask { $0.quantity = 801 })?.code == .capacityExceeded)
        #expect(world.refusal(of: world.ask { $0.quantity = 800 }) == nil)
    }

    @Test("An automatic lease begins and ends without a call")
    func automatic() throws {
        let world = try World()
        let lease = try world.request(world.ask { $0.startsAt = world.now + 600 })
        #expect(lease.status == .granted)
        world.wait(599)
        #expect(world.now(lease)?.status == .granted)
        world.wait(1)
        #expect(world.now(lease)?.status == .active)
        #expect(world.now(lease)?.fencingToken == world.now.milliseconds * 1000)
        world.wait(3600)
        #expect(world.now(lease)?.status == .completed)
        #expect(world.now(lease)?.endedAt == lease.endsAt)
        #expect(world.ledger.leases.isEmpty)
    }

    @Test("An automatic lease that begins and ends during an outage ran all the same")
    func outage() throws {
        let world = try World()
        let first = try world.request(world.ask { $0.startsAt = world.now + 600 })
        let second = try world.request(world.ask { $0.startsAt = first.endsAt })
        world.sleep(86_400)
        #expect(world.now(first)?.status == .completed)
        #expect(world.now(first)?.endedAt == first.endsAt)
        #expect(world.now(second)?.status == .completed)
        #expect(world.events.filter { $0.type == .sharingActivated }.count == 2)
    }

    @Test("A confirmed lease is activated and returned by calls, and a return frees the rest at once")
    func confirmed() throws {
        let world = try World(handover: .confirmed)
        let start = world.now + 600
        let lease = try world.request(world.ask { $0.startsAt = start })
        #expect(world.code(.activate, lease, as: world.borrowerSide) == .invalidTransition)
        world.wait(700)
        #expect(world.now(lease)?.status == .granted)
        #expect(world.code(.activate, lease, as: world.lenderSide) == .permissionDenied)
        let active = try world.take(.activate, lease, as: world.borrowerSide)
        #expect(active.status == .active)
        #expect(try world.take(.activate, lease, as: world.borrowerSide) == active)
        #expect(world.refusal()?.code == .windowConflict)
        #expect(try world.take(.return, lease, as: world.borrowerSide).status == .completed)
        #expect(try world.request().status == .granted)
    }

    @Test("Who does not fetch is a no-show, once the time for it is over")
    func noShow() throws {
        let world = try World(handover: .confirmed)
        let lease = try world.request()
        world.wait(899)
        #expect(world.now(lease)?.status == .granted)
        world.wait(1)
        #expect(world.now(lease)?.status == .noShow)
        #expect(try world.request().status == .granted)
    }

    @Test("The no-show clock of a request that began before its approval starts with the approval")
    func lateApproval() throws {
        let world = try World(lender: .medium, handover: .confirmed)
        let lease = try world.request(world.ask { $0.duration = 7200 })
        world.wait(3000)
        try world.take(.approve, lease, as: world.lenderSide)
        world.wait(0)
        #expect(world.now(lease)?.status == .granted)
        world.wait(899)
        #expect(try world.take(.activate, lease, as: world.borrowerSide).status == .active)
    }

    @Test("Who returns late is overdue, and the next lease waits with its no-show clock standing still")
    func overdue() throws {
        let world = try World(handover: .confirmed)
        let late = try world.request()
        try world.take(.activate, late, as: world.borrowerSide)
        let next = try world.request(
            world.ask {
                $0.target = World.third
                $0.startsAt = late.endsAt
            }, as: world.thirdSide)
        world.wait(3600)
        #expect(world.now(late)?.status == .overdue)
        #expect(world.now(next)?.awaitingReturn == true)
        #expect(world.code(.activate, next, as: world.thirdSide) == .unitNotReturned)
        world.wait(1800)
        #expect(world.now(next)?.status == .granted)

        let returned = world.now
        #expect(try world.take(.return, late, as: world.borrowerSide).status == .completed)
        #expect(world.now(next)?.awaitingReturn == false)
        #expect(world.now(next)?.readyAt == returned)
        world.wait(899)
        #expect(world.now(next)?.status == .granted)
        #expect(try world.take(.activate, next, as: world.thirdSide).status == .active)
    }

    @Test("An automatic lease that had to wait begins with the return")
    func automaticAfterReturn() throws {
        let world = try World(handover: .confirmed)
        let late = try world.request()
        try world.take(.activate, late, as: world.borrowerSide)
        try world.patchVan { $0.handover = .automatic }
        let next = try world.request(
            world.ask {
                $0.target = World.third
                $0.startsAt = late.endsAt
            }, as: world.thirdSide)
        world.wait(3700)
        #expect(world.now(next)?.status == .granted)
        try world.take(.return, late, as: world.borrowerSide)
        #expect(world.now(next)?.status == .active)
        #expect(world.now(next)?.fencingToken ?? 0 > world.now(late)?.fencingToken ?? 0)
    }

    @Test("A lease whose unit never comes back is cancelled, and the one after it is told")
    func neverReturned() throws {
        let world = try World(handover: .confirmed)
        let late = try world.request()
        try world.take(.activate, late, as: world.borrowerSide)
        let next = try world.request(world.ask { $0.startsAt = late.endsAt })
        let last = try world.request(world.ask { $0.startsAt = next.endsAt })
        world.wait(7200)
        #expect(world.now(next)?.status == .cancelled)
        #expect(world.now(next)?.statusReason == "unit_not_returned")
        #expect(world.now(last)?.awaitingReturn == true)
    }

    @Test("A unit that is not back is given to nobody from now on, but may be booked for later")
    func nothingBeginsNow() throws {
        let world = try World(handover: .confirmed)
        let late = try world.request()
        try world.take(.activate, late, as: world.borrowerSide)
        world.wait(4000)
        let refusal = world.refusal()
        #expect(refusal?.code == .unitNotReturned)
        #expect(refusal?.explanation?.nearestWindows.isEmpty == true)
        #expect(try world.request(world.ask { $0.startsAt = world.now + 7200 }).status == .granted)
    }

    @Test("In a pool a lease waits only while too much is out, and a return that does not concern it moves no clock")
    func pool() throws {
        let world = try World(handover: .confirmed, capacity: 3)
        let one = try world.request()
        let other = try world.request()
        try world.take(.activate, one, as: world.borrowerSide)
        world.wait(600)
        try world.take(.return, one, as: world.borrowerSide)
        #expect(world.now(other)?.readyAt == nil)
        world.wait(300)
        #expect(world.now(other)?.status == .noShow)
    }

    @Test("Of those who wait for a pool as many begin as what came back suffices for")
    func partialReturn() throws {
        let world = try World(handover: .confirmed, capacity: 2)
        let late = try [world.request(), world.request()]
        for lease in late { try world.take(.activate, lease, as: world.borrowerSide) }
        try world.patchVan { $0.handover = .automatic }
        let next = world.ask {
            $0.target = World.third
            $0.startsAt = late[0].endsAt
        }
        let waiting = try [world.request(next, as: world.thirdSide), world.request(next, as: world.thirdSide)]
        world.wait(3700)
        try world.take(.return, late[0], as: world.borrowerSide)
        let statuses = waiting.map { world.now($0)?.status }
        #expect(statuses.contains(.active) && statuses.contains(.granted))
        try world.take(.return, late[1], as: world.borrowerSide)
        #expect(waiting.allSatisfy { world.now($0)?.status == .active })
    }

    @Test("A hold that is approved while the unit is being taken back waits for it")
    func approvedTooEarly() throws {
        var policy = FederationPolicy()
        policy.approvalTimeout = 36_000
        let world = try World(lender: .medium, policy: policy)
        let held = try world.take(.approve, world.request(), as: world.lenderSide)
        let next = try world.request(world.ask { $0.startsAt = held.endsAt })
        try world.take(.revoke, held, as: world.lenderSide)
        world.wait(4000)
        #expect(try world.take(.approve, next, as: world.lenderSide).status == .granted)
        world.wait(0)
        #expect(world.now(next)?.awaitingReturn == true)
        try world.take(.acknowledge, held, as: world.borrowerSide)
        #expect(world.now(next)?.status == .active)
    }

    @Test("A pool that grows lets in who waited for a return")
    func growingPool() throws {
        let world = try World(handover: .confirmed, capacity: 2)
        let late = try world.request(world.ask { $0.quantity = 2 })
        try world.take(.activate, late, as: world.borrowerSide)
        let next = try world.request(world.ask { $0.startsAt = late.endsAt })
        world.wait(3600)
        #expect(world.now(next)?.awaitingReturn == true)
        try world.patchVan { $0.capacity = 3 }
        #expect(world.now(next)?.awaitingReturn == false)
        #expect(try world.take(.activate, next, as: world.borrowerSide).status == .active)
    }

    @Test("The time after a lease that its buffer takes is promised to nobody")
    func buffer() throws {
        let world = try World(buffer: 600)
        let lease = try world.request()
        #expect(world.refusal(of: world.ask { $0.startsAt = lease.endsAt })?.code == .windowConflict)
        #expect(try world.request(world.ask { $0.startsAt = lease.endsAt + 600 }).status == .granted)
    }

    @Test("A hold lapses when nobody approves it in time")
    func lapsedHold() throws {
        let world = try World(lender: .high)
        let lease = try world.request(world.ask { $0.duration = 86_400 })
        #expect(lease.status == .pending)
        world.wait(3600)
        #expect(world.now(lease)?.status == .expired)
    }

    @Test("An extension is a decision on the added time, and a refused one shortens nothing")
    func extending() throws {
        let world = try World()
        let lease = try world.request()
        _ = try world.request(world.ask { $0.startsAt = lease.endsAt + 1800 })
        func extend(to duration: Seconds) -> LedgerCommand.Decide {
            { ledger, context throws(FleetError) in
                try ledger.update(lease.id, LeaseUpdate(duration: duration), &context)
            }
        }
        do throws(FleetError) {
            try world.act(as: world.borrowerSide, extend(to: 7200))
            Issue.record("extended into another lease")
        } catch {
            #expect(error.code == .windowConflict)
            #expect(error.explanation?.counterfactual?.changes.map(\.value) == ["5400"])
        }
        #expect(world.ledger.leases[lease.id]?.duration == 3600)
        try world.act(as: world.borrowerSide, extend(to: 5400))
        #expect(world.now(lease)?.endsAt == lease.startsAt + 5400)
        try world.act(as: world.borrowerSide, extend(to: 1800))
        #expect(world.code(as: world.lenderSide, extend(to: 900)) == .consentRequired)
        #expect(try world.request(world.ask { $0.startsAt = lease.startsAt + 1800 }).status == .granted)
    }
}
