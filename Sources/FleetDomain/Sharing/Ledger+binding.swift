/// Late binding: which unit of its class a lease gets.
extension Ledger {
    /// Gives a lease that was granted a unit, if it is time for it; what begins at once is handed over as well.
    ///
    /// - Returns: the lease as it is then.
    mutating func bind(_ entity: Entity, _ context: inout Context) -> Entity {
        guard let lease = entity.asLease, lease.status == .granted, lease.resource == nil,
            let bindsAt = lease.bindsAt, bindsAt <= context.now
        else { return entity }
        if let unit = freeUnit(for: lease, orWorse: true, now: context.now) {
            bind(lease, to: unit, &context)
        } else {
            rearrange(placing: [lease], &context)
        }
        return leases[lease.id].map(Entity.lease) ?? entity
    }

    private mutating func bind(_ lease: Lease, to unit: Resource.ID, _ context: inout Context) {
        var lease = lease
        let isMoved = lease.resource != nil
        lease.resource = unit
        let isLate = lease.resourceKey.map { isHeldLate(.resource($0)) } ?? false
        lease.awaitingReturn = isBlocked(lease) && (lease.startsAt <= context.now || isLate)
        // Nobody could fetch it before there was a unit.
        if isMoved || lease.handover == .confirmed, lease.startsAt < context.now { lease.readyAt = context.now }
        let entity = save(.sharingBound, lease, &context)
        guard var bound = entity.asLease, bound.handover == .automatic, bound.startsAt <= context.now,
            !bound.awaitingReturn
        else { return }
        hand(&bound, at: context.now)
        _ = save(.sharingActivated, bound, &context)
    }

    /// Gives the lease another unit, if there is one that it can begin with.
    ///
    /// - Returns: the lease as it is then, or nil.
    mutating func rebind(_ lease: Lease, _ context: inout Context) -> Lease? {
        guard let unit = freeUnit(for: lease, now: context.now) else { return nil }
        bind(lease, to: unit, &context)
        return leases[lease.id]
    }

    // MARK: Which unit

    /// Why another unit would be better.
    private enum Drawback: Int, Comparable {
        case none, cools
        /// It is being taken away for whoever is bound to it.
        case isClaimed
        case isNotBack, isUnavailable

        static func < (a: Drawback, b: Drawback) -> Bool { a.rawValue < b.rawValue }
    }

    /// The first unit that is there for the lease from its start, or from now on, to its end.
    ///
    /// - Parameter orWorse: whether otherwise one will do that is not there yet, and promised to nobody else.
    func freeUnit(for lease: Lease, orWorse: Bool = false, now: Timestamp) -> Resource.ID? {
        guard let terms = lease.terms, let unitClass = offers[lease.offerKey]?.unitClass(terms) else { return nil }
        let start = max(lease.startsAt, now)
        for ready in unitClass.ready {
            guard ready.from <= start else { break }
            if drawback(of: ready.unit, for: lease, now: now) == .none { return ready.unit }
        }
        var best: (unit: Resource.ID, drawback: Drawback)?
        for unit in unitClass.units {
            let drawback = drawback(of: unit, for: lease, now: now)
            guard drawback < best?.drawback ?? (orWorse ? .isUnavailable : .cools),
                isUnbound(unit, for: lease, now: now)
            else { continue }
            best = (unit, drawback)
            if drawback == .none { break }
        }
        return best?.unit
    }

    private func drawback(of unit: Resource.ID, for lease: Lease, now: Timestamp) -> Drawback {
        let key = Resource.Key(fleet: lease.source, resource: unit)
        guard let unit = resources[key], unit.status == .available else { return .isUnavailable }
        let isHeld = lease.startsAt <= now && possessed[key] != nil
        if isHeld || isHeldLate(.resource(key)) {
            let late = heldLate[.resource(key)] ?? []
            return late.contains { leases[$0]?.status == .preempting } ? .isClaimed : .isNotBack
        }
        return unit.cooling.contains { $0.until > max(lease.startsAt, now) } ? .cools : .none
    }

    /// Whether no other lease is bound to the unit in the time that is left of this one.
    private func isUnbound(_ unit: Resource.ID, for lease: Lease, now: Timestamp) -> Bool {
        let span = lease.occupied.from(now)
        return !bound(to: Resource.Key(fleet: lease.source, resource: unit)).contains {
            $0.id != lease.id && $0.status.holdsWindow && $0.occupied.overlaps(span)
        }
    }

    private func bound(to key: Resource.Key) -> [Lease] {
        (leasesOfSupply[.resource(key)] ?? []).compactMap { leases[$0] }.filter { $0.terms != nil }
            .sorted { ($0.startsAt, $0.id) < ($1.startsAt, $1.id) }
    }

    /// The class of a pooled unit.
    func unitClass(of unit: Resource) -> UnitClass? { unit.terms.flatMap { offers[unit.offerKey]?.unitClass($0) } }

    // MARK: Moving

    /// Finds units for leases of a class for which none is left as the others are bound: these, and whoever has to make
    /// way, in the order of their starts. So there is one for each, as no more of the class is promised than there is.
    private mutating func rearrange(placing waiting: [Lease], _ context: inout Context) {
        guard let key = waiting.first?.unitClass, let unitClass = offers[key.offer]?.unitClass(key.terms) else {
            return
        }
        let now = context.now
        var taken: [Resource.ID: [Window]] = [:]
        var movable = waiting
        for unit in unitClass.units {
            for lease in bound(to: Resource.Key(fleet: key.offer.fleet, resource: unit)) where lease.status.holdsWindow
            {
                if lease.status != .granted || lease.startsAt <= now {
                    taken[unit, default: []].append(lease.occupied)
                } else if !waiting.contains(where: { $0.id == lease.id }) {
                    movable.append(lease)
                }
            }
        }
        let isWanted = Dictionary(grouping: movable.filter { $0.resource != nil }, by: \.resource)
        movable.sort { (max($0.startsAt, now), $0.id) < (max($1.startsAt, now), $1.id) }
        var moves: [(Lease, Resource.ID)] = []
        for lease in movable {
            let span = lease.occupied.from(now)
            func isFree(_ unit: Resource.ID) -> Bool { taken[unit]?.contains { $0.overlaps(span) } != true }
            // Who has a unit keeps it, if it can; who needs one takes rather what nobody else has.
            if let unit = lease.resource, unitClass.units.containsSorted(unit), isFree(unit),
                !waiting.contains(where: { $0.id == lease.id })
            {
                taken[unit, default: []].append(span)
                continue
            }
            let ranked = unitClass.units.filter(isFree).map { unit in
                let others = isWanted[unit]?.contains { $0.id != lease.id && $0.occupied.overlaps(span) } == true
                return (unit: unit, drawback: drawback(of: unit, for: lease, now: now), isWanted: others)
            }
            let best = ranked.min { a, b in
                a.drawback != b.drawback ? a.drawback < b.drawback : !a.isWanted && b.isWanted
            }
            guard let best else { continue }
            taken[best.unit, default: []].append(span)
            if best.unit != lease.resource { moves.append((lease, best.unit)) }
        }
        for (lease, unit) in moves { bind(lease, to: unit, &context) }
    }

    /// The lease lasts longer: what was bound to its unit next gets another.
    mutating func makeWay(for lease: Lease, _ context: inout Context) {
        guard lease.terms != nil, let key = lease.resourceKey else { return }
        for next in bound(to: key) where next.id != lease.id && next.status == .granted {
            guard next.occupied.overlaps(lease.occupied) else { continue }
            replace(next, &context)
        }
    }

    /// Gives a lease that is bound and has not begun another unit, whatever it takes.
    private mutating func replace(_ lease: Lease, _ context: inout Context) {
        if let unit = freeUnit(for: lease, orWorse: true, now: context.now), unit != lease.resource {
            bind(lease, to: unit, &context)
        } else {
            rearrange(placing: [lease], &context)
        }
    }

    // MARK: Joining and leaving a class

    /// Whether the unit could be promised by itself from now on.
    func maySpare(_ unit: Resource, keeping kept: KeptUnits, now: Timestamp) -> Bool {
        guard let unitClass = unitClass(of: unit) else { return true }
        return unit.status == .available && bound(to: unit.key).isEmpty && !unit.cooling.contains { $0.until > now }
            && kept[unit.supply] == nil
            && occupied(unit.supply, over: Window(start: now, end: .distantFuture)) < Int64(unitClass.units.count)
    }

    /// The resource was changed: what was bound to it and has not begun gets another unit, where it is of its class no
    /// more or not available.
    ///
    /// - Throws: `resource_in_use` when it is the class that is in use, or what leaves it or joins it.
    mutating func settleClass(of old: Resource, _ context: inout Context) throws(FleetError) {
        guard let new = resources[old.key] else { return }
        let isSame = old.terms == new.terms && new.status != .retired
        let bound = bound(to: old.key)
        if !isSame {
            guard bound.allSatisfy({ $0.status == .granted }) else {
                throw FleetError(.resourceInUse, "The unit is in use; its lease ends first.")
            }
            guard new.terms == nil || promised(of: old.key).count == bound.count else {
                throw FleetError(.resourceInUse, "The resource is promised by name; those leases end first.")
            }
        }
        guard old.terms != nil, !isSame || new.status != .available else { return }
        for lease in bound where lease.status == .granted { replace(lease, &context) }
        let promised = occupied(old.supply, over: Window(start: context.now, end: .distantFuture))
        let units = unitClass(of: old)?.units.count ?? 0
        guard isSame || promised <= Int64(units) else {
            throw FleetError(
                .resourceInUse, "Up to \(promised) of its class are promised at once; \(units) would be left.")
        }
    }
}

extension Window {
    /// What is left of it from `time` on; all of it when nothing is: it is looked at as of its time.
    fileprivate func from(_ time: Timestamp) -> Window { time < end ? Window(start: max(start, time), end: end) : self }
}
