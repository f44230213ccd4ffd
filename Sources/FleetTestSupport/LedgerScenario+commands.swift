package import FleetDomain
import FleetJSON

extension LedgerScenario {
    package mutating func nextCommand() -> LedgerCommand {
        // As the writer does it: who waits comes before the next command.
        if ledger.hasStirred { return handOn() }
        if isPooled, random.chance(25) { return random.chance(40) ? extend() : book() }
        if isTalking, random.chance(15) { return messageCommand() }
        if isPushing, random.chance(15) { return webhookCommand() }
        if isCrowded, random.chance(95) { return crowdedCommand() }
        switch random.int(in: 0...99) {
        case 0..<20: return request()
        case 20..<30: return allocationCommand()
        case 30..<46: return tick()
        case 46..<66: return act()
        case 66..<72: return update()
        case 72..<76: return end()
        case 76..<82: return report()
        case 82..<84: return drain()
        case 84..<91: return memberCommand()
        case 91..<93: return resourceCommand()
        case 93..<96: return federationCommand()
        case 96..<98: return quotaCommand()
        default: return otherCommand()
        }
    }

    /// Mostly asked for and handed back: a federation that is suspended, or left, is soon crowded no more.
    private mutating func crowdedCommand() -> LedgerCommand {
        switch random.int(in: 0...99) {
        case 0..<60: return allocate(crowdedRequest())
        case 60..<66: return request()
        case 66..<82: return tick()
        case 82..<92: return act()
        case 92..<95: return allocationCommand()
        default: return report()
        }
    }

    /// Time passes, and the clock records what it changed, sometimes not all of it.
    private mutating func tick() -> LedgerCommand {
        now = now + random.spread(upTo: isCrowded ? 3600 : 14_400)
        let limit = random.chance(15) ? Int(random.int(in: 1...3)) : leaseSlice
        let clock = Principal(subject: Event.clock, roles: [])
        return command("advance", as: clock) { ledger, context throws(FleetError) in
            ledger.advance(limit: limit, &context)
            ledger.expireDeliveries(limit: limit, &context)
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

    private mutating func handOn() -> LedgerCommand {
        let limit = random.chance(20) ? Int(random.int(in: 1...3)) : QueueLimits.triesPerRound
        let clock = Principal(subject: Event.clock, roles: [])
        return command("hand on", as: clock) { ledger, context throws(FleetError) in
            ledger.handOn(limit: limit, &context)
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
        let key = Resource.Key(fleet: source, resource: anyResource())
        let capacity = ledger.resources[key]?.capacity ?? 1
        let start = random.chance(50) ? nil : now + random.int(in: -30...40_000)
        return SharingRequest(
            source: source, target: random.pick(Self.fleets),
            resourceType: random.chance(95) ? ledger.resources[key]?.type ?? Self.types[0] : random.pick(Self.types),
            resource: key.resource, duration: 1 + random.spread(upTo: random.chance(90) ? 10_000 : 31_535_999),
            priority: random.pick(Priority.allCases), federation: random.chance(80) ? anyFederation() : nil,
            startsAt: start, quantity: random.chance(95) ? random.int(in: 1...capacity) : random.int(in: 1...1_000_000),
            reason: random.chance(50) ? "because" : nil, mayWait: random.chance(30))
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

    /// Units of the type that is pooled, soon, so that there is little left of their classes.
    private mutating func book() -> LedgerCommand {
        allocate(
            AllocationRequest(
                federation: anyFederation(), target: random.pick(Self.fleets),
                items: [AllocationItem(type: Self.types[0], quantity: random.int(in: 1...2))],
                duration: random.int(in: 600...6000), earliest: now + random.int(in: 0...8000)))
    }

    /// A lease of pooled units is made longer, over what may be bound to its unit next.
    private mutating func extend() -> LedgerCommand {
        let bound = ledger.leases.values.filter {
            $0.terms != nil && $0.resource != nil && ($0.status == .active || $0.status == .granted)
        }
        guard let lease = bound.min(by: { ($0.endsAt, $0.id) < ($1.endsAt, $1.id) }) else { return allocationCommand() }
        let update = LeaseUpdate(duration: lease.duration + random.int(in: 1...4000))
        return command("extend lease", as: Self.operatorOf(lease.source, lease.target)) {
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
        let other = Resource.Key(fleet: lease.source, resource: anyResource())
        let key = random.chance(90) ? lease.resourceKey ?? other : other
        return command("report fence", as: caller(for: lease.source)) { ledger, context throws(FleetError) in
            try ledger.report(fence: token, of: key, for: lease.id, &context)
        }
    }

    /// Mostly one of five fleets; now and then one that is suspended, as few are and for long.
    private mutating func anyMember() -> Member.Key {
        let waiting = ledger.members.values.filter { $0.status == .suspended || $0.status == .invited }.map(\.key)
            .sorted { ($0.federation, $0.fleet) < ($1.federation, $1.fleet) }
        if !waiting.isEmpty, random.chance(30) { return random.pick(waiting) }
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
            let any = random.pick([MemberAction.accept, .accept, .suspend, .resume, .resume])
            let action = ledger.members[key]?.status == .invited ? .accept : any
            return command("member \(action)", as: principal) { ledger, context throws(FleetError) in
                try ledger.act(action, on: key, &context)
            }
        }
    }

    private mutating func resourceCommand() -> LedgerCommand {
        let key = Resource.Key(fleet: random.pick(Self.fleets), resource: anyResource())
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
        patch.interruptible = random.optional { $0.chance(70) }
        patch.buffer = random.optional { $0.int(in: 0...600) }
        patch.handover = random.optional { $0.pick(Handover.allCases) }
        if isPooled { patch.pooled = random.optional { $0.chance(60) } }
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

    private mutating func quotaCommand() -> LedgerCommand {
        let key = Quota.Key(member: anyMember(), type: random.pick(Self.types))
        let principal = random.chance(90) ? coordinatorOrAdmin(of: key.member.federation) : anybody()
        let nominal = random.int(in: 0...4)
        let draft = QuotaDraft(
            nominal: nominal, lendingLimit: random.optional { $0.int(in: 0...nominal + ($0.chance(10) ? 1 : 0)) },
            borrowingLimit: random.optional { $0.int(in: 0...3) }, weight: random.int(in: 0...3))
        if random.chance(20) {
            return command("remove quota", as: principal) { ledger, context throws(FleetError) in
                try ledger.removeQuota(key, &context)
            }
        }
        return command("set quota", as: principal) { ledger, context throws(FleetError) in
            try ledger.setQuota(key, draft, &context)
        }
    }

    private mutating func allocationCommand() -> LedgerCommand {
        if random.chance(15), let id = ledger.allocations.keys.sorted().randomElement(using: &random),
            let target = ledger.allocations[id]?.target
        {
            return command("cancel allocation", as: caller(for: target)) { ledger, context throws(FleetError) in
                try ledger.cancel(id, seenAs: nil, &context)
            }
        }
        return allocate(allocationRequest())
    }

    private mutating func allocate(_ request: AllocationRequest) -> LedgerCommand {
        command("allocate", as: caller(for: request.target)) { ledger, context throws(FleetError) in
            try ledger.allocate(request, &context)
        }
    }

    package mutating func allocationRequest() -> AllocationRequest {
        let items = (0..<(random.chance(80) ? 1 : random.int(in: 1...3))).map { _ in
            AllocationItem(
                type: random.pick(Self.types), quantity: random.int(in: 1...4),
                attributes: random.chance(80) ? [] : [Requirement(name: "n", rule: .within(min: 3, max: nil))])
        }
        let earliest = random.chance(50) ? nil : now + random.int(in: -30...40_000)
        return AllocationRequest(
            federation: anyFederation(), target: random.pick(Self.fleets), items: items,
            duration: 1 + random.spread(upTo: random.chance(90) ? 10_000 : 31_535_999), earliest: earliest,
            latest: random.optional { max(earliest ?? now, now) + $0.int(in: 0...40_000) },
            priority: random.pick(Priority.allCases), acceptsPart: random.chance(30),
            reason: random.chance(50) ? "because" : nil, mayWait: random.chance(40))
    }

    /// For what all ask for, from now on.
    private mutating func crowdedRequest() -> AllocationRequest {
        AllocationRequest(
            federation: anyFederation(), target: random.pick(Self.fleets),
            items: [AllocationItem(type: Self.types[0], quantity: random.int(in: 1...3))],
            duration: 60 * random.int(in: 1...60), priority: random.pick(Priority.allCases),
            acceptsPart: random.chance(5), reason: "because", mayWait: random.chance(50))
    }

    private mutating func otherCommand() -> LedgerCommand {
        let fleet = random.pick(Self.fleets)
        let federation = anyFederation()
        let raw = random.next()
        let key = APIKeyDraft(
            name: "key", id: FleetDomain.ID(raw: UInt128(raw)), digest: Array("\(raw)".utf8),
            roles: [random.pick(Role.allCases)],
            fleets: [fleet])
        let known = random.chance(50) ? ledger.keys.keys.sorted().first : nil
        switch random.int(in: 0...9) {
        case 0:
            return command("retire fleet", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                try ledger.retire(fleet, &context)
            }
        case 1...2:
            let before = ledger.fleets[fleet]
            let sealed = Sealed(
                generation: before?.keyGeneration ?? 0, event: FleetDomain.ID(raw: UInt128(now.milliseconds)),
                box: "sealed")
            let contact = ContactChange(before: before?.contact, after: before?.contact == nil ? sealed : nil)
            return command("patch fleet", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                try ledger.patch(fleet, FleetPatch(name: "new", contact: contact), &context)
            }
        case 3:
            return command("erase fleet", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                try ledger.erase(fleet, &context)
            }
        case 4...5:
            let metric = MetricDraft(federation: federation, type: name("load"), value: 0.5, unit: "ratio")
            return command("record metric", as: coordinator(of: federation)) { ledger, context throws(FleetError) in
                try ledger.record(metric, &context)
            }
        case 6:
            let clock = Principal(subject: Event.clock, roles: [])
            return command("checkpoint", as: clock) { ledger, context throws(FleetError) in
                ledger.record(treeSize: ledger.position, rootHash: "root", note: "note", &context)
            }
        default:
            return command("make or revoke key", as: caller(for: fleet)) { ledger, context throws(FleetError) in
                if let known { return try ledger.revoke(known, &context) }
                return try ledger.create(key, &context)
            }
        }
    }
}
