import FleetDomain
import FleetTestSupport

/// The metrics of one federation and period by another way: every event of the log is read in order, and time is
/// added up instant by instant. Slow, and with nothing in common with the calculator but the definitions.
struct MetricsFromLog {
    let federation: Federation.ID
    let from: Timestamp
    let to: Timestamp
    let now: Timestamp
    /// Whose figures; nil is all.
    let fleets: Set<Fleet.ID>?

    struct Use: Equatable {
        var offered: Int128 = 0
        var active: Int128 = 0
        var idle: Int128 = 0
        var overdue: Int128 = 0
    }

    private(set) var use: [ResourceType: Use] = [:]
    /// In unit-milliseconds.
    private(set) var lent: [FleetPair: Int128] = [:]
    private(set) var borrowedByType: [Fleet.ID: [ResourceType: Int128]] = [:]
    private(set) var satisfied: Int64 = 0
    private(set) var failed: Int64 = 0
    private(set) var checks: Int64 = 0
    private(set) var violations: Int64 = 0
    private(set) var acknowledged: Int64 = 0
    var accepted: Int64 { Int64(deliveries.count) }
    /// Those that were accepted in the period.
    private var deliveries: Set<Delivery.ID> = []
    /// In milliseconds.
    private(set) var latencies: [Int64] = []

    private var members: [Fleet.ID: Member] = [:]
    private var membersAtEnd: [Fleet.ID: Member] = [:]
    private var weights: [Fleet.ID: [ResourceType: Int64]] = [:]
    private var resources: [Resource.Key: Resource] = [:]
    private var isDissolved = false
    private var lives: [Lease.ID: Life] = [:]
    private var asked: [Allocation.ID: (at: Timestamp, cancelledAt: Timestamp?)] = [:]

    /// What the log tells of one lease.
    private struct Life {
        let askedAt: Timestamp
        var last: Lease
        var lastAt: Timestamp
        var grantedAt: Timestamp?
        var decidedAt: Timestamp?
        var begun: Timestamp?
        var ended: Timestamp?
        var end: EventType?
        var wasWithdrawn = false
    }

    init(
        _ log: [Event], of federation: Federation.ID, from: Timestamp, to: Timestamp, now: Timestamp,
        fleets: Set<Fleet.ID>?
    ) {
        self.federation = federation
        self.from = from
        self.to = to
        self.now = now
        self.fleets = fleets
        var time = Timestamp(milliseconds: 0)
        for event in log {
            addOffers(from: time, to: event.at)
            time = event.at
            read(event)
            if event.at <= to { membersAtEnd = members }
        }
        addOffers(from: time, to: now)
        for life in lives.values { addUse(of: life) }
        addRequests()
    }

    private func isOurs(_ fleet: Fleet.ID) -> Bool { fleets?.contains(fleet) ?? true }
    private func isInPeriod(_ time: Timestamp) -> Bool { from <= time && time < to && time <= now }

    // MARK: Event by event

    private mutating func read(_ event: Event) {
        switch event.entity {
        case .member(let member) where member.key.federation == federation: members[member.key.fleet] = member
        case .resource(let resource): resources[resource.key] = resource
        case .federation(let changed) where changed.id == federation: isDissolved = changed.status == .dissolved
        case .quota(let quota) where quota.key.member.federation == federation:
            weights[quota.key.member.fleet, default: [:]][quota.key.type] = quota.isRemoved ? nil : quota.weight
        case .crossing(let crossing) where event.type == .violationBlocked:
            let isMember = members[crossing.protected]?.status.isPresent ?? false
            if isMember, isOurs(crossing.protected), isInPeriod(event.at) { checks += crossing.count }
        case .allocation(let allocation) where allocation.federation == federation: read(allocation, event)
        case .lease(let lease) where lease.federation == federation: read(lease, event)
        case .message(let message) where message.federation == federation && isInPeriod(event.at):
            for recipient in message.recipients
            where isOurs(recipient.fleet) || isOurs(message.source) && !recipient.isConcealed {
                deliveries.insert(recipient.delivery)
            }
        case .delivery(let delivery) where deliveries.contains(delivery.id):
            if event.type == .messageAcknowledged { acknowledged += 1 }
        default: break
        }
    }

    private mutating func read(_ allocation: Allocation, _ event: Event) {
        guard isOurs(allocation.target) else { return }
        if event.type == .allocationCancelled {
            asked[allocation.id]?.cancelledAt = event.at
        } else if allocation.status != .refused {
            asked[allocation.id] = (event.at, nil)
        }
    }

    private mutating func read(_ lease: Lease, _ event: Event) {
        guard isOurs(lease.source) || isOurs(lease.target) else { return }
        var life = lives[lease.id] ?? Life(askedAt: event.at, last: lease, lastAt: event.at)
        if life.grantedAt == nil, lease.status == .granted || lease.status == .active {
            life.grantedAt = event.at
            readGrant(of: lease, event)
        }
        if life.decidedAt == nil, life.grantedAt != nil || [.sharingRejected, .sharingExpired].contains(event.type) {
            life.decidedAt = event.at
        }
        if life.begun == nil, lease.status == .active {
            life.begun =
                lease.handover == .confirmed ? event.at : [lease.startsAt, lease.readyAt].compactMap(\.self).max()
        }
        if lease.status.isFinal {
            let isOnTime = lease.handover == .automatic && event.type == .sharingCompleted
            life.ended = isOnTime ? min(event.at, lease.endsAt) : event.at
            life.end = event.type
            life.wasWithdrawn = event.type == .sharingCancelled && event.actingFleet == lease.target
        }
        life.last = lease
        life.lastAt = event.at
        lives[lease.id] = life
    }

    /// With the levels as they are at this position of the log.
    private mutating func readGrant(of lease: Lease, _ event: Event) {
        guard lease.source != lease.target, isInPeriod(event.at) else { return }
        let levels = [lease.source, lease.target].map { members[$0]?.isolationLevel ?? .sealed }
        let isApproved = !levels.contains { $0 == .medium || $0 == .high } || lease.wasApproved
        checks += 1
        if levels.contains(.sealed) || !isApproved { violations += 1 }
    }

    private mutating func addOffers(from start: Timestamp, to end: Timestamp) {
        let length = min(end, min(to, now)).milliseconds - max(start, from).milliseconds
        guard length > 0, !isDissolved else { return }
        for (key, resource) in resources where resource.status == .available && isOurs(key.fleet) {
            guard let status = members[key.fleet]?.status, [.active, .suspended, .leaving].contains(status) else {
                continue
            }
            use[resource.type, default: Use()].offered += Int128(resource.capacity) * Int128(length)
        }
    }

    // MARK: Lease by lease

    /// Between two instants at which anything changes it is the same throughout, so its middle says what it is.
    private mutating func addUse(of life: Life) {
        let lease = life.last
        let running = lease.handover == .automatic && lease.status == .active ? min(now, lease.endsAt) : now
        let end = life.ended ?? running
        let ready = max(lease.startsAt, lease.readyAt ?? lease.startsAt)
        let cuts = [lease.startsAt, lease.endsAt, ready, life.begun ?? now, end, from, to, now].map(\.milliseconds)
        let wasKeptOut = lease.awaitingReturn || lease.statusReason == "unit_not_returned"
        let isIdleKind = lease.handover == .confirmed && life.grantedAt != nil && !wasKeptOut
        for (start, stop) in zip(cuts.sorted(), cuts.sorted().dropFirst()) where start < stop {
            guard start >= from.milliseconds, stop <= min(to, now).milliseconds else { continue }
            let middle = Double(start) / 2 + Double(stop) / 2
            func isAfter(_ time: Timestamp?) -> Bool { time.map { Double($0.milliseconds) < middle } ?? false }
            let amount = Int128(lease.quantity) * Int128(stop - start)
            let isHeld = isAfter(life.begun) && !isAfter(end)
            if isOurs(lease.source) {
                if isHeld, !isAfter(lease.endsAt) { use[lease.resourceType, default: Use()].active += amount }
                if isHeld, isAfter(lease.endsAt) { use[lease.resourceType, default: Use()].overdue += amount }
                if isIdleKind, isAfter(ready), !isAfter(lease.endsAt), !isAfter(life.begun), !isAfter(end) {
                    use[lease.resourceType, default: Use()].idle += amount
                }
            }
            let isLent = life.begun.map { $0 < end } ?? false
            if lease.source != lease.target, isLent, isAfter(lease.startsAt), !isAfter(end) {
                lent[FleetPair(source: lease.source, target: lease.target), default: 0] += amount
                borrowedByType[lease.target, default: [:]][lease.resourceType, default: 0] += amount
            }
        }
    }

    private mutating func addRequests() {
        for life in lives.values where life.last.allocation == nil && isOurs(life.last.target) {
            switch life.end {
            case nil where [.active, .overdue].contains(life.last.status): count(&satisfied, life.begun)
            case .sharingCompleted: count(&satisfied, life.begun)
            case .sharingRejected, .sharingExpired, .sharingRevoked, .sharingPreempted: count(&failed, life.ended)
            case .sharingCancelled where !life.wasWithdrawn: count(&failed, life.ended)
            default: break
            }
            addLatency(life.decidedAt, since: life.askedAt)
        }
        let made = Dictionary(grouping: lives.values.filter { $0.last.allocation != nil }) { $0.last.allocation }
        for (id, request) in asked { addRequest(request, made[id] ?? []) }
    }

    private mutating func addRequest(_ request: (at: Timestamp, cancelledAt: Timestamp?), _ leases: [Life]) {
        if let begun = leases.compactMap(\.begun).min() {
            count(&satisfied, begun)
        } else if leases.allSatisfy({ $0.end != nil }), !leases.contains(where: \.wasWithdrawn),
            leases.contains(where: { $0.end != .sharingNoShow })
        {
            count(&failed, (leases.map(\.lastAt) + [request.cancelledAt].compactMap(\.self)).max())
        }
        let isOpen = leases.contains { $0.decidedAt == nil && $0.end == nil }
        if !isOpen { addLatency(leases.compactMap(\.decidedAt).max(), since: request.at) }
    }

    private func count(_ counter: inout Int64, _ time: Timestamp?) {
        if let time, isInPeriod(time) { counter += 1 }
    }

    private mutating func addLatency(_ decidedAt: Timestamp?, since askedAt: Timestamp) {
        guard let decidedAt, isInPeriod(decidedAt) else { return }
        latencies.append(decidedAt.milliseconds - askedAt.milliseconds)
    }

    // MARK: Figures

    /// The value that at least `percent` of all do not exceed, in seconds.
    func latency(_ percent: Int) -> Double? {
        latencies.sorted().first { value in latencies.count { $0 <= value } * 100 >= percent * latencies.count }
            .map { Double($0) / 1000 }
    }

    /// The reciprocal of the mean of squares over the square of the mean.
    var fairness: Double? {
        guard fleets == nil, !lent.isEmpty else { return nil }
        let types = Set(borrowedByType.values.flatMap(\.keys))
        var shares: [Double] = []
        for (fleet, member) in membersAtEnd where member.status == .active && member.resourceSharing {
            let entitled = types.filter { weights[fleet]?[$0] ?? 1 > 0 }
            if entitled.isEmpty { continue }
            shares.append(
                entitled.reduce(0) { sum, type in
                    sum + Double(borrowedByType[fleet]?[type] ?? 0) / Double(weights[fleet]?[type] ?? 1)
                })
        }
        let mean = shares.reduce(0, +) / Double(shares.count)
        guard mean > 0 else { return nil }
        return 1 / (shares.reduce(0) { $0 + ($1 / mean) * ($1 / mean) } / Double(shares.count))
    }
}
