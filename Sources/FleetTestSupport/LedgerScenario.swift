package import FleetDomain

/// One command with all that it needs, so that it can be run again and must do the same.
package struct LedgerCommand: Sendable {
    package typealias Decide = @Sendable (inout Ledger, inout Context) throws(FleetError) -> Entity?

    package let name: String
    package let context: Context
    package let decide: Decide

    package init(name: String, context: Context, decide: @escaping Decide) {
        self.name = name
        self.context = context
        self.decide = decide
    }

    /// Runs it as the writer does: a refused command leaves nothing behind.
    package func run(on ledger: inout Ledger) -> LedgerStep {
        let start = ledger.savepoint
        let count = ledger.recorded.count
        var context = context
        do {
            let entity = try decide(&ledger, &context)
            return LedgerStep(command: name, events: Array(ledger.recorded[count...]), entity: entity, refusal: nil)
        } catch {
            ledger.rollBack(to: start)
            return LedgerStep(command: name, events: [], entity: nil, refusal: error)
        }
    }
}

/// What a command came to.
package struct LedgerStep: Sendable, Equatable {
    package let command: String
    package let events: [Event]
    package let entity: Entity?
    package let refusal: FleetError?
}

/// A ledger under random commands: a handful of fleets that meet in two federations, callers with every role,
/// with and without the right to what they ask for, and a clock that jumps.
///
/// The world is small, so that windows collide and histories cross.
package struct LedgerScenario: Sendable {
    package private(set) var ledger = Ledger()
    package internal(set) var now = Timestamp(milliseconds: 1_790_000_000_000)
    /// Every event since the start.
    package private(set) var log: [Event] = []
    package var random: Generator
    /// Whether there is little of one type that nearly all ask for, some without being entitled to any, so that they
    /// wait for it and take it away from one another.
    package let isCrowded: Bool

    package static let fleets: [Fleet.ID] = ["north", "south", "east", "west", "depot"].map(name)
    package static let types: [ResourceType] = ["vehicle", "charger", "dock"].map(name)
    /// Up to and including the last, resources that nobody registered at the start.
    package static let resources: [Resource.ID] = ["r1", "r2", "pool", "late"].map(name)
    /// Of which the fleets have classes, in every third world.
    package static let units: [Resource.ID] = ["u1", "u2", "u3"].map(name)

    package init(seed: UInt64, isCrowded: Bool = false) {
        random = Generator(seed: seed)
        self.isCrowded = isCrowded
        found()
    }

    package var seed: UInt64 { random.seed }
    var isPooled: Bool { seed % 3 == 2 }
    /// Whether the fleets talk to one another.
    var isTalking: Bool { seed % 3 == 1 }
    /// Whether its fleets have webhooks, too.
    var isPushing: Bool { seed % 6 == 1 }

    mutating func anyResource() -> Resource.ID {
        random.pick(isPooled ? Self.resources + Self.units : Self.resources)
    }

    @discardableResult
    package mutating func step() -> LedgerStep {
        let command = nextCommand()
        return run(command)
    }

    @discardableResult
    package mutating func run(_ command: LedgerCommand) -> LedgerStep {
        let step = command.run(on: &ledger)
        log += step.events
        ledger.confirm()
        return step
    }

    /// Goes on from `other`, in which the commands were run instead of here.
    package mutating func goOn(from other: Ledger) { ledger = other }
}

/// The name that `text` spells.
package func name<Entity>(_ text: String) -> Name<Entity> {
    guard let name = Name<Entity>(text) else { preconditionFailure("\(text) is not a name") }
    return name
}

extension LedgerScenario {
    package static let admin = Principal(subject: "admin", roles: [.platformAdmin])

    package static func operatorOf(_ fleets: Fleet.ID..., scopes: Set<Permission> = []) -> Principal {
        Principal(
            subject: "operator:\(fleets.map(\.description).joined(separator: "+"))", roles: [.fleetOperator],
            fleets: Set(fleets), scopes: scopes)
    }

    package func coordinator(of federation: Federation.ID) -> Principal {
        Principal(subject: "coordinator", roles: [.federationCoordinator], federations: [federation])
    }

    /// Somebody, entitled or not.
    mutating func anybody() -> Principal {
        let fleet = random.pick(Self.fleets)
        switch random.int(in: 0...9) {
        case 0: return Self.admin
        case 1...3: return Self.operatorOf(fleet)
        case 4: return Self.operatorOf(fleet, random.pick(Self.fleets), scopes: [.sharingEmergency])
        case 5: return Principal(subject: "viewer", roles: [.fleetViewer], fleets: [fleet])
        case 6: return Principal(subject: "auditor", roles: [.auditor])
        case 7:
            let scopes = Permission.allCases.filter { _ in random.chance(50) }
            return Principal(subject: "service", roles: [.service], fleets: [fleet], scopes: Set(scopes))
        case 8: return Principal(subject: "nobody", roles: [])
        default: return coordinator(of: anyFederation())
        }
    }

    /// Mostly somebody who acts for one of `fleets`.
    mutating func caller(for fleets: Fleet.ID...) -> Principal {
        guard random.chance(85) else { return anybody() }
        return Self.operatorOf(random.pick(fleets), scopes: random.chance(20) ? [.sharingEmergency] : [])
    }

    mutating func coordinatorOrAdmin(of federation: Federation.ID) -> Principal {
        random.chance(70) ? coordinator(of: federation) : Self.admin
    }

    mutating func anyFederation() -> Federation.ID {
        ledger.federations.isEmpty ? FleetDomain.ID(raw: 1) : random.pick(ledger.federations.keys.sorted())
    }

    mutating func anyLease() -> Lease? {
        ledger.leases.isEmpty ? nil : ledger.leases[random.pick(ledger.leases.keys.sorted())]
    }

    mutating func context(_ principal: Principal) -> Context {
        Context(
            principal: principal, now: now, requestID: "request",
            ids: IDSource(seed: random.next(), random: random.next()))
    }

    mutating func command(
        _ name: String, as principal: Principal, _ decide: @escaping LedgerCommand.Decide
    ) -> LedgerCommand {
        LedgerCommand(name: name, context: context(principal), decide: decide)
    }
}

extension LedgerScenario {
    mutating func found() {
        for fleet in Self.fleets {
            perform("register fleet") { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: fleet, name: "\(fleet)", organization: "org"), &context)
            }
            for (index, resource) in Self.resources.dropLast().enumerated()
            where !isCrowded || index == 0 || random.chance(40) { register(resource, index, of: fleet) }
            if isPooled { registerUnits(of: fleet) }
        }
        for name in ["first", "second"] { found(federation: name) }
        if isCrowded { crowd() }
    }

    /// Everybody is entitled to a little, or to nothing.
    private mutating func crowd() {
        for key in ledger.members.keys.sorted(by: { ($0.federation, $0.fleet) < ($1.federation, $1.fleet) })
        where random.chance(70) {
            let quota = QuotaDraft(nominal: random.int(in: 0...3), weight: random.int(in: 0...2))
            perform("set quota") { ledger, context throws(FleetError) in
                try ledger.setQuota(Quota.Key(member: key, type: Self.types[0]), quota, &context)
            }
        }
    }

    mutating func register(_ resource: Resource.ID, _ index: Int, of fleet: Fleet.ID) {
        let key = Resource.Key(fleet: fleet, resource: resource)
        var draft = ResourceDraft(key: key, type: Self.types[isCrowded ? 0 : index])
        draft.capacity = resource.description == "pool" ? random.int(in: 2...(isCrowded ? 3 : 6)) : 1
        draft.handover = random.pick(Handover.allCases)
        draft.buffer = random.chance(30) ? random.int(in: 1...900) : 0
        perform("register resource") { [draft] ledger, context throws(FleetError) in
            try ledger.register(draft, &context)
        }
    }

    /// Units that are alike, most of them pooled.
    private mutating func registerUnits(of fleet: Fleet.ID) {
        let handover = random.pick(Handover.allCases)
        let buffer = random.chance(40) ? random.int(in: 1...900) : 0
        for unit in Self.units where random.chance(isCrowded ? 60 : 90) {
            var draft = ResourceDraft(key: Resource.Key(fleet: fleet, resource: unit), type: Self.types[0])
            draft.handover = handover
            draft.buffer = buffer
            draft.pooled = random.chance(85)
            perform("register unit") { [draft] ledger, context throws(FleetError) in
                try ledger.register(draft, &context)
            }
        }
    }

    mutating func found(federation name: String) {
        let draft = FederationDraft(name: name, description: "", policy: policy())
        perform("create federation") { ledger, context throws(FleetError) in try ledger.create(draft, &context) }
        let id = ledger.federations.values.first { $0.name == name }?.id ?? FleetDomain.ID(raw: 0)
        for fleet in Self.fleets where random.chance(85) {
            let member = MemberDraft(
                fleet: fleet,
                isolationLevel: random.chance(isCrowded ? 95 : 60) ? .low : random.pick(IsolationLevel.allCases),
                resourceSharing: random.chance(isCrowded ? 98 : 90), role: random.chance(15) ? .coordinator : .member)
            perform("add member") { ledger, context throws(FleetError) in try ledger.add(member, to: id, &context) }
        }
    }

    mutating func perform(_ name: String, _ decide: @escaping LedgerCommand.Decide) {
        let command = command(name, as: Self.admin, decide)
        let step = run(command)
        precondition(step.refusal == nil, "\(name) failed: \(String(describing: step.refusal))")
    }

    mutating func policy() -> FederationPolicy {
        var policy = FederationPolicy()
        policy.leaseDurationMax = random.int(in: 3600...20_000)
        policy.bookingHorizon = random.int(in: 20_000...100_000)
        policy.approvalTimeout = random.int(in: 60...7200)
        policy.acknowledgeDeadline = random.int(in: 0...600)
        policy.noShowAfter = random.int(in: 0...1800)
        policy.onSuspend = random.pick([.drain, .revoke])
        policy.preemption = random.chance(isCrowded ? 90 : 60)
        policy.minimumTenure = random.int(in: 1...1800)
        policy.queueTTL = random.int(in: isCrowded ? 300...1500 : 600...40_000)
        if isPooled { policy.bindLead = random.int(in: 1...5000) }
        if random.chance(20) { policy.allowedResourceTypes = Array(Self.types.dropLast()) }
        return policy
    }
}
