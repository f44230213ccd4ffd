import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

@Suite("The view")
struct ViewTests {
    private func object(_ write: (inout JSONWriter) -> Void) throws -> JSONObject {
        var writer = JSONWriter()
        write(&writer)
        return try #require(JSON.parse(writer.string).objectValue)
    }

    private func federation(for reader: Principal, in world: World) throws -> JSONObject {
        let federation = try #require(world.ledger.federations[world.federation])
        let standing = world.ledger.standing(of: reader, in: federation)
        return try object { View(reader: reader).write(federation, in: standing, to: &$0) }
    }

    private func lease(_ lease: Lease, for reader: Principal) throws -> JSONObject {
        try object { View(reader: reader).write(lease, to: &$0) }
    }

    @Test("The membership epoch is for those who coordinate, and for nobody else")
    func membershipEpoch() throws {
        let world = try World()
        #expect(try federation(for: world.coordinator, in: world)["membership_epoch"] == .integer(3))
        #expect(try federation(for: world.admin, in: world)["membership_epoch"] != nil)
        #expect(try federation(for: world.lenderSide, in: world)["membership_epoch"] == nil)
        try world.patch(World.lender, as: world.admin) { $0.role = .coordinator }
        #expect(try federation(for: world.lenderSide, in: world)["membership_epoch"] != nil)
        let viewer = Principal(subject: "v", roles: [.fleetViewer], fleets: [World.lender])
        #expect(try federation(for: viewer, in: world)["membership_epoch"] == nil)
    }

    @Test("A borrower sees the token that it was given, and none once the lease is being taken back")
    func fencingTokens() throws {
        let world = try World()
        let active = try world.request()
        let token = JSON.integer(try #require(active.fencingToken))
        #expect(try lease(active, for: world.borrowerSide)["fencing_token"] == token)
        let revoking = try world.take(.revoke, active, as: world.lenderSide)
        #expect(try lease(revoking, for: world.borrowerSide)["fencing_token"] == nil)
        #expect(try lease(revoking, for: world.lenderSide)["fencing_token"] == revoking.fencingToken.map(JSON.integer))
        let revoked = try world.take(.acknowledge, active, as: world.borrowerSide)
        #expect(try lease(revoked, for: world.borrowerSide)["fencing_token"] == nil)
        // Nor does it come by an event, or by the resource.
        for event in world.events where event.type == .sharingRevoking {
            let written = try object {
                View(reader: world.borrowerSide).write(event, standings: [:], sequence: "s", to: &$0)
            }
            #expect(written["data"]?.objectValue?["fencing_token"] == nil)
        }
        let van = try #require(world.ledger.resources[world.vanKey])
        for disclosure in [Disclosure.attributes, .use] {
            let seen = try object { View(reader: world.borrowerSide).write(van, disclosure: disclosure, to: &$0) }
            #expect(seen["fencing_token"] == nil)
        }
    }

    @Test("A coordinator sees a lease only where the use of both sides is open, and never its token")
    func coordinators() throws {
        let open = try World(lender: .none, borrower: .none)
        let shown = try open.request()
        #expect(try open.ledger.visibleLease(shown.id, open.coordinator) == shown)
        #expect(try lease(shown, for: open.coordinator)["fencing_token"] == nil)
        for (lender, borrower) in [(IsolationLevel.low, .none), (.none, .low)] as [(IsolationLevel, IsolationLevel)] {
            let world = try World(lender: lender, borrower: borrower)
            let hidden = try world.request()
            #expect(throws: FleetError.self) { try world.ledger.visibleLease(hidden.id, world.coordinator) }
            let standing = world.ledger.standing(
                of: world.coordinator, in: try #require(world.ledger.federations[world.federation]))
            let told = world.events.filter {
                $0.entity.kind == .lease
                    && View(reader: world.coordinator).sees($0, standings: [world.federation: standing])
            }
            #expect(told.isEmpty)
        }
    }

    @Test(
        "What others learn of a fleet follows the stricter level",
        arguments: zip(
            IsolationLevel.allCases, [Disclosure.use, .attributes, .counts, .hidden, .hidden]))
    func disclosure(level: IsolationLevel, expected: Disclosure) throws {
        let world = try World(lender: level)
        #expect(world.ledger.disclosure(of: World.lender, to: world.borrowerSide) == expected)
        let other = try World(lender: .none, borrower: level)
        #expect(other.ledger.disclosure(of: World.lender, to: other.borrowerSide) == expected)
        #expect(world.ledger.disclosure(of: World.lender, to: world.lenderSide) == .full)
        let stranger = LedgerScenario.operatorOf(name("stranger"))
        #expect(world.ledger.disclosure(of: World.lender, to: stranger) == .hidden)
        if expected > .known {
            try world.patch(World.lender, as: world.lenderSide) { $0.resourceSharing = false }
            #expect(world.ledger.disclosure(of: World.lender, to: world.borrowerSide) == .known)
        }
    }

    @Test("Hidden and absent are refused alike, and only the hidden owner is noted as crossed")
    func hiddenAndAbsent() throws {
        let world = try World(lender: .high)
        func refusal(_ fleet: Fleet.ID) -> FleetError? {
            do throws(FleetError) {
                _ = try world.ledger.ownedFleet(fleet, world.borrowerSide, .fleetOperate)
                return nil
            } catch {
                return error
            }
        }
        let hidden = refusal(World.lender)
        let absent = refusal(name("nobody"))
        #expect(hidden?.shown == absent?.shown)
        #expect(hidden?.crossed == World.lender)
        #expect(absent?.crossed == nil)
        for resource in [World.van, name("unknown")] {
            let key = Resource.Key(fleet: World.lender, resource: resource)
            do throws(FleetError) {
                _ = try world.ledger.ownedResource(key, world.borrowerSide, .fleetOperate)
                Issue.record("\(resource) was shown")
            } catch {
                #expect(error.shown == absent?.shown)
            }
        }
    }
}
