package import FleetDomain
import FleetJSON

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
    package private(set) var now = Timestamp(milliseconds: 1_790_000_000_000)
    /// Every event since the start.
    package private(set) var log: [Event] = []
    package var random: Generator

    package static let fleets: [Fleet.ID] = ["north", "south", "east", "west", "depot"].map(name)
    package static let types: [ResourceType] = ["vehicle", "charger", "dock"].map(name)
    /// Up to and including the last, resources that nobody registered at the start.
    package static let resources: [Resource.ID] = ["r1", "r2", "pool", "late"].map(name)

    package init(seed: UInt64) {
        random = Generator(seed: seed)
        found()
    }

    package var seed: UInt64 { random.seed }

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
}

/// The name that `text` spells.
package func name<Entity>(_ text: String) -> Name<Entity> {
    guard let name = Name<Entity>(text) else { preconditionFailure("\(text) is not a name") }
    return name
}

// MARK: - Callers

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
    private mutating func anybody() -> Principal {
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
    private mutating func caller(for fleets: Fleet.ID...) -> Principal {
        random.chance(85) ? Self.operatorOf(random.pick(fleets)) : anybody()
    }

    private mutating func coordinatorOrAdmin(of federation: Federation.ID) -> Principal {
        random.chance(70) ? coordinator(of: federation) : Self.admin
    }

    private mutating func anyFederation() -> Federation.ID {
        ledger.federations.isEmpty ? FleetDomain.ID(raw: 1) : random.pick(ledger.federations.keys.sorted())
    }

    private mutating func anyLease() -> Lease? {
        ledger.leases.isEmpty ? nil : ledger.leases[random.pick(ledger.leases.keys.sorted())]
    }

    private mutating func context(_ principal: Principal) -> Context {
        Context(
            principal: principal, now: now, requestID: "request",
            ids: IDSource(seed: random.next(), random: random.next()))
    }

    private mutating func command(
        _ name: String, as principal: Principal, _ decide: @escaping LedgerCommand.Decide
    ) -> LedgerCommand {
        LedgerCommand(name: name, context: context(principal), decide: decide)
    }
}

// MARK: - The world at the start

extension LedgerScenario {
    private mutating func found() {
        for fleet in Self.fleets {
            perform("register fleet") { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: fleet, name: "\(fleet)", organization: "org"), &context)
            }
            for (index, resource) in Self.resources.dropLast().enumerated() { register(resource, index, of: fleet) }
        }
        for name in ["first", "second"] { found(federation: name) }
    }

    private mutating func register(_ resource: Resource.ID, _ index: Int, of fleet: Fleet.ID) {
        var draft = ResourceDraft(key: Resource.Key(fleet: fleet, resource: resource), type: Self.types[index])
        draft.capacity = resource.description == "pool" ? random.int(in: 2...6) : 1
        draft.handover = random.pick(Handover.allCases)
        draft.buffer = random.chance(30) ? random.int(in: 1...900) : 0
        perform("register resource") { [draft] ledger, context throws(FleetError) in
            try ledger.register(draft, &context)
        }
    }

    private mutating func found(federation name: String) {
        let draft = FederationDraft(name: name, description: "", policy: policy())
        perform("create federation") { ledger, context throws(FleetError) in try ledger.create(draft, &context) }
        let id = ledger.federations.values.first { $0.name == name }?.id ?? FleetDomain.ID(raw: 0)
        for fleet in Self.fleets where random.chance(85) {
            let member = MemberDraft(
                fleet: fleet,
                isolationLevel: random.chance(60) ? .low : random.pick(IsolationLevel.allCases),
                resourceSharing: random.chance(90), role: random.chance(15) ? .coordinator : .member)
            perform("add member") { ledger, context throws(FleetError) in try ledger.add(member, to: id, &context) }
        }
    }

    private mutating func perform(_ name: String, _ decide: @escaping LedgerCommand.Decide) {
        let command = command(name, as: Self.admin, decide)
        let step = run(command)
        precondition(step.refusal == nil, "\(name) failed: \(String(describing: step.refusal))")
    }

    private mutating func policy() -> FederationPolicy {
        var policy = FederationPolicy()
        policy.leaseDurationMax = random.int(in: 3600...20_000)
        policy.bookingHorizon = random.int(in: 20_000...100_000)
        policy.approvalTimeout = random.int(in: 60...7200)
        policy.acknowledgeDeadline = random.int(in: 0...600)
        policy.noShowAfter = random.int(in: 0...1800)
        policy.onSuspend = random.pick([.drain, .revoke])
        if random.chance(20) { policy.allowedResourceTypes = Array(Self.types.dropLast()) }
        return policy
    }
}

// MARK: - Commands

extension LedgerScenario {
    package mutating func nextCommand() -> LedgerCommand {
        switch random.int(in: 0...99) {
        case 0..<30: return request()
        case 30..<46: return tick()
        case 46..<66: return act()
        case 66..<72: return update()
        case 72..<76: return end()
        case 76..<82: return report()
        case 82..<85: return drain()
        case 85..<92: return memberCommand()
        case 92..<95: return resourceCommand()
        case 95..<98: return federationCommand()
        default: return otherCommand()
        }
    }

    /// Time passes, and the clock records what it changed, sometimes not all of it.
    private mutating func tick() -> LedgerCommand {
        now = now + random.spread(upTo: 14_400)
        let limit = random.chance(15) ? Int(random.int(in: 1...3)) : leaseSlice
        let clock = Principal(subject: Event.clock, roles: [])
        return command("advance", as: clock) { ledger, context throws(FleetError) in
            ledger.advance(limit: limit, &context)
            return nil
        }
    }

    private mutating func drain() -> LedgerCommand {
        let limit = Int(random.int(in: 1...4))
        let clock = Principal(subject: Event.clock, roles: [])
        return command("drain", as: clock) { ledger, context throws(FleetError) in
            _ = ledger.drainLeases(limit: limit, &context)
            return nil
        }
    }

    private mutating func request() -> LedgerCommand {
        let request = sharingRequest()
        return command("request", as: caller(for: request.target, request.target, request.source)) {
            ledger, context throws(FleetError) in
            try ledger.request(request, &context)
        }
    }

    package mutating func sharingRequest() -> SharingRequest {
        let source = random.pick(Self.fleets)
        let key = Resource.Key(fleet: source, resource: random.pick(Self.resources))
        let capacity = ledger.resources[key]?.capacity ?? 1
        let start = random.chance(50) ? nil : now + random.int(in: -30...40_000)
        return SharingRequest(
            source: source, target: random.pick(Self.fleets),
            resourceType: random.chance(95) ? ledger.resources[key]?.type ?? Self.types[0] : random.pick(Self.types),
            resource: key.resource, duration: 1 + random.spread(upTo: random.chance(90) ? 10_000 : 31_535_999),
            priority: random.pick(Priority.allCases), federation: random.chance(80) ? anyFederation() : nil,
            startsAt: start, quantity: random.chance(95) ? random.int(in: 1...capacity) : random.int(in: 1...1_000_000),
            reason: random.chance(50) ? "because" : nil)
    }

    private mutating func act() -> LedgerCommand {
        guard let lease = anyLease() else { return request() }
        let action = random.chance(70) ? fittingAction(for: lease) : random.pick(LeaseAction.allCases)
        let isLenders = [.approve, .reject, .revoke].contains(action)
        return command("act \(action)", as: caller(for: isLenders ? lease.source : lease.target)) {
            ledger, context throws(FleetError) in
            try ledger.act(action, on: lease.id, reason: "because", &context)
        }
    }

    private mutating func fittingAction(for lease: Lease) -> LeaseAction {
        switch lease.status {
        case .pending: random.chance(70) ? .approve : .reject
        case .granted: random.chance(80) ? .activate : .revoke
        case .active, .overdue: random.chance(60) ? .return : .revoke
        default: .acknowledge
        }
    }

    private mutating func update() -> LedgerCommand {
        guard let lease = anyLease() else { return request() }
        let duration = max(1, lease.duration + random.int(in: -3000...6000))
        let update = LeaseUpdate(
            duration: random.chance(80) ? duration : nil, priority: random.optional { $0.pick(Priority.allCases) },
            status: random.chance(20) ? random.pick(LeaseStatus.allCases) : nil)
        return command("update lease", as: caller(for: lease.target, lease.source)) {
            ledger, context throws(FleetError) in
            try ledger.update(lease.id, update, &context)
        }
    }

    private mutating func end() -> LedgerCommand {
        guard let lease = anyLease() else { return request() }
        return command("end lease", as: caller(for: lease.target, lease.source)) { ledger, context throws(FleetError) in
            try ledger.end(lease.id, &context)
        }
    }

    private mutating func report() -> LedgerCommand {
        guard let lease = anyLease() else { return request() }
        let token = (lease.fencingToken ?? 0) + (random.chance(70) ? 0 : random.int(in: -2...2))
        let other = Resource.Key(fleet: lease.source, resource: random.pick(Self.resources))
        let key = random.chance(90) ? lease.resourceKey : other
        return command("report fence", as: caller(for: lease.source)) { ledger, context throws(FleetError) in
            try ledger.report(fence: token, of: key, for: lease.id, &context)
        }
    }

    /// Mostly one of five fleets; now and then one that is suspended, as few are and for long.
    private mutating func anyMember() -> Member.Key {
        let suspended = ledger.members.values.filter { $0.status == .suspended }.map(\.key)
            .sorted { ($0.federation, $0.fleet) < ($1.federation, $1.fleet) }
        if !suspended.isEmpty, random.chance(30) { return random.pick(suspended) }
        return Member.Key(federation: anyFederation(), fleet: random.pick(Self.fleets))
    }

    private mutating func memberCommand() -> LedgerCommand {
        let key = anyMember()
        let principal = random.chance(40) ? coordinatorOrAdmin(of: key.federation) : caller(for: key.fleet)
        let force = random.chance(30)
        let draft = MemberDraft(
            fleet: key.fleet, isolationLevel: random.optional { $0.pick([.none, .low, .low, .medium, .high]) },
            resourceSharing: random.chance(60) ? true : random.optional { $0.chance(70) },
            role: random.chance(10) ? random.pick(MemberRole.allCases) : nil)
        let rules = random.chance(50) ? [SharingRule(counterparty: nil, resourceType: nil, durationMax: 5000)] : []
        switch random.int(in: 0...9) {
        case 0...1:
            return command("remove member", as: principal) { ledger, context throws(FleetError) in
                try ledger.remove(key, force: force, &context)
            }
        case 2...3:
            return command("add member", as: principal) { ledger, context throws(FleetError) in
                try ledger.add(draft, to: key.federation, &context)
            }
        case 4:
            return command("patch member", as: principal) { ledger, context throws(FleetError) in
                try ledger.patch(key, draft, &context)
            }
        case 5:
            return command("set rules", as: principal) { ledger, context throws(FleetError) in
                try ledger.setRules(rules, of: key, &context)
            }
        default:
            let action = random.pick([MemberAction.accept, .accept, .suspend, .resume, .resume])
            return command("member \(action)", as: principal) { ledger, context throws(FleetError) in
                try ledger.act(action, on: key, &context)
            }
        }
    }

    private mutating func resourceCommand() -> LedgerCommand {
        let key = Resource.Key(fleet: random.pick(Self.fleets), resource: random.pick(Self.resources))
        let draft = ResourceDraft(key: key, type: random.pick(Self.types))
        let patch = resourcePatch()
        switch random.int(in: 0...9) {
        case 0:
            return command("retire resource", as: caller(for: key.fleet)) { ledger, context throws(FleetError) in
                try ledger.retire(key, &context)
            }
        case 1:
            return command("register resource", as: caller(for: key.fleet)) { ledger, context throws(FleetError) in
                try ledger.register(draft, &context)
            }
        default:
            return command("patch resource", as: caller(for: key.fleet)) { ledger, context throws(FleetError) in
                try ledger.patch(key, patch, &context)
            }
        }
    }

    private mutating func resourcePatch() -> ResourcePatch {
        var patch = ResourcePatch()
        patch.capacity = random.optional { $0.int(in: 1...6) }
        patch.buffer = random.optional { $0.int(in: 0...600) }
        patch.handover = random.optional { $0.pick(Handover.allCases) }
        patch.status = random.chance(80) ? .available : random.pick(ResourceStatus.allCases)
        patch.attributes = random.optional { ["n": .integer($0.int(in: 0...9)), "a": .bool(true)] }
        return patch
    }

    private mutating func federationCommand() -> LedgerCommand {
        let id = anyFederation()
        let principal = random.chance(60) ? coordinatorOrAdmin(of: id) : anybody()
        let draft = FederationDraft(
            name: "another", description: "", policy: policy(), foundingFleet: random.optional { $0.pick(Self.fleets) })
        let update = FederationUpdate(
            name: "renamed", description: "again",
            status: random.chance(50) ? .active : random.pick(FederationStatus.allCases),
            policy: random.chance(50) ? policy() : nil)
        let force = random.chance(50)
        switch random.int(in: 0...9) {
        case 0...1:
            return command("delete federation", as: principal) { ledger, context throws(FleetError) in
                try ledger.delete(id, force: force, &context)
            }
        case 2 where ledger.federations.count < 4:
            return command("create federation", as: principal) { ledger, context throws(FleetError) in
                try ledger.create(draft, &context)
            }
        default:
            return command("update federation", as: principal) { ledger, context throws(FleetError) in
                try ledger.update(id, update, &context)
            }
        }
    }

    private mutating func otherCommand() -> LedgerCommand {
        let fleet = random.pick(Self.fleets)
        let federation = anyFederation()
        let key = APIKeyDraft(
            name: "key", id: FleetDomain.ID(raw: UInt128(random.next())), digest: [1],
            roles: [random.pick(Role.allCases)],
            fleets: [fleet])
        let known = random.chance(50) ? ledger.keys.keys.sorted().first : nil
        switch random.int(in: 0...9) {
        case 0:
            return command("retire fleet", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                try ledger.retire(fleet, &context)
            }
        case 1...3:
            return command("patch fleet", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                try ledger.patch(fleet, FleetPatch(name: "new"), &context)
            }
        case 4...6:
            let metric = MetricDraft(federation: federation, type: name("load"), value: 0.5, unit: "ratio")
            return command("record metric", as: coordinator(of: federation)) { ledger, context throws(FleetError) in
                try ledger.record(metric, &context)
            }
        default:
            return command("make or revoke key", as: anybody()) { ledger, context throws(FleetError) in
                if let known { return try ledger.revoke(known, &context) }
                return try ledger.create(key, &context)
            }
        }
    }
}

// MARK: - Comparing

extension Ledger {
    /// Where two ledgers differ in what others of the package can see; empty when they are equal.
    package func differences(from other: Ledger) -> [String] {
        var differences: [String] = []
        func compare<Value: Equatable>(_ name: String, _ path: (Ledger) -> Value) {
            if path(self) != path(other) { differences.append("\(name): \(path(self)) is not \(path(other))") }
        }
        compare("fleets", \.fleets)
        compare("resources", \.resources)
        compare("federations", \.federations)
        compare("members", \.members)
        compare("leases", \.leases)
        compare("keys", \.keys)
        compare("calendars", \.calendars)
        compare("leasesOfMember", \.leasesOfMember)
        compare("leasesOfResource", \.leasesOfResource)
        compare("leaseCount", \.leaseCount)
        compare("fleetsOfFederation", \.fleetsOfFederation)
        compare("federationsOfFleet", \.federationsOfFleet)
        compare("possessed", \.possessed)
        compare("position", \.position)
        compare("lastTime", \.lastTime)
        return differences
    }
}
