import FleetDomain
import FleetTestSupport
import Testing

@Suite("A request")
struct RequestTests {
    @Test(
        "Towards an open fleet it is granted at once, towards others it waits for the owner",
        arguments: zip(
            [IsolationLevel.none, .low, .medium, .high], [LeaseStatus.active, .active, .pending, .pending]))
    func consent(level: IsolationLevel, status: LeaseStatus) throws {
        let world = try World(lender: level)
        let lease = try world.request()
        #expect(lease.status == status)
        if status == .pending {
            #expect(world.code(.approve, lease, as: world.borrowerSide) == .permissionDenied)
            #expect(world.code(.approve, lease, as: world.coordinator) == .sharingNotFound)
            #expect(try world.take(.approve, lease, as: world.lenderSide).status == .active)
        }
    }

    @Test("The stricter level of the two holds")
    func stricterLevel() throws {
        #expect(try World(lender: .none, borrower: .high).request().status == .pending)
    }

    @Test("A rule of the owner approves what fits it and nothing else", arguments: [IsolationLevel.medium, .high])
    func rules(level: IsolationLevel) throws {
        let world = try World(lender: level, capacity: 9)
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        let rule = SharingRule(
            counterparty: World.borrower, resourceType: World.vehicle, quantityMax: 2, durationMax: 3600)
        try world.act(as: world.lenderSide) { ledger, context throws(FleetError) in
            try ledger.setRules([rule], of: key, &context)
        }
        #expect(try world.request(world.ask { $0.quantity = 2 }).status == .active)
        #expect(try world.request(world.ask { $0.quantity = 3 }).status == .pending)
        #expect(try world.request(world.ask { $0.duration = 3601 }).status == .pending)
        let other = world.ask { $0.target = World.third }
        #expect(try world.request(other, as: world.thirdSide).status == .pending)
    }

    @Test("A principal that speaks for both fleets carries both consents, a coordinator neither")
    func bothSides() throws {
        let world = try World(lender: .high)
        #expect(world.refusal(as: world.coordinator)?.code == .permissionDenied)
        let both = LedgerScenario.operatorOf(World.lender, World.borrower)
        #expect(try world.request(as: both).status == .active)
    }

    @Test("A sealed fleet is refused both ways exactly as one that is not there, whoever asks")
    func sealed() throws {
        for (lender, borrower) in [(IsolationLevel.sealed, .none), (.none, .sealed)]
            as [(IsolationLevel, IsolationLevel)]
        {
            let world = try World(lender: lender, borrower: borrower)
            let absent = world.ask { $0.source = name("nobody") }
            let refusal = try #require(world.refusal())
            #expect(refusal.code == .fleetNotFound)
            #expect(refusal.shown == world.refusal(of: absent)?.shown)
            let both = LedgerScenario.operatorOf(World.lender, World.borrower)
            #expect(world.refusal(as: both)?.code == .fleetNotFound)
            let anywhere = world.ask { $0.federation = nil }
            #expect(world.refusal(of: anywhere)?.shown == refusal.shown)
        }
    }

    /// Everything that can make an isolated lender say no.
    private static let causes: [String: @Sendable (World) throws -> Void] = [
        "another lease": { world in
            let other = world.ask { $0.target = World.third }
            let lease = try world.request(other, as: world.thirdSide)
            try world.take(.approve, lease, as: world.lenderSide)
        },
        "maintenance": { world in try world.patchVan { $0.status = .maintenance } },
        "suspension": { world in try world.suspend(World.lender, as: world.lenderSide) },
        "sharing off": { world in try world.patch(World.lender, as: world.lenderSide) { $0.resourceSharing = false } },
        "another federation": { world in
            let id = try world.found([(World.lender, .low), (World.third, .low)])
            let other = world.ask {
                $0.target = World.third
                $0.federation = id
            }
            _ = try world.request(other, as: world.thirdSide)
        },
    ]

    @Test("An isolated lender's no is one and the same, whatever its cause", arguments: causes.keys.sorted())
    func opaque(cause: String) throws {
        let world = try World(lender: .high)
        let unknown = try #require(world.refusal(of: world.ask { $0.resource = name("unknown") }))
        #expect(unknown.code == .unavailable)
        #expect(unknown.explanation?.nearestWindows == [])
        #expect(unknown.explanation?.counterfactual == nil)
        #expect(unknown.explanation?.searchedUntil == nil)
        let arrange = try #require(Self.causes[cause])
        try arrange(world)
        #expect(world.refusal()?.shown == unknown.shown)
        // What the borrower knows by itself it is told, and nothing beside it.
        let long = world.ask { $0.duration = 2_592_001 }
        let free = try World(lender: .high)
        #expect(world.refusal(of: long)?.code == .policyForbids)
        #expect(world.refusal(of: long)?.shown == free.refusal(of: long.in(free.federation))?.shown)
    }

    @Test("Who may not list an owner's resources cannot tell an unknown one from one that is not on offer")
    func unnamed() throws {
        let world = try World(lender: .medium)
        let unknown = world.ask { $0.resource = name("unknown") }
        try world.patchVan { $0.status = .maintenance }
        #expect(world.refusal()?.code == .resourceUnavailable)
        #expect(world.refusal()?.shown == world.refusal(of: unknown)?.shown)
        let mistyped = world.ask { $0.resourceType = name("boat") }
        try world.patchVan { $0.status = .available }
        let both = mistyped.naming(name("unknown"))
        #expect(world.refusal(of: mistyped)?.shown == world.refusal(of: both)?.shown)
        let open = try World(lender: .low)
        #expect(open.refusal(of: open.ask { $0.resource = name("unknown") })?.code == .resourceNotFound)
    }

    @Test(
        "A member that does not share shows no resource, though its level is open",
        arguments: [World.lender, World.borrower])
    func sharingOff(fleet: Fleet.ID) throws {
        let world = try World(lender: .none)
        _ = try world.request(world.ask { $0.target = World.third }, as: world.thirdSide)
        let side = fleet == World.lender ? world.lenderSide : world.borrowerSide
        try world.patch(fleet, as: side) { $0.resourceSharing = false }
        let refusal = try #require(world.refusal())
        #expect(refusal.code == .sharingDisabled)
        #expect(refusal.explanation?.nearestWindows == [])
        #expect(refusal.shown == world.refusal(of: world.ask { $0.resource = name("unknown") })?.shown)
    }

    @Test("Without a federation the one in which they meet is taken; several are named, none is an unknown fleet")
    func federationOfChoice() throws {
        let world = try World()
        let anywhere = world.ask { $0.federation = nil }
        #expect(try world.request(anywhere).federation == world.federation)
        let other = try world.found([(World.lender, .low), (World.borrower, .low)])
        let refusal = world.refusal(of: anywhere)
        #expect(refusal?.code == .federationAmbiguous)
        #expect(
            refusal?.details["federation_ids"] == .list([world.federation, other].sorted().map(\.description)))
        #expect(world.refusal(of: world.ask { $0.federation = Federation.ID(raw: 5) })?.code == .federationNotFound)
        let stranger: Fleet.ID = name("stranger")
        try world.act(as: world.admin) { ledger, context throws(FleetError) in
            try ledger.register(FleetDraft(id: stranger, name: "S", organization: "O"), &context)
        }
        let fromNowhere = anywhere.from(stranger)
        #expect(world.refusal(of: fromNowhere)?.shown == world.refusal(of: anywhere.from(name("nobody")))?.shown)
    }

    @Test("A fleet does not borrow from itself")
    func sameFleet() throws {
        let world = try World()
        #expect(world.refusal(of: world.ask { $0.target = World.lender }, as: world.lenderSide)?.code == .sameFleet)
    }

    @Test("Every fault that no state can make right is named at once")
    func senseless() throws {
        let world = try World()
        let asking = world.ask {
            $0.priority = .emergency
            $0.startsAt = world.now + -61
        }
        #expect(world.refusal(of: asking)?.faults.map(\.pointer) == ["/starts_at", "/reason"])
    }

    @Test("An emergency needs its own permission and a reason, when asking and when changing the priority")
    func emergency() throws {
        let world = try World()
        let entitled = LedgerScenario.operatorOf(World.borrower, scopes: [.sharingEmergency])
        let asking = world.ask { $0.priority = .emergency }
        #expect(world.refusal(of: asking)?.faults.map(\.pointer) == ["/reason"])
        #expect(world.refusal(of: asking, as: entitled)?.faults.map(\.pointer) == ["/reason"])
        let bare = try world.request(world.ask { $0.startsAt = world.now + 7200 })
        var reasoned = asking
        reasoned.reason = "flood"
        #expect(world.refusal(of: reasoned)?.code == .permissionDenied)
        #expect(try world.request(reasoned, as: entitled).priority == .emergency)
        let raise: LedgerCommand.Decide = { ledger, context throws(FleetError) in
            try ledger.update(bare.id, LeaseUpdate(priority: .emergency), &context)
        }
        #expect(world.code(as: world.borrowerSide, raise) == .permissionDenied)
        #expect(world.code(as: entitled, raise) == .validationFailed)
    }

    @Test("A lender's request for an unregistered unit registers it, and keeps the borrower as the acting fleet")
    func registering() throws {
        let world = try World()
        let both = LedgerScenario.operatorOf(World.lender, World.borrower)
        let lease = try world.request(world.ask { $0.resource = name("new") }, as: both)
        #expect(lease.resourceKey.flatMap { world.ledger.resources[$0] }?.capacity == 1)
        #expect(world.events.last?.actingFleet == World.borrower)
    }

    @Test("The largest values that the edge lets through are decided, not overflowed")
    func extremes() throws {
        var policy = FederationPolicy()
        policy.leaseDurationMax = 31_536_000
        policy.bookingHorizon = 31_536_000
        let world = try World(capacity: 1_000_000_000, buffer: 31_536_000, policy: policy)
        let largest = world.ask {
            $0.duration = 31_536_000
            $0.quantity = 1_000_000
        }
        #expect(try world.request(largest).status == .active)
        let last = world.ask {
            $0.startsAt = .distantFuture
            $0.duration = 31_536_000
        }
        #expect(world.refusal(of: last)?.code == .policyForbids)
    }
}

extension FleetError {
    /// What the caller is told; not the note for the audit log.
    var shown: FleetError {
        var shown = self
        shown.crossed = nil
        return shown
    }
}

extension SharingRequest {
    func `in`(_ federation: Federation.ID) -> SharingRequest { changed { $0.federation = federation } }
    func naming(_ resource: Resource.ID) -> SharingRequest { changed { $0.resource = resource } }
    func from(_ source: Fleet.ID) -> SharingRequest { changed { $0.source = source } }

    func changed(_ change: (inout SharingRequest) -> Void) -> SharingRequest {
        var changed = self
        change(&changed)
        return changed
    }
}
