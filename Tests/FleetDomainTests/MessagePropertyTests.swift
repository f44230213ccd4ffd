import FleetDomain
import FleetTestSupport
import Testing

/// Messages under random histories. Each test names the seed that failed; `FLEET_SEED` repeats it.
@Suite("Any history of messages")
struct MessagePropertyTests {
    private static let seeds = Effort.seeds(60, slow: 1000)
    private static let commands = 300

    /// Runs histories of worlds in which the fleets talk.
    private func forAll(_ check: (LedgerScenario, LedgerStep) -> Void) {
        for seed in Generator.seeds(Self.seeds) where seed % 3 == 1 || Generator.seeds(2).count == 1 {
            var scenario = LedgerScenario(seed: seed)
            for _ in 0..<Self.commands {
                let step = scenario.step()
                check(scenario, step)
            }
        }
    }

    @Test(
        "Invariant 13: what was accepted is acknowledged, rejected, expired, a dead letter or on its way, and each once"
    )
    func accounted() {
        var ends: [DeliveryStatus: Int] = [:]
        var (accepted, ended, seed): (Set<Delivery.ID>, Set<Delivery.ID>, UInt64?) = ([], [], nil)
        forAll { scenario, step in
            if seed != scenario.seed { (accepted, ended, seed) = ([], [], scenario.seed) }
            for event in step.events {
                for delivery in event.entity.asMessage?.deliveries ?? [] {
                    #expect(accepted.insert(delivery.id).inserted, "seed \(scenario.seed)")
                    if delivery.status.isFinal { ended.insert(delivery.id) }
                }
                guard let delivery = event.entity.asDelivery else { continue }
                #expect(accepted.contains(delivery.id), "seed \(scenario.seed): \(event.type) of what nobody sent")
                // A dead letter alone may be put back on its way.
                if event.type == .messageRedriven { ended.remove(delivery.id) }
                #expect(!ended.contains(delivery.id), "seed \(scenario.seed): \(event.type) after the end")
                if delivery.status.isFinal { ended.insert(delivery.id) }
                ends[delivery.status, default: 0] += 1
            }
            let underway = Set(scenario.ledger.deliveries.keys)
            #expect(accepted == ended.union(underway) && ended.isDisjoint(with: underway), "seed \(scenario.seed)")
            let counted = scenario.ledger.undecided.values.reduce(0, +)
            #expect(counted == Int64(underway.count), "seed \(scenario.seed)")
        }
        let isWhole = !Generator.areFew
        for status in DeliveryStatus.allCases where status != .accepted && isWhole {
            #expect(ends[status] ?? 0 > 5, "\(status) was hardly seen")
        }
    }

    @Test("Invariant 13: nothing is delivered or answered after its time")
    func inTime() {
        forAll { scenario, step in
            for event in step.events {
                guard let delivery = event.entity.asDelivery else { continue }
                let isEnd = delivery.status == .expired
                #expect(isEnd == (event.at >= delivery.expiresAt), "seed \(scenario.seed): \(event.type)")
            }
        }
    }

    @Test("Nobody but its recipient is told of a message whose source may not know that it is one")
    func concealed() {
        var count = 0
        forAll { scenario, step in
            for event in step.events {
                guard let delivery = event.entity.asDelivery, delivery.isConcealed else { continue }
                count += 1
                #expect(event.audience.parties == [delivery.target], "seed \(scenario.seed)")
                let source = View(reader: LedgerScenario.operatorOf(delivery.source))
                #expect(!source.sees(delivery) && !source.seesContent(of: delivery, at: event.at))
            }
        }
        #expect(count > 0 || Generator.areFew)
    }

    /// Of two of which one is closed: whether a lease is between them, or whoever is closed has named the other.
    private func dealWithEachOther(_ sides: [Member?], _ ledger: Ledger) -> Bool {
        guard let one = sides[0], let other = sides[1] else { return false }
        let leases = ledger.leases.values.contains { lease in
            lease.federation == one.key.federation
                && Set([lease.source, lease.target]) == [one.key.fleet, other.key.fleet]
        }
        func names(_ member: Member, _ fleet: Fleet.ID) -> Bool {
            member.isolationLevel < .high || member.rules.contains { $0.counterparty == fleet }
        }
        return leases || names(one, other.key.fleet) && names(other, one.key.fleet)
    }

    @Test("A message reaches none whom isolation keeps its source from, save by a warning")
    func isolation() {
        forAll { scenario, step in
            for message in step.events.compactMap(\.entity.asMessage) {
                let ledger = scenario.ledger
                func member(_ fleet: Fleet.ID) -> Member? {
                    ledger.members[Member.Key(federation: message.federation, fleet: fleet)]
                }
                for recipient in message.recipients {
                    let sides = [member(message.source), member(recipient.fleet)]
                    let level = sides.map { $0?.isolationLevel ?? .sealed }.max() ?? .sealed
                    let isOpen = level <= .medium || level == .high && dealWithEachOther(sides, ledger)
                    #expect(isOpen != recipient.isConcealed, "seed \(scenario.seed)")
                    #expect(isOpen || message.messageClass == .safety, "seed \(scenario.seed)")
                    #expect(message.target == nil || !recipient.isConcealed, "seed \(scenario.seed)")
                }
            }
        }
    }
}
