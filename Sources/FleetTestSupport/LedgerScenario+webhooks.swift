import FleetDomain

extension LedgerScenario {
    mutating func webhookCommand() -> LedgerCommand {
        switch random.int(in: 0...9) {
        case 0..<2: registerWebhook()
        case 2..<5: changeWebhook()
        case 5: beginReplay()
        case 6: endReplay()
        case 7..<9: giveUp()
        default: redrive()
        }
    }

    private mutating func key(of fleet: Fleet.ID) -> WebhookKey {
        // Now and then one that was sealed before an erasure.
        let generation = random.chance(90) ? ledger.fleets[fleet]?.keyGeneration ?? 0 : 99
        let event = Event.ID(raw: UInt128(random.next()))
        return WebhookKey(
            secret: Sealed(generation: generation, event: event, box: "box"), publicKey: "whpk_\(random.next())")
    }

    private mutating func registerWebhook() -> LedgerCommand {
        let fleet = random.pick(Self.fleets)
        let draft = WebhookDraft(
            fleet: fleet, url: "https://hooks.example/\(fleet)",
            types: random.chance(50) ? [random.pick(EventType.allCases)] : nil, key: key(of: fleet))
        return command("register webhook", as: caller(for: fleet)) { ledger, context throws(FleetError) in
            try ledger.register(draft, &context)
        }
    }

    private mutating func anyWebhook() -> Webhook? {
        let sorted = ledger.webhooks.values.sorted { $0.id < $1.id }
        return sorted.isEmpty ? nil : random.pick(sorted)
    }

    private mutating func changeWebhook() -> LedgerCommand {
        guard let webhook = anyWebhook() else { return registerWebhook() }
        let (id, principal, key) = (webhook.id, caller(for: webhook.fleet), key(of: webhook.fleet))
        switch random.int(in: 0...5) {
        case 0:
            return command("rotate secret", as: principal) { ledger, context throws(FleetError) in
                try ledger.rotateSecret(of: id, to: key, &context)
            }
        case 1:
            return command("remove webhook", as: principal) { ledger, context throws(FleetError) in
                try ledger.remove(id, &context)
            }
        case 2:
            return command("test webhook", as: principal) { ledger, context throws(FleetError) in
                try ledger.test(id, &context)
            }
        case 3:
            return command("disable webhook", as: webhook.principal) { ledger, context throws(FleetError) in
                ledger.disable(webhook, "gone", &context)
                return nil
            }
        default:
            let patch = WebhookPatch(
                url: random.chance(30) ? "https://hooks.example/other" : nil,
                types: random.chance(30) ? .some(nil) : nil, status: random.chance(60) ? .active : .disabled)
            return command("change webhook", as: principal) { ledger, context throws(FleetError) in
                try ledger.patch(id, patch, &context)
            }
        }
    }

    private mutating func beginReplay() -> LedgerCommand {
        guard let webhook = anyWebhook() else { return registerWebhook() }
        let first = random.int(in: 0...ledger.position)
        let last = random.int(in: 0...ledger.position + 1)
        guard !first.isMultiple(of: 5) else {
            let caller = last.isMultiple(of: 4) ? caller(for: webhook.fleet) : Self.admin
            return command("begin replay to bus", as: caller) { ledger, context throws(FleetError) in
                try ledger.replayToBus(from: first, to: last, &context)
            }
        }
        return command("begin replay", as: caller(for: webhook.fleet)) { ledger, context throws(FleetError) in
            try ledger.replay(to: webhook.id, from: first, to: last, under: .eventReplay, &context)
        }
    }

    private mutating func endReplay() -> LedgerCommand {
        guard let replay = ledger.replays.values.min(by: { $0.id < $1.id }) else { return beginReplay() }
        guard random.chance(50) else {
            return command("complete replay", as: replay.fleet.map { Self.operatorOf($0) } ?? .system) {
                ledger, context throws(FleetError) in
                ledger.completeReplay(replay.id, &context)
                return nil
            }
        }
        return command("cancel replay", as: replay.fleet.map { caller(for: $0) } ?? Self.admin) {
            ledger, context throws(FleetError) in
            try ledger.cancelReplay(replay.id, &context)
        }
    }

    /// What a webhook makes of a message.
    private mutating func giveUp() -> LedgerCommand {
        let waiting = ledger.deliveries.values.filter { $0.status == .accepted }.sorted { $0.id < $1.id }
        guard !waiting.isEmpty else { return messageCommand() }
        let delivery = random.pick(waiting)
        let isTaken = random.chance(30)
        return command("give up message", as: caller(for: delivery.target)) { ledger, context throws(FleetError) in
            if isTaken {
                ledger.take(delivery.id, attempts: 2, &context)
            } else {
                ledger.deadLetter(delivery.id, attempts: 10, &context)
            }
            return nil
        }
    }

    private mutating func redrive() -> LedgerCommand {
        let last = log.reversed().compactMap(\.entity.asDelivery)
        var seen: Set<Delivery.ID> = []
        let dead = last.filter { seen.insert($0.id).inserted && $0.status == .deadLettered }
        guard let delivery = dead.first else { return giveUp() }
        return command("redrive", as: caller(for: delivery.target)) { ledger, context throws(FleetError) in
            try ledger.redrive(delivery, &context)
        }
    }
}
