import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

@Suite("A record")
struct RecordTests {
    /// Writes it, parses what was written, reads it back; and the same through its values.
    private func survives<Row: Record>(_ row: Row, seed: UInt64) throws {
        #expect(Row.fields.count == row.values.count)
        var writer = JSONWriter()
        row.write(to: &writer)
        let object = try #require(JSON.parse(writer.string).objectValue)
        #expect(try Row(json: object) == row, "seed \(seed): \(writer.string)")
        #expect(try Row(json: JSONObject(object.members.reversed())) == row, "seed \(seed): in another order")
        #expect(try Row(values: row.values) == row, "seed \(seed)")
        #expect(try Row(values: row.values.map(\.asStored)) == row, "seed \(seed): as an engine stores it")
    }

    @Test("Every entity of random histories survives being written and read")
    func entities() throws {
        var kinds: Set<Entity.Kind> = []
        for seed in Generator.seeds(20) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<400 { scenario.step() }
            for event in scenario.log {
                kinds.insert(event.entity.kind)
                var writer = JSONWriter()
                event.entity.write(to: &writer)
                let object = try #require(JSON.parse(writer.string).objectValue)
                #expect(try Entity(kind: event.entity.kind, json: object) == event.entity, "seed \(seed)")
                writer = JSONWriter()
                event.audience.write(to: &writer)
                #expect(try Audience(json: JSON.parse(writer.string)) == event.audience, "seed \(seed)")
                switch event.entity {
                case .federation(let row): try survives(row, seed: seed)
                case .member(let row): try survives(row, seed: seed)
                case .quota(let row): try survives(row, seed: seed)
                case .allocation(let row): try survives(row, seed: seed)
                case .balance(let row): try survives(row, seed: seed)
                case .fleet(let row): try survives(row, seed: seed)
                case .resource(let row): try survives(row, seed: seed)
                case .lease(let row): try survives(row, seed: seed)
                case .message(let row):
                    try survives(row, seed: seed)
                    try survives(row.head, seed: seed)
                case .delivery(let row): try survives(row, seed: seed)
                case .webhook(let row): try survives(row, seed: seed)
                case .replay(let row): try survives(row, seed: seed)
                case .metric(let row): try survives(row, seed: seed)
                case .apiKey(let row): try survives(row, seed: seed)
                case .crossing(let row): try survives(row, seed: seed)
                case .checkpoint(let row): try survives(row, seed: seed)
                }
            }
        }
        // One history need not have all of them.
        if !Generator.areFew {
            #expect(kinds == Set(Entity.Kind.allCases).subtracting([.crossing, .balance]))
        }
    }

    @Test("Every text, number and choice survives, whatever is in it")
    func contents() throws {
        for seed in Generator.seeds(500) {
            var random = Generator(seed: seed)
            try survives(crossing(&random), seed: seed)
            let world = try world(&random)
            for row in world.ledger.federations.values { try survives(row, seed: seed) }
            for row in world.ledger.members.values { try survives(row, seed: seed) }
            for row in world.ledger.quotas.values { try survives(row, seed: seed) }
            for row in world.ledger.balances.values { try survives(row, seed: seed) }
            for row in world.ledger.allocations.values { try survives(row, seed: seed) }
            for row in world.ledger.resources.values { try survives(row, seed: seed) }
            for row in world.ledger.leases.values { try survives(row, seed: seed) }
            for row in world.ledger.keys.values { try survives(row, seed: seed) }
            for case .metric(let row) in world.events.map(\.entity) { try survives(row, seed: seed) }
        }
    }

    private func crossing(_ random: inout Generator) -> Crossing {
        Crossing(
            principal: random.text(), protected: World.lender, action: random.text(), object: random.text(),
            count: random.int(in: .min ... .max), dryRun: random.chance(50))
    }

    /// A world with arbitrary contents in what callers may fill.
    private func world(_ random: inout Generator) throws -> World {
        var policy = FederationPolicy()
        policy.defaultIsolationLevel = random.pick(IsolationLevel.allCases)
        policy.allowedResourceTypes = random.optional {
            $0.chance(80) ? [World.vehicle, name("a:b")] : [World.vehicle]
        }
        policy.noShowAfter = random.int(in: 0...Int64.max / 2000)
        let world = try World(lender: .low, policy: policy)
        try world.patchVan { $0.attributes = attributes(&random) }
        let request = world.ask {
            $0.purpose = random.optional { $0.text() }
            $0.reason = random.optional { $0.text() }
            $0.priority = random.pick([.low, .normal, .high, .critical])
            $0.startsAt = world.now + random.int(in: 0...100_000)
        }
        _ = world.refusal(of: request)
        let rules = (0..<random.int(in: 0...3)).map { _ in
            SharingRule(
                counterparty: random.optional { _ in World.borrower },
                resourceType: random.optional { _ in World.vehicle },
                quantityMax: random.optional { $0.int(in: 0 ... .max) },
                durationMax: random.optional { $0.int(in: 0 ... .max) })
        }
        let key = Member.Key(federation: world.federation, fleet: World.lender)
        try world.act(as: world.lenderSide) { ledger, context throws(FleetError) in
            try ledger.setRules(rules, of: key, &context)
        }
        let metric = MetricDraft(
            federation: world.federation, type: name("m"), value: real(&random), unit: random.text(),
            calculatedAt: random.timestamp())
        try world.act(as: world.admin) { ledger, context throws(FleetError) in try ledger.record(metric, &context) }
        let draft = APIKeyDraft(
            name: random.text(), id: FleetDomain.ID(raw: UInt128(random.next())),
            digest: (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) },
            roles: Set(Role.allCases.filter { _ in random.chance(50) }), fleets: [World.lender, World.third],
            federations: [world.federation], scopes: Set(Permission.allCases.filter { _ in random.chance(50) }),
            expiresAt: random.optional { world.now + $0.int(in: 1...1_000_000_000) })
        try world.act(as: world.admin) { ledger, context throws(FleetError) in try ledger.create(draft, &context) }
        return world
    }

    private func real(_ random: inout Generator) -> Double {
        let value = Double(bitPattern: random.next())
        return random.chance(30) ? Double(random.int(in: -1000...1000)) : value.isFinite ? value : 0
    }

    private func attributes(_ random: inout Generator) -> JSONObject {
        var object = JSONObject()
        for index in 0..<random.int(in: 0...4) { object["\(index)" + random.text()] = value(&random, depth: 3) }
        return object
    }

    private func value(_ random: inout Generator, depth: Int) -> JSON {
        switch random.int(in: 0...(depth > 0 ? 6 : 4)) {
        case 0: .null
        case 1: .bool(random.chance(50))
        case 2: .integer(random.int(in: .min ... .max))
        case 3: .double(real(&random))
        case 4: .string(random.text())
        case 5: .array((0..<3).map { _ in value(&random, depth: depth - 1) })
        default: .object(attributes(&random))
        }
    }

    @Test("What is no record of ours is refused by the name of the field")
    func broken() throws {
        func field(_ read: () throws(RecordError) -> Void) -> String? {
            do throws(RecordError) {
                try read()
                return nil
            } catch {
                return error.field
            }
        }
        let gone: JSONObject = [
            "fleet_id": .string("a"), "name": .string("A"), "organization": .string(""), "status": .string("gone"),
        ]
        #expect(field { () throws(RecordError) in _ = try Fleet(json: JSONObject()) } == "fleet_id")
        #expect(field { () throws(RecordError) in _ = try Fleet(json: gone) } == "status")
        #expect(field { () throws(RecordError) in _ = try Fleet(values: [.text("not a name")]) } == "fleet_id")
        #expect(field { () throws(RecordError) in _ = try Lease(values: []) } == "sharing_id")
    }
}

extension FieldValue {
    /// As an engine that knows only integers, reals, text and bytes gives it back.
    fileprivate var asStored: FieldValue {
        switch self {
        case .id: .bytes(asBytes ?? [])
        case .timestamp(let value): .integer(value)
        case .json(let text): .text(text)
        default: self
        }
    }
}
