import FleetDomain
import FleetTestSupport
import Testing

/// The invariants of the ledger under random histories. Each test names the seed that failed; `FLEET_SEED` repeats it.
@Suite("Any history of commands")
struct LedgerPropertyTests {
    static let seeds: UInt64 = 180
    static let commands = 200

    /// Runs `check` after every command of every history.
    private func forAllHistories(_ check: (inout LedgerScenario, LedgerStep) throws -> Void) rethrows {
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands {
                let step = scenario.step()
                try check(&scenario, step)
            }
        }
    }

    @Test("Invariant 1: no unit is promised twice at once, and no pool beyond its capacity, across federations")
    func noDoublePromise() {
        var shared = 0
        var bound = 0
        forAllHistories { scenario, step in
            let touched = step.events.compactMap { $0.entity.asLease?.supply ?? $0.entity.asResource?.supply }
            guard !touched.isEmpty else { return }
            let doubles = scenario.ledger.doublePromises
            #expect(doubles.isEmpty, "seed \(scenario.seed): \(doubles) after \(step.command)")
            for supply in Set(touched) {
                let promised = scenario.ledger.leases.values.filter { $0.supply == supply && $0.status.holdsWindow }
                if Set(promised.map(\.federation)).count > 1 { shared += 1 }
            }
            bound += step.events.count { $0.type == .sharingBound }
        }
        #expect(bound > 0 || Generator.areFew, "no unit was ever bound late")
        #expect(shared > 0 || Generator.areFew, "no resource was ever promised in two federations")
    }

    @Test("Invariant 3: a hold is resolved exactly once, and later tries get the first outcome")
    func holdsResolveOnce() {
        var approvals = 0
        forAllHistories { scenario, step in
            for event in step.events where event.type == .sharingApproved {
                guard let lease = event.entity.asLease, scenario.ledger.leases[lease.id] != nil else { continue }
                approvals += 1
                let again = scenario.probe(.approve, lease)
                #expect(again.refusal == nil && again.events.isEmpty, "seed \(scenario.seed)")
                #expect(again.entity?.asLease == scenario.ledger.leases[lease.id], "seed \(scenario.seed)")
                #expect(scenario.probe(.reject, lease).refusal?.code == .alreadyResolved, "seed \(scenario.seed)")
            }
        }
        #expect(approvals > 50 || Generator.areFew, "only \(approvals) approvals")
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands { scenario.step() }
            let resolutions = scenario.log.reduce(into: History()) { $0.note($1) }.resolutions
            #expect(resolutions.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        }
    }

    /// How often each lease that was pending stopped being so.
    private struct History {
        var pending: Set<Lease.ID> = []
        var resolutions: [Lease.ID: Int] = [:]

        mutating func note(_ event: Event) {
            guard let lease = event.entity.asLease else { return }
            if lease.status == .pending {
                pending.insert(lease.id)
                if resolutions[lease.id] != nil { resolutions[lease.id, default: 0] += 1 }
            } else if pending.remove(lease.id) != nil {
                resolutions[lease.id, default: 0] += 1
            }
        }
    }

    @Test("Invariant 4: a fencing token only rises, and a lower one is never accepted")
    func tokensRise() {
        var checks = 0
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            var highest: [Resource.Key: Int64] = [:]
            var ofLease: [Lease.ID: Int64] = [:]
            for _ in 0..<Self.commands {
                for lease in scenario.step().events.compactMap(\.entity.asLease) {
                    guard let token = lease.fencingToken else { continue }
                    #expect(token >= ofLease[lease.id] ?? 0, "seed \(seed)")
                    if lease.isUnit, token != ofLease[lease.id] {
                        #expect(token > lease.resourceKey.flatMap { highest[$0] } ?? 0, "seed \(seed)")
                        if let key = lease.resourceKey { highest[key] = token }
                    }
                    ofLease[lease.id] = token
                    guard scenario.ledger.leases[lease.id] != nil else { continue }
                    let current = lease.isUnit ? lease.resourceKey.flatMap { highest[$0] } ?? 0 : token
                    for stale in [current - 1, current - scenario.random.int(in: 2...1_000_000), 0] {
                        checks += 1
                        let refusal = scenario.probe(fence: stale, lease).refusal
                        #expect(refusal?.code == .fencingTokenStale, "seed \(seed): \(stale) for \(current)")
                    }
                }
            }
            for (key, token) in highest {
                #expect(scenario.ledger.resources[key]?.fencingToken == token, "seed \(seed)")
            }
        }
        #expect(checks > 1000 || Generator.areFew)
    }

    @Test("Invariant 6: only the listed transitions happen, and final is final")
    func onlyListedTransitions() {
        var seen: Set<String> = []
        // Some transitions are rare.
        for seed in Generator.seeds(2 * Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands { scenario.step() }
            var statuses: [String: String] = [:]
            for event in scenario.log {
                guard let (subject, status, table) = Transitions.of(event.entity) else { continue }
                let before = statuses[subject]
                let transition = "\(before ?? "-")>\(status)"
                let isChange = before != status
                #expect(
                    isChange ? table.contains(transition) : Transitions.mayStay.contains(event.type),
                    "seed \(seed): \(event.type) \(transition)")
                #expect(
                    !isChange || Transitions.status(after: event.type, is: status),
                    "seed \(seed): \(event.type) gave \(status)")
                statuses[subject] = status
                seen.insert(transition)
            }
        }
        // Every transition that can happen did, or the histories are too tame to prove anything.
        if Generator.areFew { return }
        // Those that need a crowd are seen by the tests of preemption and of the queue.
        let crowded: Set = [
            "active>preempting", "preempting>preempted", "granted>preempted", "queued>pending",
            "queued>expired",
        ]
        let all = Transitions.lease.subtracting(crowded).union(Transitions.member).union(Transitions.federation)
        #expect(all.subtracting(seen).isEmpty, "never seen: \(all.subtracting(seen).sorted())")
    }

    @Test("Invariant 7: the state is the fold of the events, and what a start loads is the same state")
    func stateIsTheFold() {
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands { scenario.step() }
            var folded = Ledger()
            for event in scenario.log { folded.apply(event) }
            #expect(folded.differences(from: scenario.ledger).isEmpty, "seed \(seed)")
            #expect(scenario.log.map(\.position) == Array(1...Int64(scenario.log.count)), "seed \(seed): gaps")

            let original = scenario.ledger
            var loaded = Ledger(position: original.position, lastTime: original.lastTime)
            for fleet in original.fleets.values { loaded.restore(.fleet(fleet)) }
            for resource in original.resources.values { loaded.restore(.resource(resource)) }
            for federation in original.federations.values { loaded.restore(.federation(federation)) }
            for member in original.members.values { loaded.restore(.member(member)) }
            for key in original.keys.values { loaded.restore(.apiKey(key)) }
            for quota in original.quotas.values { loaded.restore(.quota(quota)) }
            for balance in original.balances.values { loaded.restore(.balance(balance)) }
            for allocation in original.allocations.values { loaded.restore(.allocation(allocation)) }
            for lease in original.leases.values { loaded.restore(.lease(lease)) }
            for webhook in original.webhooks.values { loaded.restore(.webhook(webhook)) }
            for replay in original.replays.values { loaded.restore(.replay(replay)) }
            for delivery in original.deliveries.values { loaded.restore(.delivery(delivery)) }
            #expect(loaded.differences(from: original).isEmpty, "seed \(seed)")
        }
    }

    @Test("Invariant 8: a dry run changes nothing, and the real run after it does the same")
    func dryRunsChangeNothing() {
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands {
                let before = scenario.ledger
                let command = scenario.nextCommand()
                var ledger = before
                let start = ledger.savepoint
                let dry = command.run(on: &ledger)
                ledger.rollBack(to: start)
                #expect(ledger.recorded.isEmpty, "seed \(seed): \(command.name)")
                // Comparing everything each time would take longer than all the rest.
                if scenario.random.chance(10) {
                    #expect(ledger.differences(from: before).isEmpty, "seed \(seed): \(command.name)")
                }
                let real = command.run(on: &ledger)
                #expect(real == dry, "seed \(seed): \(command.name)")
                #expect(scenario.run(command) == dry, "seed \(seed): \(command.name)")
            }
        }
    }

    @Test("Invariant 8: a batch that did not commit is taken back whole, with what time and intents had done")
    func batchesAreTakenBackWhole() {
        for seed in Generator.seeds(Self.seeds) {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands / 8 {
                let before = scenario.ledger
                var failed = scenario.ledger
                let start = failed.savepoint
                let commands = (0..<8).map { _ in scenario.nextCommand() }
                let first = commands.map { $0.run(on: &failed) }
                failed.rollBack(to: start)
                #expect(failed.differences(from: before).isEmpty, "seed \(seed)")
                #expect(commands.map { $0.run(on: &failed) } == first, "seed \(seed)")
                for command in commands { scenario.run(command) }
                #expect(failed.differences(from: scenario.ledger).isEmpty, "seed \(seed)")
            }
        }
    }
}

/// The transitions of the design, written down again, and not taken from the code that they judge.
private enum Transitions {
    static let lease: Set<String> = [
        "->queued", "->pending", "->granted", "->active",
        "queued>pending", "queued>granted", "queued>active", "queued>expired", "queued>cancelled",
        "pending>granted", "pending>active", "pending>rejected", "pending>expired", "pending>cancelled",
        "granted>active", "granted>cancelled", "granted>revoked", "granted>preempted",
        "granted>no_show", "active>completed", "active>revoking", "active>preempting", "active>overdue",
        "overdue>completed", "overdue>revoking",
        "revoking>revoked", "preempting>preempted",
    ]
    static let member: Set<String> = [
        "->invited", "->active",
        "invited>active", "invited>left", "active>suspended", "suspended>active", "active>leaving",
        "suspended>leaving", "active>left", "suspended>left", "leaving>left",
        "left>invited", "left>active",
    ]
    static let federation: Set<String> = [
        "->active", "active>suspended", "suspended>active", "active>dissolving", "suspended>dissolving",
        "active>dissolved", "suspended>dissolved", "dissolving>dissolved",
    ]
    /// Events that tell of a change within the status.
    static let mayStay: Set<EventType> = [
        // A second removal recalls what the first did not.
        .memberLeaving,
        .sharingExtended, .sharingUpdated, .sharingBound, .memberUpdated, .federationUpdated,
    ]

    static func of(_ entity: Entity) -> (subject: String, status: String, table: Set<String>)? {
        switch entity {
        case .lease(let lease): (entity.subject, lease.status.rawValue, Self.lease)
        case .member(let member): (entity.subject, member.status.rawValue, Self.member)
        case .federation(let federation): (entity.subject, federation.status.rawValue, Self.federation)
        default: nil
        }
    }

    static func status(after type: EventType, is status: String) -> Bool {
        switch type {
        case .sharingRequested: status == "pending"
        case .sharingApproved: ["granted", "active"].contains(status)
        case .sharingActivated, .memberJoined, .memberResumed, .federationCreated, .federationResumed:
            status == "active"
        case .sharingExtended, .sharingUpdated, .sharingBound, .memberUpdated, .federationUpdated: false
        default: type.rawValue.hasSuffix(".\(status)")
        }
    }
}

extension LedgerScenario {
    /// What would be answered now to an operator of both fleets; nothing is changed.
    fileprivate func probe(_ action: LeaseAction, _ lease: Lease) -> LedgerStep {
        probe(lease) { ledger, context throws(FleetError) in try ledger.act(action, on: lease.id, &context) }
    }

    fileprivate func probe(fence token: Int64, _ lease: Lease) -> LedgerStep {
        let nothing = Resource.Key(fleet: lease.source, resource: name("none"))
        return probe(lease) { ledger, context throws(FleetError) in
            try ledger.report(fence: token, of: lease.resourceKey ?? nothing, for: lease.id, &context)
        }
    }

    private func probe(_ lease: Lease, _ decide: @escaping LedgerCommand.Decide) -> LedgerStep {
        var copy = ledger
        let context = Context(
            principal: Self.operatorOf(lease.source, lease.target), now: now, requestID: "probe",
            ids: IDSource(seed: 1, random: 1))
        return LedgerCommand(name: "probe", context: context, decide: decide).run(on: &copy)
    }
}

extension Entity {
    fileprivate var asResource: Resource? { if case .resource(let resource) = self { resource } else { nil } }
}
