import FleetDomain
import FleetTestSupport
import Testing

@Suite("An API key")
struct KeyTests {
    private static let maker = LedgerScenario.operatorOf(World.lender)

    private func code(
        _ roles: Set<Role>, fleets: Set<Fleet.ID> = [World.lender], federations: Set<Federation.ID> = [],
        scopes: Set<Permission> = [], expiresAt: Timestamp? = nil, by maker: Principal = maker, in world: World? = nil
    ) throws -> ErrorCode? {
        let draft = APIKeyDraft(
            name: "key", id: APIKey.ID(raw: 1), digest: [1], roles: roles, fleets: fleets, federations: federations,
            scopes: scopes, expiresAt: expiresAt)
        return try (world ?? World()).code(as: maker) { ledger, context throws(FleetError) in
            try ledger.create(draft, &context)
        }
    }

    @Test("It is no wider than its maker, in roles, fleets, federations or scopes")
    func noWider() throws {
        #expect(try code([.fleetOperator]) == nil)
        #expect(try code([.fleetViewer]) == nil)
        #expect(try code([.service], scopes: [.sharingRequest, .sharingRead]) == nil)
        #expect(try code([.platformAdmin]) == .permissionDenied)
        #expect(try code([.auditor]) == .permissionDenied)
        #expect(try code([.federationCoordinator]) == .permissionDenied)
        #expect(try code([.fleetOperator], fleets: [World.lender, World.third]) == .permissionDenied)
        #expect(try code([.fleetOperator], federations: [Federation.ID(raw: 1)]) == .permissionDenied)
        #expect(try code([.fleetOperator], scopes: [.sharingEmergency]) == .permissionDenied)
        let viewer = Principal(subject: "viewer", roles: [.fleetViewer], fleets: [World.lender])
        #expect(try code([.fleetViewer], by: viewer) == .permissionDenied)
    }

    @Test("A service makes keys only within its own scopes")
    func ofServices() throws {
        let service = Principal(
            subject: "service", roles: [.service], fleets: [World.lender], scopes: [.keyManage, .sharingRead])
        #expect(try code([.service], scopes: [.sharingRead], by: service) == nil)
        #expect(try code([.service], scopes: [.sharingRequest], by: service) == .permissionDenied)
        #expect(try code([.fleetViewer], by: service) == .permissionDenied)
        #expect(try code([.fleetOperator], by: service) == .permissionDenied)
    }

    @Test("Federations that its maker only names, and does not coordinate, give a key nothing")
    func ofNamedFederations() throws {
        let federation = Federation.ID(raw: 1)
        let maker = Principal(
            subject: "operator", roles: [.fleetOperator], fleets: [World.lender], federations: [federation])
        #expect(try code([.fleetOperator], federations: [federation], by: maker) == nil)
        let scopes: Set<Permission> = [.federationManage]
        #expect(try code([.service], federations: [federation], scopes: scopes, by: maker) == .permissionDenied)
        #expect(try code([.service], scopes: scopes, by: maker) == nil)
    }

    @Test("A key made with a key does not outlive it")
    func lifetime() throws {
        let world = try World()
        let end = world.now + 3600
        #expect(try code([.fleetOperator], expiresAt: end, in: world) == nil)
        let key = try #require(world.ledger.keys[APIKey.ID(raw: 1)])
        let second = APIKeyDraft(
            name: "second", id: APIKey.ID(raw: 2), digest: [2], roles: [.fleetOperator], fleets: [World.lender])
        for (expiry, code) in [(nil, ErrorCode.permissionDenied), (end + 1, .permissionDenied), (end, nil)]
            as [(Timestamp?, ErrorCode?)]
        {
            var draft = second
            draft.expiresAt = expiry
            let made = world.code(as: key.principal) { [draft] ledger, context throws(FleetError) in
                try ledger.create(draft, &context)
            }
            #expect(made == code)
        }
    }

    @Test("Nothing that a key may do is something that its maker may not, whatever both are")
    func property() throws {
        let world = try World()
        var made = 0
        for seed in Generator.seeds(5000) {
            var random = Generator(seed: seed)
            let maker = principal(&random, "maker", [.keyManage], world)
            let asked = principal(&random, "asked", [], world)
            let draft = APIKeyDraft(
                name: "key", id: APIKey.ID(raw: UInt128(seed)), digest: [1], roles: asked.roles, fleets: asked.fleets,
                federations: asked.federations, scopes: asked.scopes)
            var copy = world.ledger
            var context = Context(principal: maker, now: world.now, requestID: "r", ids: IDSource(seed: 1, random: 1))
            guard let entity = try? copy.create(draft, &context), case .apiKey(let key) = entity else { continue }
            made += 1
            for permission in Permission.allCases {
                for fleet in [World.lender, World.borrower] {
                    #expect(
                        !key.principal.holds(permission, for: fleet) || maker.holds(permission, for: fleet),
                        "seed \(seed): \(permission) for \(fleet)")
                }
                for federation in world.ledger.federations.values {
                    let standing = { world.ledger.standing(of: $0, in: federation) }
                    #expect(
                        !key.principal.holds(permission, coordinating: standing(key.principal))
                            || maker.holds(permission, coordinating: standing(maker)), "seed \(seed): \(permission)")
                }
            }
        }
        #expect(made > 50 || Generator.areFew, "only \(made) keys were made")
    }

    private func principal(
        _ random: inout Generator, _ subject: String, _ scopes: Set<Permission>, _ world: World
    ) -> Principal {
        Principal(
            subject: subject, roles: Set(Role.allCases.filter { _ in random.chance(25) }),
            fleets: Set([World.lender, World.borrower].filter { _ in random.chance(50) }),
            federations: random.chance(30) ? [world.federation] : [],
            scopes: scopes.union(Permission.allCases.filter { _ in random.chance(15) }))
    }

    @Test("It is revoked by its maker or an administrator, and is not there for anybody else")
    func revoking() throws {
        let world = try World()
        #expect(try code([.fleetOperator], in: world) == nil)
        let revoke: LedgerCommand.Decide = { ledger, context throws(FleetError) in
            try ledger.revoke(APIKey.ID(raw: 1), &context)
        }
        #expect(world.code(as: world.thirdSide, revoke) == .keyNotFound)
        #expect(world.code(as: Self.maker, revoke) == nil)
        #expect(world.code(as: world.admin, revoke) == .keyNotFound)
    }
}
