import HeapModule

/// All that decisions depend on, in memory: the fold of the events, and the indexes that make it fast.
///
/// It changes only by `record`, which also notes how to take the change back: a dry run, a command that fails
/// half-way and a batch that did not commit are all undone the same way.
package struct Ledger: Sendable {
    package internal(set) var fleets: [Fleet.ID: Fleet] = [:]
    package internal(set) var resources: [Resource.Key: Resource] = [:]
    package internal(set) var federations: [Federation.ID: Federation] = [:]
    package internal(set) var members: [Member.Key: Member] = [:]
    /// Those in force.
    package internal(set) var quotas: [Quota.Key: Quota] = [:]
    /// Live leases only; a final one is in the database and can no longer matter to a decision.
    package internal(set) var leases = LeaseTable()
    /// Those that are not over.
    package internal(set) var allocations: [Allocation.ID: Allocation] = [:]
    /// Those on their way to their recipients.
    package internal(set) var deliveries: [Delivery.ID: Delivery] = [:]
    package internal(set) var keys: [APIKey.ID: APIKey] = [:]
    /// Those that are not removed.
    package internal(set) var webhooks: [Webhook.ID: Webhook] = [:]
    /// Those that run.
    package internal(set) var replays: [EventReplay.ID: EventReplay] = [:]

    // Derived from the events of leases.
    package internal(set) var balances: [Quota.Key: Balance] = [:]

    // Derived from the above.
    /// How many of one fleet's messages another has not answered.
    package internal(set) var undecided: [Delivery.Pair: Int64] = [:]
    /// The same of one fleet's, by all whom it may know.
    package internal(set) var undecidedOfSource: [Fleet.ID: Int64] = [:]
    package internal(set) var offers: [OfferKey: Offer] = [:]
    /// What is promised, and what still cools.
    package internal(set) var calendars: [Supply: Calendar] = [:]
    /// What members lend and borrow of a type in a federation.
    package internal(set) var lent: [Quota.Key: Calendar] = [:]
    package internal(set) var borrowed: [Quota.Key: Calendar] = [:]
    /// What fleets use of their own, in whichever federation they asked for it.
    package internal(set) var ownUse: [OfferKey: Calendar] = [:]
    package internal(set) var leasesOfMember: [Member.Key: Set<Lease.ID>] = [:]
    /// Those of a class, and once they are bound those of its units as well.
    package internal(set) var leasesOfSupply: [Supply: Set<Lease.ID>] = [:]
    package internal(set) var leaseCount: [Federation.ID: Int] = [:]
    package internal(set) var fleetsOfFederation: [Federation.ID: Set<Fleet.ID>] = [:]
    package internal(set) var federationsOfFleet: [Fleet.ID: Set<Federation.ID>] = [:]
    /// Quantity in the hands of borrowers.
    package internal(set) var possessed: [Resource.Key: Int64] = [:]
    /// Leases that somebody keeps past their window, or has to hand back.
    package internal(set) var heldLate: [Supply: Set<Lease.ID>] = [:]
    /// The types of which a member has a balance.
    var typesOfMember: [Member.Key: Set<ResourceType>] = [:]
    /// Those who wait, by what they wait for.
    package internal(set) var lines: [Line.Key: Line] = [:]
    /// The lines for which something may have become free, with how far each has been gone through.
    var stirred: [Line.Key: Pass] = [:]
    /// When time alone changes something; entries may be out of date and are checked when they come up.
    var due = Heap<Due>()
    /// When messages on their way expire, apart from what time must change before anything is decided: whoever asks looks
    /// at the time itself, and one sender may let very many expire at one instant.
    var expiring = Heap<Expiry>()
    /// Units that were found to have cooled while what came of it is not confirmed: they are found again when that is taken
    /// back, for the unit itself does not change.
    var cooled: [Due] = []
    /// Leases to be ended because of an intent that touched many at once.
    var drain: [Lease.ID] = []

    /// When fleets that give signs of life did so last. As far as this process knows: it is in no event.
    var heard: [Fleet.ID: Timestamp] = [:]
    /// The fleets of which it is to be looked whether they were heard.
    package internal(set) var listening: Set<Fleet.ID> = []

    /// Set while the clock is let go on to see when a waiter would begin; all of it is taken back.
    var outlook: Outlook?
    /// The last that was asked for: it holds until something happens.
    var lastEstimate: Estimate?
    /// What came up meanwhile, to be put back.
    var foreseenDue: [Due] = []

    /// Leases that neither time nor an intent touches any more, because what they did to them could not be stored.
    private(set) var aside: Set<Lease.ID> = []
    /// The same of allocations that wait.
    private(set) var asideAllocations: Set<Allocation.ID> = []
    /// The same of messages on their way.
    private(set) var asideDeliveries: Set<Delivery.ID> = []
    /// The same of fleets that are silent.
    private(set) var asideSilences: Set<Fleet.ID> = []

    /// The position of the last recorded event.
    package private(set) var position: Int64
    /// The time of the last recorded event; no later event is earlier.
    package private(set) var lastTime: Timestamp
    /// Events recorded and not yet confirmed.
    package private(set) var recorded: [Event] = []
    private var undo: [Entity.Change] = []

    package init(position: Int64 = 0, lastTime: Timestamp = Timestamp(milliseconds: 0)) {
        self.position = position
        self.lastTime = lastTime
    }

}

/// A point that a ledger can be taken back to.
package struct Savepoint: Sendable {
    fileprivate let undoCount: Int
    fileprivate let recordedCount: Int
    package let position: Int64
    fileprivate let lastTime: Timestamp
    fileprivate let cooledCount: Int
    fileprivate let drain: [Lease.ID]
    fileprivate let stirred: [Line.Key: Ledger.Pass]
}

extension Ledger {
    /// Records that `type` happened to `entity`, which is given as it is since.
    ///
    /// - Parameters:
    ///   - audience: nil is everybody who may see the entity.
    ///   - id: of the event, where something was sealed for it.
    package mutating func record(
        _ type: EventType, _ entity: Entity, for audience: Audience? = nil, as id: Event.ID? = nil,
        _ context: inout Context
    ) {
        precondition(type.kind == entity.kind, "\(type) is not about \(entity.kind)")
        let event = Event(
            position: position + 1, id: id ?? context.ids.next(at: context.now), type: type, entity: entity,
            actor: context.actor, actingFleet: context.actingFleet,
            isPrivileged: context.principal.isAdmin, requestID: context.requestID, at: context.now,
            audience: audience ?? self.audience(of: entity))
        apply(event)
        recorded.append(event)
    }

    /// Folds one event in. The state is exactly the fold of the log by this function.
    package mutating func apply(_ event: Event) {
        position = event.position
        lastTime = max(lastTime, event.at)
        switch event.entity {
        case .member(let member):
            let wasActive = members[member.key]?.status == .active
            put(event.entity)
            if wasActive != (member.status == .active), var federation = federations[member.key.federation] {
                federation.membershipEpoch += 1
                put(.federation(federation))
            }
        case .lease(let lease):
            let before = leases[lease.id]
            let wasHeld = before?.status.possesses == true
            put(event.entity)
            noteBalances(of: lease, before: before, at: event.at)
            noteAllocation(of: lease, before: before, at: event.at)
            if let resource = resource(of: lease)?.after(lease, wasHeld: wasHeld, at: event.at) {
                put(.resource(resource))
            }
        case .message(let message):
            put(event.entity)
            for delivery in message.deliveries { put(.delivery(delivery)) }
        case .federation, .quota, .balance, .allocation, .fleet, .resource, .delivery, .webhook, .replay,
            .metric, .apiKey, .crossing, .checkpoint:
            put(event.entity)
        }
    }

    /// What the lease takes of its lender has changed.
    private mutating func noteBalances(of lease: Lease, before: Lease?, at time: Timestamp) {
        let change = lease.unitSeconds - (before?.unitSeconds ?? 0)
        guard change != 0, lease.changesHands, let policy = federations[lease.federation]?.policy else { return }
        let (lender, borrower) = lease.quotaKeys
        for (key, lent, borrowed) in [(lender, change, 0), (borrower, 0, change)] {
            let balance = balances[key] ?? Balance(key: key, asOf: time)
            put(.balance(balance.adding(lent: lent, borrowed: borrowed, at: time, halfLife: policy.fairnessHalfLife)))
        }
    }

    /// The allocation that the lease was made for is as far as its leases are.
    private mutating func noteAllocation(of lease: Lease, before: Lease?, at time: Timestamp) {
        guard let id = lease.allocation, var allocation = allocations[id] else { return }
        if lease.status == .preempting || lease.status == .preempted && before?.status == .granted {
            allocation.preemptions += 1
        }
        if lease.status == .preempted { allocation = displaced(allocation, by: lease, at: time) }
        allocation.hasBegun = allocation.hasBegun || lease.status == .active
        let isGone = [.rejected, .expired, .cancelled, .revoked, .preempted, .noShow].contains(lease.status)
        allocation.isPart = allocation.isPart || isGone
        allocation.status = allocation.status(after: lease, live: allocation.leases.compactMap { leases[$0] })
        allocation.version += 1
        allocation.updatedAt = time
        put(.allocation(allocation))
    }

    package var savepoint: Savepoint {
        Savepoint(
            undoCount: undo.count, recordedCount: recorded.count, position: position, lastTime: lastTime,
            cooledCount: cooled.count, drain: drain, stirred: stirred)
    }

    /// Takes back everything since `savepoint`.
    package mutating func rollBack(to savepoint: Savepoint) {
        while undo.count > savepoint.undoCount, let change = undo.popLast() { set(change.old, change.new) }
        recorded.removeSubrange(savepoint.recordedCount...)
        position = savepoint.position
        lastTime = savepoint.lastTime
        while cooled.count > savepoint.cooledCount, let entry = cooled.popLast() { due.insert(entry) }
        drain = savepoint.drain
        stirred = savepoint.stirred
        dropStaleDue()
    }

    /// What was recorded and has not been confirmed yet: the events, and the changes they made in order.
    package var unconfirmed: Batch { Batch(events: recorded, changes: undo) }

    /// The recorded events are durable: they can no longer be taken back.
    package mutating func confirm() {
        recorded.removeAll(keepingCapacity: true)
        undo.removeAll(keepingCapacity: true)
        cooled.removeAll(keepingCapacity: true)
        dropStaleDue()
    }

    /// Leaves alone, until the state is loaded again, what a change of the clock was about: one that cannot be stored
    /// must not stop the clock of all.
    ///
    /// - Returns: what it was, if it was something that can be left alone.
    package mutating func setAside(_ events: [Event]) -> String? {
        if let allocation = events.lazy.compactMap(\.entity.asAllocation).first {
            asideAllocations.insert(allocation.id)
            return "allocation \(allocation.id)"
        }
        if let delivery = events.first?.entity.asDelivery {
            asideDeliveries.insert(delivery.id)
            return "message \(delivery.message)"
        }
        if let first = events.first, first.type == .presenceUnreachable, case .member(let member) = first.entity {
            asideSilences.insert(member.key.fleet)
            return "fleet \(member.key.fleet)"
        }
        guard let lease = events.first?.entity.asLease else { return nil }
        aside.insert(lease.id)
        return "lease \(lease.id)"
    }

    private mutating func put(_ entity: Entity) {
        let old = current(entity)
        set(entity, old)
        undo.append(Entity.Change(old: old, new: entity))
    }
}

/// What a decision left to be committed.
package struct Batch: Sendable {
    package let events: [Event]
    package let changes: [Entity.Change]

    package init(events: [Event], changes: [Entity.Change]) {
        self.events = events
        self.changes = changes
    }
}

extension Entity {
    package struct Change: Sendable {
        package let old: Entity?
        package let new: Entity
    }
}
