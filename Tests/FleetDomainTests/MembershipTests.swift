import FleetDomain
import FleetTestSupport
import Testing

@Suite("Membership")
struct MembershipTests {
    private static let guest: Fleet.ID = name("guest")
    private static let guestSide = LedgerScenario.operatorOf(guest)

    private func act(_ action: MemberAction, _ key: Member.Key) -> LedgerCommand.Decide {
        { ledger, context throws(FleetError) in try ledger.act(action, on: key, &context) }
    }

    private func remove(_ key: Member.Key, force: Bool = false) -> LedgerCommand.Decide {
        { ledger, context throws(FleetError) in try ledger.remove(key, force: force, &context) }
    }

    private func world() throws -> (World, Member.Key) {
        let world = try World()
        try world.act(as: world.admin) { ledger, context throws(FleetError) in
            try ledger.register(FleetDraft(id: Self.guest, name: "Guest", organization: "Org"), &context)
        }
        return (world, Member.Key(federation: world.federation, fleet: Self.guest))
    }

    private func invite(_ world: World, as principal: Principal) throws -> MemberStatus? {
        let draft = MemberDraft(fleet: Self.guest)
        let id = world.federation
        let made = try world.act(as: principal) { ledger, context throws(FleetError) in
            try ledger.add(draft, to: id, &context)
        }
        if case .member(let member)? = made { return member.status }
        return nil
    }

    @Test("Joining takes both consents, and a coordinator never carries the fleet's")
    func consents() throws {
        let (world, key) = try world()
        let epoch = world.ledger.federations[world.federation]?.membershipEpoch ?? 0
        // Acting for the fleet in another way is not its consent either.
        let coordinator = Principal(
            subject: "coordinator", roles: [.federationCoordinator, .fleetViewer], fleets: [Self.guest],
            federations: [world.federation])
        #expect(try invite(world, as: coordinator) == .invited)
        #expect(world.code(as: coordinator, act(.accept, key)) == .consentRequired)
        #expect(world.code(as: world.coordinator, act(.accept, key)) == .consentRequired)
        #expect(world.ledger.federations[world.federation]?.membershipEpoch == epoch)
        #expect(world.code(as: Self.guestSide, act(.accept, key)) == nil)
        #expect(world.ledger.members[key]?.status == .active)
        #expect(world.ledger.federations[world.federation]?.membershipEpoch == epoch + 1)
    }

    @Test("Who holds both consents gives both at once")
    func bothConsents() throws {
        let (world, _) = try world()
        let both = Principal(
            subject: "both", roles: [.federationCoordinator, .fleetOperator], fleets: [Self.guest],
            federations: [world.federation])
        #expect(try invite(world, as: both) == .active)
    }

    @Test("A coordinator founds no federation in the name of a fleet that it does not operate")
    func foundingConsent() throws {
        let (world, _) = try world()
        func found(_ roles: Set<Role>) -> ErrorCode? {
            let principal = Principal(subject: "founder", roles: roles, fleets: [Self.guest])
            let draft = FederationDraft(
                name: "F", description: "", policy: FederationPolicy(), foundingFleet: Self.guest)
            return world.code(as: principal) { ledger, context throws(FleetError) in try ledger.create(draft, &context)
            }
        }
        #expect(found([.federationCoordinator, .fleetViewer]) == .permissionDenied)
        #expect(found([.fleetOperator]) == nil)
    }

    @Test("An unknown fleet is invited like any other, and joins only once it is registered and active")
    func unknownFleet() throws {
        let (world, key) = try world()
        let draft = MemberDraft(fleet: name("nobody-knows"))
        let id = world.federation
        let made = try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
            try ledger.add(draft, to: id, &context)
        }
        #expect(made?.kind == .member)
        _ = try invite(world, as: world.coordinator)
        let fleet = Self.guest
        try world.act(as: Self.guestSide) { ledger, context throws(FleetError) in try ledger.retire(fleet, &context) }
        #expect(world.code(as: Self.guestSide, act(.accept, key)) == .fleetNotFound)
    }

    @Test("Only the side that suspended a membership resumes it; an administrator suspends for the federation")
    func suspension() throws {
        let world = try World()
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        #expect(world.code(as: world.lenderSide, act(.suspend, key)) == nil)
        #expect(world.code(as: world.coordinator, act(.resume, key)) == .consentRequired)
        #expect(world.code(as: world.lenderSide, act(.resume, key)) == nil)
        for principal in [world.coordinator, world.admin] {
            #expect(world.code(as: principal, act(.suspend, key)) == nil)
            #expect(world.code(as: world.lenderSide, act(.resume, key)) == .consentRequired)
            #expect(world.code(as: principal, act(.resume, key)) == nil)
        }
    }

    @Test("What protects a fleet is its own to change, its role the federation's")
    func terms() throws {
        let world = try World()
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        func patch(_ change: (inout MemberDraft) -> Void) -> LedgerCommand.Decide {
            var draft = MemberDraft(fleet: World.lender)
            change(&draft)
            return { [draft] ledger, context throws(FleetError) in try ledger.patch(key, draft, &context) }
        }
        #expect(
            world.code(as: world.coordinator, patch { $0.isolationLevel = IsolationLevel.none }) == .consentRequired)
        #expect(world.code(as: world.coordinator, patch { $0.resourceSharing = true }) == .consentRequired)
        #expect(world.code(as: world.coordinator, patch { $0.role = .observer }) == nil)
        #expect(world.code(as: world.lenderSide, patch { $0.role = .coordinator }) == .consentRequired)
        #expect(world.code(as: world.lenderSide, patch { $0.isolationLevel = .sealed }) == nil)
        #expect(world.code(as: world.thirdSide, patch { $0.isolationLevel = IsolationLevel.none }) == .memberNotFound)
        let rules: LedgerCommand.Decide = { ledger, context throws(FleetError) in
            try ledger.setRules([], of: key, &context)
        }
        #expect(world.code(as: world.coordinator, rules) == .permissionDenied)
        #expect(world.code(as: world.lenderSide, rules) == nil)
    }

    @Test("Leaving lists each obligation that is left, and is over with the last")
    func leaving() throws {
        let world = try World(handover: .confirmed)
        let held = try world.request()
        try world.take(.activate, held, as: world.borrowerSide)
        let booked = try world.request(world.ask { $0.startsAt = world.now + 7200 })
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        #expect(world.code(as: world.lenderSide, remove(key)) == nil)
        #expect(world.member(World.lender)?.status == .leaving)
        let obligations = world.ledger.obligations(of: key, for: world.lenderSide, limit: 10)
        #expect(world.ledger.obligations(of: key, for: world.coordinator, limit: 10).isEmpty)
        #expect(Set(obligations.map(\.lease)) == [held.id, booked.id])
        #expect(obligations.first { $0.lease == held.id }?.action == .return)
        #expect(obligations.first { $0.lease == booked.id }?.action == .cancel)
        #expect(world.refusal(of: world.ask { $0.startsAt = world.now + 90_000 })?.code == .memberInactive)
        #expect(world.now(held)?.status == .active)

        try world.take(.revoke, booked, as: world.lenderSide)
        #expect(world.member(World.lender)?.status == .leaving)
        try world.take(.return, held, as: world.borrowerSide)
        #expect(world.member(World.lender)?.status == .left)
        #expect(world.code(as: world.coordinator, remove(key)) == .memberNotFound)
    }

    @Test("A fleet that is made to leave has its leases recalled")
    func forcedLeaving() throws {
        let world = try World()
        let held = try world.request()
        let key = Member.Key(federation: world.federation, fleet: World.borrower)
        #expect(world.code(as: world.thirdSide, remove(key, force: true)) == .permissionDenied)
        #expect(world.code(as: world.coordinator, remove(key, force: true)) == nil)
        #expect(world.drain())
        #expect(world.now(held)?.status == .revoking)
        try world.take(.acknowledge, held, as: world.borrowerSide)
        #expect(world.member(World.borrower)?.status == .left)
    }

    @Test("A fleet retires only from no federation, but an invitation or a dissolved one holds nothing back")
    func retiring() throws {
        let world = try World()
        let fleet = World.third
        let retire: LedgerCommand.Decide = { ledger, context throws(FleetError) in try ledger.retire(fleet, &context) }
        #expect(world.code(as: world.thirdSide, retire) == .fleetInUse)
        let id = world.federation
        try world.act(as: world.coordinator) { ledger, context throws(FleetError) in
            try ledger.delete(id, force: false, &context)
        }
        #expect(world.code(as: world.thirdSide, retire) == nil)
    }

    @Test("A resource with live leases is neither retired nor made a pool, and shrinks no further than promised")
    func resourceInUse() throws {
        let world = try World(capacity: 5)
        _ = try world.request(world.ask { $0.quantity = 3 })
        let key = world.vanKey
        func patch(_ capacity: Int64) -> LedgerCommand.Decide {
            var patch = ResourcePatch()
            patch.capacity = capacity
            return { [patch] ledger, context throws(FleetError) in try ledger.patch(key, patch, &context) }
        }
        #expect(world.code(as: world.lenderSide, patch(2)) == .resourceInUse)
        #expect(world.code(as: world.lenderSide, patch(1)) == .resourceInUse)
        #expect(world.code(as: world.lenderSide, patch(3)) == nil)
        let retire: LedgerCommand.Decide = { ledger, context throws(FleetError) in try ledger.retire(key, &context) }
        #expect(world.code(as: world.lenderSide, retire) == .resourceInUse)
        var retired = ResourcePatch()
        retired.status = .retired
        let byPatch: LedgerCommand.Decide = { [retired] ledger, context throws(FleetError) in
            try ledger.patch(key, retired, &context)
        }
        #expect(world.code(as: world.lenderSide, byPatch) == .validationFailed)
        #expect(world.code(as: world.borrowerSide, patch(9)) == .permissionDenied)
    }
}
