/// Late binding: which unit of its class a lease gets.
extension Ledger {
    /// Gives a lease that was granted a unit, if it is time for it; what begins at once is handed over as well.
    ///
    /// - Returns: the lease as it is then.
    mutating func bind(_ entity: Entity, _ context: inout Context) -> Entity {
        guard let lease = entity.asLease, let key = lease.unitClass, lease.status == .granted, lease.resource == nil,
            let bindsAt = lease.bindsAt, bindsAt <= context.now
        else { return entity }
        if let unit = freeUnit(for: lease, now: context.now) {
            bind(lease, to: unit, &context)
        } else {
            rearrange(key, placing: [lease], &context)
        }
        return leases[lease.id].map(Entity.lease) ?? entity
    }

    private mutating func bind(_ lease: Lease, to unit: Resource.ID, _ context: inout Context) {
        var lease = lease
        lease.resource = unit
        let isLate = lease.resourceKey.map { isHeldLate(.resource($0)) } ?? false
        lease.awaitingReturn = isBlocked(lease) && (lease.startsAt <= context.now || isLate)
        let entity = save(.sharingBound, lease, &context)
        guard var bound = entity.asLease, bound.handover == .automatic, bound.startsAt <= context.now,
            !bound.awaitingReturn
        else { return }
        hand(&bound, at: context.now)
        _ = save(.sharingActivated, bound, &context)
    }

    // MARK: Which unit

    /// The first unit that is there for the lease from its start, or from now on, to its end.
    func freeUnit(for lease: Lease, now: Timestamp) -> Resource.ID? {
        guard let terms = lease.terms, let unitClass = offers[lease.offerKey]?.unitClass(terms) else { return nil }
        func isThere(_ unit: Resource.ID) -> Bool { drawback(of: unit, for: lease, now: now) == .none }
        return unitClass.idle.first(where: isThere)
            ?? unitClass.units.first { isThere($0) && isUnbound($0, for: lease, now: now) }
    }

    /// Why another unit would be better.
    private enum Drawback: Int, Comparable {
        case none, cools, isNotBack, isUnavailable

        static func < (a: Drawback, b: Drawback) -> Bool { a.rawValue < b.rawValue }
    }

    private func drawback(of unit: Resource.ID, for lease: Lease, now: Timestamp) -> Drawback {
        let key = Resource.Key(fleet: lease.source, resource: unit)
        guard let unit = resources[key], unit.status == .available else { return .isUnavailable }
        let isHeld = lease.startsAt <= now && possessed[.resource(key)] != nil
        if isHeld || isHeldLate(.resource(key)) { return .isNotBack }
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
    }

    /// Whether a live lease of its class is bound to the unit.
    func isBound(_ key: Resource.Key) -> Bool {
        (leasesOfSupply[.resource(key)] ?? []).contains { leases[$0]?.terms != nil }
    }

    /// The class of a pooled unit.
    func unitClass(of unit: Resource) -> UnitClass? { unit.terms.flatMap { offers[unit.offerKey]?.unitClass($0) } }

    // MARK: Moving

    /// Finds units anew for all that are bound and have not begun, and for `waiting`, in the order of their starts: so
    /// there is one for each, as no more of the class is promised than there is.
    private mutating func rearrange(_ key: UnitClass.Key, placing waiting: [Lease], _ context: inout Context) {
        let now = context.now
        let units = offers[key.offer]?.unitClass(key.terms)?.units ?? []
        var taken: [Resource.ID: [Window]] = [:]
        var movable = waiting
        for unit in units {
            for lease in bound(to: Resource.Key(fleet: key.offer.fleet, resource: unit)) where lease.status.holdsWindow
            {
                if lease.status != .granted || lease.awaitingReturn && lease.startsAt <= now {
                    taken[unit, default: []].append(lease.occupied)
                } else if !waiting.contains(where: { $0.id == lease.id }) {
                    movable.append(lease)
                }
            }
        }
        movable.sort { (max($0.startsAt, now), $0.id) < (max($1.startsAt, now), $1.id) }
        var moves: [(Lease, Resource.ID)] = []
        for lease in movable {
            let span = lease.occupied.from(now)
            let free = units.filter { unit in !(taken[unit] ?? []).contains { $0.overlaps(span) } }
            let best = free.min { a, b in
                let (drawbackA, drawbackB) = (
                    drawback(of: a, for: lease, now: now), drawback(of: b, for: lease, now: now)
                )
                if drawbackA != drawbackB { return drawbackA < drawbackB }
                return a == lease.resource && b != lease.resource
            }
            guard let best else { continue }
            taken[best, default: []].append(span)
            if best != lease.resource { moves.append((lease, best)) }
        }
        for (lease, unit) in moves { bind(lease, to: unit, &context) }
    }

    /// The lease lasts longer: what was bound to its unit next gets another.
    mutating func makeWay(for lease: Lease, _ context: inout Context) {
        guard let key = lease.unitClass, let unit = lease.resource, !isUnbound(unit, for: lease, now: context.now)
        else {
            return
        }
        rearrange(key, placing: [], &context)
    }

    // MARK: Joining and leaving a class

    /// Whether the unit could be promised by itself from now on.
    func maySpare(_ unit: Resource, now: Timestamp) -> Bool {
        guard let unitClass = unitClass(of: unit) else { return true }
        return unitClass.idle.containsSorted(unit.key.resource) && !unit.cooling.contains { $0.until > now }
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
        for lease in bound where lease.status == .granted {
            if let unit = freeUnit(for: lease, now: context.now) {
                bind(lease, to: unit, &context)
            } else if !isSame, let key = lease.unitClass {
                rearrange(key, placing: [lease], &context)
            }
        }
        let promised = occupied(old.supply, over: Window(start: context.now, end: .distantFuture))
        let units = offers[old.offerKey]?.unitClass(old.terms ?? UnitTerms(text: ""))?.units.count ?? 0
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
