import HeapModule

extension Ledger {
    /// The entity with the same key as `entity`, as it is now.
    func current(_ entity: Entity) -> Entity? {
        switch entity {
        case .federation(let new): federations[new.id].map(Entity.federation)
        case .member(let new): members[new.key].map(Entity.member)
        case .quota(let new): quotas[new.key].map(Entity.quota)
        case .balance(let new): balances[new.key].map(Entity.balance)
        case .allocation(let new): allocations[new.id].map(Entity.allocation)
        case .fleet(let new): fleets[new.id].map(Entity.fleet)
        case .resource(let new): resources[new.key].map(Entity.resource)
        case .lease(let new): leases[new.id].map(Entity.lease)
        case .apiKey(let new): keys[new.id].map(Entity.apiKey)
        case .webhook(let new): webhooks[new.id].map(Entity.webhook)
        case .replay(let new): replays[new.id].map(Entity.replay)
        case .delivery(let new): deliveries[new.id].map(Entity.delivery)
        case .message, .metric, .crossing, .checkpoint: nil
        }
    }

    /// Puts `new` where `old` was, with its indexes; nil for none.
    mutating func set(_ new: Entity?, _ old: Entity?) {
        switch new ?? old {
        case .federation(let some)?:
            federations[some.id] = new?.asFederation
            stir(some.id)
        case .fleet(let some)?:
            fleets[some.id] = new?.asFleet
            if new?.asFleet?.heartbeatInterval != nil { listen(to: some.id, until: lastTime) }
        case .resource(let some)?: setResource(some.key, new?.asResource)
        case .balance(let some)?:
            balances[some.key] = new?.asBalance
            if new != nil { typesOfMember[some.key.member, default: []].insert(some.key.type) }
        case .allocation(let some)?:
            setAllocation(some.id, new?.asAllocation.flatMap { $0.status.isFinal ? nil : $0 })
        case .quota(let some)?:
            quotas[some.key] = new?.asQuota.flatMap { $0.isRemoved ? nil : $0 }
            stir(some.key.member.federation, some.key.type)
        case .apiKey(let some)?: keys[some.id] = new?.asKey
        case .webhook(let some)?: webhooks[some.id] = new?.asWebhook.flatMap { $0.status == .removed ? nil : $0 }
        case .replay(let some)?: replays[some.id] = new?.asReplay.flatMap { $0.status == .running ? $0 : nil }
        case .member(let some)?: setMember(some.key, new?.asMember)
        case .lease(let some)?: setLease(some.id, new?.asLease)
        case .delivery(let some)?: setDelivery(some, new?.asDelivery)
        case .message?, .metric?, .crossing?, .checkpoint?, nil: break
        }
    }

    private mutating func setMember(_ key: Member.Key, _ new: Member?) {
        members[key] = new
        stir(key.federation)
        if let new, new.status != .left {
            fleetsOfFederation[key.federation, default: []].insert(key.fleet)
            federationsOfFleet[key.fleet, default: []].insert(key.federation)
            // Also when it is put back because what time made of it could not be stored.
            if new.presence == .reachable, fleets[key.fleet]?.heartbeatInterval != nil {
                listen(to: key.fleet, until: lastTime)
            }
        } else {
            fleetsOfFederation.remove(key.fleet, from: key.federation)
            federationsOfFleet.remove(key.federation, from: key.fleet)
        }
    }

    private mutating func setResource(_ key: Resource.Key, _ new: Resource?) {
        let old = resources[key]
        resources[key] = new
        for entry in new?.dueCooling ?? [] where old?.cooling != new?.cooling { due.insert(entry) }
        // A raised token makes no other offer.
        let isAlike = old.map { old in new.map { old.offers(like: $0) } ?? false } ?? false
        if !isAlike || old?.cooling != new?.cooling {
            if let old { noteCooling(of: old, sign: -1) }
            if let new { noteCooling(of: new, sign: 1) }
        }
        if isAlike {
            if let new, new.pooled, old?.cooling != new.cooling { noteReadiness(of: new) }
            return
        }
        if let old { changeOffer(old.offerKey) { $0.remove(old) } }
        if let new, new.status != .retired {
            let ready = new.pooled ? readiness(of: new) : .distantPast
            changeOffer(new.offerKey) { $0.insert(new, readyFrom: ready) }
            stir(key.fleet, new.type)
        }
    }

    /// What cools is occupied until then, from whenever one asks.
    private mutating func noteCooling(of resource: Resource, sign: Int64) {
        guard resource.status != .retired, !resource.cooling.isEmpty else { return }
        let supply = resource.supply
        for one in resource.cooling {
            calendars.add(sign * one.quantity, over: Window(start: .distantPast, end: one.until), to: supply)
        }
    }

    private mutating func changeOffer(_ key: OfferKey, _ change: (inout Offer) -> Void) {
        change(&offers[key, default: Offer()])
        if offers[key]?.isEmpty == true { offers[key] = nil }
    }

    private mutating func setAllocation(_ id: Allocation.ID, _ new: Allocation?) {
        let (old, next) = (allocations[id]?.entry, new?.entry)
        allocations[id] = new
        guard old?.ticket != next?.ticket || old?.group != next?.group else { return }
        if let old { leaveLines(old) }
        if let next { joinLines(next) }
        if let new, let due = Due(new) { self.due.insert(due) }
    }

    private mutating func joinLines(_ entry: Entry) {
        for line in entry.lines {
            lines[line, default: Line()].insert(entry.ticket, in: entry.group)
            // Who lost something was not asked yet whether something else will do.
            if entry.ticket.isDisplaced { stir(line.federation, line.type) }
        }
    }

    /// Who leaves may have stood in the way of those behind it.
    private mutating func leaveLines(_ entry: Entry) {
        for line in entry.lines {
            lines[line]?.remove(entry.ticket, from: entry.group)
            if lines[line]?.isEmpty == true {
                lines[line] = nil
                stirred[line] = nil
            } else {
                stir(line.federation, line.type)
            }
        }
    }

    private mutating func setDelivery(_ some: Delivery, _ new: Delivery?) {
        let isLive = new?.status.isFinal == false
        let change = (isLive ? 1 : 0) - (deliveries[some.id] == nil ? 0 : 1)
        if isLive, deliveries[some.id] == nil, let new { expiring.insert(Expiry(new)) }
        deliveries[some.id] = isLive ? new : nil
        guard change != 0 else { return }
        undecided.add(Int64(change), to: some.pair)
        if !some.isConcealed { undecidedOfSource.add(Int64(change), to: some.source) }
    }

    private mutating func setLease(_ id: Lease.ID, _ new: Lease?) {
        if let old = leases[id] { unindex(old) }
        if let new, !new.status.isFinal {
            leases[id] = new
            index(new)
        } else {
            leases[id] = nil
        }
    }

    private mutating func index(_ lease: Lease) {
        if let entry = lease.entry { joinLines(entry) }
        if lease.status.holdsWindow {
            let (lender, borrower) = lease.quotaKeys
            calendars.add(lease.quantity, over: lease.occupied, to: lease.supply)
            changeOffer(lease.offerKey) { $0.promise(lease.quantity, over: lease.occupied) }
            if lease.changesHands {
                lent.add(lease.quantity, over: lease.occupied, to: lender)
                borrowed.add(lease.quantity, over: lease.occupied, to: borrower)
            } else {
                ownUse.add(lease.quantity, over: lease.occupied, to: lease.offerKey)
            }
        }
        for supply in lease.supplies {
            if lease.isHeldLate { heldLate[supply, default: []].insert(lease.id) }
            leasesOfSupply[supply, default: []].insert(lease.id)
        }
        if lease.status.possesses, let key = lease.resourceKey { possessed.add(lease.quantity, to: key) }
        noteBinding(of: lease, isLive: true)
        for fleet in [lease.source, lease.target] {
            leasesOfMember[Member.Key(federation: lease.federation, fleet: fleet), default: []].insert(lease.id)
        }
        leaseCount[lease.federation, default: 0] += 1
        if let next = Due(lease) { due.insert(next) }
    }

    private mutating func unindex(_ lease: Lease) {
        if let entry = lease.entry { leaveLines(entry) }
        stir(lease.source, lease.resourceType)
        if lease.status.holdsWindow {
            let (lender, borrower) = lease.quotaKeys
            calendars.add(-lease.quantity, over: lease.occupied, to: lease.supply)
            changeOffer(lease.offerKey) { $0.promise(-lease.quantity, over: lease.occupied) }
            if lease.changesHands {
                lent.add(-lease.quantity, over: lease.occupied, to: lender)
                borrowed.add(-lease.quantity, over: lease.occupied, to: borrower)
            } else {
                ownUse.add(-lease.quantity, over: lease.occupied, to: lease.offerKey)
            }
        }
        for supply in lease.supplies {
            if lease.isHeldLate { heldLate.remove(lease.id, from: supply) }
            leasesOfSupply.remove(lease.id, from: supply)
        }
        if lease.status.possesses, let key = lease.resourceKey { possessed.add(-lease.quantity, to: key) }
        noteBinding(of: lease, isLive: false)
        for fleet in [lease.source, lease.target] {
            leasesOfMember.remove(lease.id, from: Member.Key(federation: lease.federation, fleet: fleet))
        }
        leaseCount[lease.federation, default: 0] -= 1
        if leaseCount[lease.federation] == 0 { leaseCount[lease.federation] = nil }
    }

    /// When a unit of a class is ready for others, and who waits for one.
    private mutating func noteBinding(of lease: Lease, isLive: Bool) {
        guard let terms = lease.terms, let key = lease.resourceKey else { return }
        changeOffer(lease.offerKey) {
            $0.change(terms) {
                $0.set(lease.id, isAwaiting: isLive && lease.awaitingReturn && lease.status == .granted)
            }
        }
        // The unit may be of another class by now.
        if let unit = resources[key] { noteReadiness(of: unit) }
    }

    private mutating func noteReadiness(of unit: Resource) {
        guard unit.status == .available, let terms = unit.terms else { return }
        let ready = readiness(of: unit)
        changeOffer(unit.offerKey) { $0.change(terms) { $0.set(unit.key.resource, readyFrom: ready) } }
    }

    /// When the unit is free of all that is bound to it.
    private func readiness(of unit: Resource) -> Timestamp {
        var ready = unit.cooling.last?.until ?? .distantPast
        for lease in (leasesOfSupply[.resource(unit.key)] ?? []).compactMap({ leases[$0] }) where lease.terms != nil {
            ready = max(ready, lease.isHeldLate ? .distantFuture : lease.occupied.end)
        }
        return ready
    }
}

extension Dictionary {
    /// Takes an element out of a set, and an empty set out of the dictionary: what is gone leaves no trace.
    fileprivate mutating func remove<Element>(_ element: Element, from key: Key) where Value == Set<Element> {
        self[key]?.remove(element)
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}

extension Dictionary where Value == Calendar {
    /// Changes a calendar, and takes an empty one out of the dictionary.
    fileprivate mutating func add(_ quantity: Int64, over window: Window, to key: Key) {
        self[key, default: Calendar()].add(quantity, over: window)
        if self[key]?.isEmpty == true { self[key] = nil }
    }
}

extension Dictionary where Value == Int64 {
    /// Changes a number, and takes a 0 out of the dictionary.
    fileprivate mutating func add(_ quantity: Int64, to key: Key) {
        self[key, default: 0] += quantity
        if self[key] == 0 { self[key] = nil }
    }
}

extension Entity {
    fileprivate var asFederation: Federation? { if case .federation(let value) = self { value } else { nil } }
    fileprivate var asFleet: Fleet? { if case .fleet(let value) = self { value } else { nil } }
    fileprivate var asResource: Resource? { if case .resource(let value) = self { value } else { nil } }
    fileprivate var asMember: Member? { if case .member(let value) = self { value } else { nil } }
    fileprivate var asBalance: Balance? { if case .balance(let value) = self { value } else { nil } }
    package var asAllocation: Allocation? { if case .allocation(let value) = self { value } else { nil } }
    fileprivate var asQuota: Quota? { if case .quota(let value) = self { value } else { nil } }
    fileprivate var asKey: APIKey? { if case .apiKey(let value) = self { value } else { nil } }
    package var asWebhook: Webhook? { if case .webhook(let value) = self { value } else { nil } }
    package var asReplay: EventReplay? { if case .replay(let value) = self { value } else { nil } }
    package var asDelivery: Delivery? { if case .delivery(let value) = self { value } else { nil } }
    package var asMessage: Message? { if case .message(let value) = self { value } else { nil } }
    package var asLease: Lease? { if case .lease(let value) = self { value } else { nil } }
}

extension Ledger {
    /// Loads an entity that was folded before, at start.
    package mutating func restore(_ entity: Entity) { set(entity, nil) }
}
