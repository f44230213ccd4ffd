import FleetDomain

extension LedgerScenario {
    mutating func messageCommand() -> LedgerCommand {
        switch random.int(in: 0...9) {
        case 0..<5: sendMessage()
        case 5..<7: deliver()
        default: answer()
        }
    }

    private mutating func sendMessage() -> LedgerCommand {
        let source = random.pick(Self.fleets)
        // Now and then one that was sealed before an erasure.
        let generation = random.chance(95) ? ledger.fleets[source]?.keyGeneration ?? 0 : 99
        let event = Event.ID(raw: UInt128(random.next()))
        let draft = MessageDraft(
            federation: anyFederation(), source: source, target: random.chance(70) ? random.pick(Self.fleets) : nil,
            type: name("note"), messageClass: random.pick(MessageClass.allCases),
            orderingKey: random.chance(30) ? "key" : nil,
            content: Sealed(generation: generation, event: event, box: "box"),
            ttl: 1 + random.spread(upTo: 40_000))
        let scopes: Set<Permission> = random.chance(60) ? [.communicationSafety] : []
        let principal = random.chance(90) ? Self.operatorOf(source, scopes: scopes) : anybody()
        return command("send message", as: principal) { ledger, context throws(FleetError) in
            try ledger.send(draft, &context)
        }
    }

    private mutating func anyDelivery() -> Delivery? {
        ledger.deliveries.isEmpty ? nil : ledger.deliveries[random.pick(ledger.deliveries.keys.sorted())]
    }

    private mutating func deliver() -> LedgerCommand {
        guard let delivery = anyDelivery() else { return sendMessage() }
        let ids = ledger.deliveries.values.filter { $0.target == delivery.target }.map(\.id).sorted()
        return command("deliver", as: caller(for: delivery.target)) { ledger, context throws(FleetError) in
            _ = ledger.deliver(ids, &context)
            return nil
        }
    }

    private mutating func answer() -> LedgerCommand {
        guard let delivery = anyDelivery() else { return sendMessage() }
        let outcome: DeliveryStatus = random.chance(80) ? .acknowledged : .rejected
        return command("answer message", as: caller(for: delivery.target)) { ledger, context throws(FleetError) in
            try ledger.resolve(delivery.id, as: outcome, reason: nil, &context)
        }
    }
}
