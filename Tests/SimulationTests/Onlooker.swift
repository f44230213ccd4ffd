import FleetDomain
import FleetTestSupport
import Testing

/// What was looked at, and in which history, so that a failure says how to repeat it.
struct Place {
    let seed: UInt64
    let step: String

    /// `scripts/plant-bugs` reads what this says.
    func expect(_ holds: Bool, _ rule: @autoclosure () -> String) {
        guard !holds else { return }
        Issue.record("found by seed \(seed): \(rule()), after \(step)")
    }
}

/// Reads the log event by event, and judges each by what was there before it; the rules are written down again, and
/// not taken from the code.
struct Onlooker {
    /// What the log says up to now.
    private(set) var ledger: Ledger
    /// Whether something may have been set aside, because what happened to it could not be stored.
    var maySetAside = false
    /// What was handed back and is not for the next one yet.
    private var cooling: [Resource.Key: [Cooling]] = [:]
    private(set) var preemptions = 0
    private(set) var servings = 0

    /// Leases that hold their window, and those that are in somebody's hands.
    static let holding: Set<LeaseStatus> = [.pending, .granted, .active, .overdue, .revoking]
    static let held: Set<LeaseStatus> = [.active, .overdue, .revoking, .preempting]
    static let heldLate: Set<LeaseStatus> = [.overdue, .revoking, .preempting]

    init(_ ledger: Ledger) { self.ledger = ledger }

    /// - Parameter command: the request id of a command of the simulation.
    mutating func follow(_ events: [Event], command: String, _ place: Place) {
        let own = events.filter { $0.requestID == command && $0.entity.kind != .crossing }
        let start = own.first?.position
        var before: Ledger?
        for event in events {
            if event.position == start { before = ledger }
            place.expect(event.position == ledger.position + 1, "invariant 7, a position was skipped")
            place.expect(event.at >= ledger.lastTime, "invariant 7, the time went back")
            judge(event, own, place)
            let was = event.entity.asLease.flatMap { ledger.leases[$0.id] }
            let counted = was?.allocation.flatMap { ledger.allocations[$0] }
            ledger.apply(event)
            if let lease = event.entity.asLease { note(lease, was, at: event.at) }
            let isTaken =
                event.type == .sharingPreempting || event.type == .sharingPreempted && was?.status == .granted
            if isTaken, let counted, let counts = ledger.allocations[counted.id]?.preemptions {
                place.expect(counts == counted.preemptions + 1, "invariant 5, a preemption is not counted")
            }
            if let before, event.position == own.last?.position {
                judgePromises(own, place)
                judgeKept(own, before, place)
            }
        }
        ledger.confirm()
    }

    private mutating func judge(_ event: Event, _ own: [Event], _ place: Place) {
        guard let lease = event.entity.asLease else { return }
        let was = ledger.leases[lease.id]
        let isNew = was.map { $0.status == .queued } ?? true && Self.holding.contains(lease.status)
        if isNew {
            judgeBeginning(lease, at: event.at, victims: Set(victims(among: own).map(\.id)), place)
            if event.requestID == Event.clock, !maySetAside, let id = lease.allocation,
                let allocation = ledger.allocations[id], let waiting = allocation.waiting
            {
                servings += 1
                judgeOrder(of: allocation, waiting, at: event.at, place)
            }
        }
        judgeToken(of: lease, was, place)
        if isTaken(lease, was) {
            preemptions += 1
            judgeVictim(lease, own, at: event.at, place)
        }
    }

    /// What an ending leaves to be waited for.
    private mutating func note(_ lease: Lease, _ was: Lease?, at now: Timestamp) {
        guard lease.status.isFinal, let was, let key = lease.resourceKey else { return }
        if Self.held.contains(was.status), lease.buffer > 0, let endedAt = lease.endedAt {
            cooling[key, default: []].removeAll { $0.until <= now }
            cooling[key, default: []].append(
                Cooling(until: endedAt + lease.buffer, quantity: lease.quantity))
        }
    }

    private struct Cooling {
        let until: Timestamp
        let quantity: Int64
    }

    private func resource(of lease: Lease) -> Resource? { lease.resourceKey.flatMap { ledger.resources[$0] } }

    /// Whether it has a unit of a class that would not be given to anybody else.
    private func isUsedUp(_ lease: Lease) -> Bool {
        lease.terms != nil && Self.held.contains(lease.status) && resource(of: lease)?.status != .available
    }

    /// Whether what it has, or one of those of which it gets one, may be taken away.
    func isInterruptible(_ lease: Lease) -> Bool {
        (resource(of: lease) ?? ledger.resources.values.first { $0.supply == lease.supply })?.interruptible == true
    }

    // MARK: What begins

    /// 1: beside what is promised, what is handed back cools; and what somebody holds late nobody else gets.
    private func judgeBeginning(_ lease: Lease, at now: Timestamp, victims: Set<Lease.ID>, _ place: Place) {
        let capacity = ledger.capacity(of: lease.supply, onlyAvailable: true)
        let others = ledger.leases.values.filter {
            $0.supply == lease.supply && $0.id != lease.id && !isUsedUp($0)
        }
        let promised = others.filter { Self.holding.contains($0.status) && $0.occupied.contains(lease.startsAt) }
        let units = cooling.keys.filter {
            let unit = ledger.resources[$0]
            return unit?.supply == lease.supply && (unit?.terms == nil || unit?.status == .available)
        }
        let cools = units.flatMap { cooling[$0] ?? [] }.filter { $0.until > lease.startsAt }
        let level = promised.reduce(0) { $0 + $1.quantity } + cools.reduce(0) { $0 + $1.quantity }
        place.expect(level + lease.quantity <= capacity, "invariant 1, promised while it is taken or cools")
        guard lease.startsAt <= now, others.contains(where: { Self.heldLate.contains($0.status) }) else { return }
        // What ends by itself has ended, though the clock may not have come round to it; and of what was set aside the
        // writer does not know that it is late: the promise waits until it is back.
        let inHands = others.filter {
            let isPast = $0.status == .active && $0.endsAt <= now
            return Self.held.contains($0.status) && !victims.contains($0.id)
                && !(isPast && ($0.handover == .automatic || maySetAside))
        }
        place.expect(
            inHands.reduce(lease.quantity) { $0 + $1.quantity } <= capacity, "invariant 1, not returned and handed on")
    }

    /// 4: whatever gives, or takes back, raises the token; and no two have the same thing in their hands.
    private func judgeToken(of lease: Lease, _ was: Lease?, _ place: Place) {
        guard was?.status != lease.status, [.active, .revoking, .preempting].contains(lease.status) else { return }
        let unit = lease.isUnit ? resource(of: lease)?.fencingToken ?? 0 : 0
        place.expect(
            (lease.fencingToken ?? 0) > max(was?.fencingToken ?? 0, unit),
            "invariant 4, no higher token when \(lease.status)")
        guard lease.status == .active, let resource = resource(of: lease) else { return }
        let inHands = ledger.leases.values.filter {
            $0.resourceKey == lease.resourceKey && $0.id != lease.id && Self.held.contains($0.status)
        }
        place.expect(
            inHands.reduce(lease.quantity) { $0 + $1.quantity } <= resource.capacity, "invariant 1, in too many hands")
    }
}
