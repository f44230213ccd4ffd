/// The engine's search: which resources, of whom, from when.
extension Ledger {
    /// What is looked for, however often at different starts.
    struct Search {
        let target: Fleet.ID
        let federation: Federation
        var items: [AllocationItem]
        let duration: Seconds
        let now: Timestamp
        /// Of each item, who is asked, in order.
        var lenders: [[Lender]]
        /// For an explanation: as if no quota stood in the way.
        var ignoresQuotas = false
        /// Whether it could ever be given: as if nothing were promised and everything were back.
        var ignoresPromises = false
        /// Resources that are looked at for all starts after the first.
        var looksMax = AllocationLimits.looksMax
        /// What those hold from whom something is taken for it.
        var claimed: [Supply: Int64] = [:]
        /// What is left to those who wait already.
        var kept: KeptUnits = [:]

        /// Whether there are any of whom the borrower learns nothing but what it is given.
        var hasConcealed: Bool { lenders.contains { $0.contains(where: \.isConcealed) } }

        /// Without those of whom the borrower learns nothing but what it is given.
        var open: Search {
            var open = self
            open.lenders = lenders.map { $0.filter { !$0.isConcealed } }
            return open
        }
    }

    func search(
        for items: [AllocationItem], target: Fleet.ID, in federation: Federation, _ duration: Seconds, now: Timestamp,
        onlyOwn: Bool
    ) -> Search {
        Search(
            target: target, federation: federation, items: items, duration: duration, now: now,
            lenders: items.map { item in
                lenders(
                    of: item.type, to: target, in: federation, duration: duration, onlyOwn: onlyOwn, now: now)
            })
    }

    /// Picks resources for all items from one start on: of each lender in turn, by the resources' ids.
    ///
    /// - Parameter looksMax: resources that are looked at; what is found by then counts.
    func attempt(_ search: Search, at start: Timestamp, looksMax: Int = .max) -> Attempt {
        var attempt = Attempt(looksMax: looksMax)
        for (index, item) in search.items.enumerated() {
            var missing = item.quantity
            var tally = Tally()
            for lender in search.lenders[index] where missing > 0 && !attempt.isOver {
                var one = Tally()
                pick(search, item, of: lender, at: start, &missing, &attempt, &one)
                if !lender.isConcealed { tally.add(one) }
            }
            attempt.isUnoffered = attempt.isUnoffered || tally.considered == 0 && missing > 0
            attempt.passedOver = attempt.passedOver || !tally.rejected.isEmpty
            attempt.tally.add(tally)
            attempt.missing.append(missing)
        }
        return attempt
    }

    private func pick(
        _ search: Search, _ item: AllocationItem, of lender: Lender, at start: Timestamp, _ missing: inout Int64,
        _ attempt: inout Attempt, _ tally: inout Tally
    ) {
        guard let offer = offers[OfferKey(fleet: lender.fleet, type: item.type)] else { return }
        guard offer.has(item.attributes) else {
            return tally.reject(.resourceUnavailable, offer.count)
        }
        guard search.ignoresPromises || !offer.isTaken(over: Window(start: start, end: start + search.duration)) else {
            tally.reject(.windowConflict, offer.availableUnits)
            tally.reject(.capacityExceeded, offer.availablePools)
            return tally.reject(
                .resourceUnavailable, offer.count - offer.availableUnits - offer.availablePools)
        }
        func look(at candidate: Candidate) {
            attempt.looks += 1
            let space = space(for: search, item, of: candidate, from: lender, at: start, attempt.picks)
            if space.meetsQuota { attempt.meetsQuota = true }
            guard space.quantity > 0 else { return tally.reject(space.limit, candidate.resources) }
            let quantity = min(missing, space.quantity, attempt.quantityMax(of: candidate))
            attempt.picks.take(quantity, of: candidate, from: lender)
            tally.considered += candidate.leases(for: quantity)
            missing -= quantity
            if missing > 0, candidate.resources > 1 { tally.reject(space.limit, candidate.resources - Int(quantity)) }
        }
        // Where any unit will do, none is used up that somebody may ask for by name.
        for unitClass in offer.classes where missing > 0 && !attempt.isOver {
            if let candidate = candidate(unitClass, of: lender.fleet) { look(at: candidate) }
        }
        for id in offer.resources where missing > 0 && !attempt.isOver {
            let key = Resource.Key(fleet: lender.fleet, resource: id)
            if let candidate = resources[key].map(Candidate.init) { look(at: candidate) }
        }
    }

    /// How much of a candidate may be picked, and why no more than that.
    private struct Space {
        private(set) var quantity: Int64
        private(set) var limit: ErrorCode
        /// Whether a quota leaves less than there is.
        private(set) var meetsQuota = false

        init(_ quantity: Int64, _ limit: ErrorCode) {
            self.quantity = quantity
            self.limit = limit
        }

        /// - Returns: whether nothing is left.
        mutating func cut(to most: Int64, _ reason: ErrorCode) -> Bool {
            guard most < quantity else { return quantity <= 0 }
            quantity = most
            limit = reason
            if reason == .lendingLimit || reason == .borrowingLimit { meetsQuota = true }
            return most <= 0
        }
    }

    private func space(
        for search: Search, _ item: AllocationItem, of candidate: Candidate, from lender: Lender, at start: Timestamp,
        _ picks: Picks
    ) -> Space {
        let (resource, supply) = (candidate.resource, candidate.supply)
        guard candidate.capacity > 0, item.attributes.allSatisfy({ $0.admits(resource.attributes) }) else {
            return Space(0, .resourceUnavailable)
        }
        let taken: ErrorCode = resource.isUnit ? .windowConflict : .capacityExceeded
        let window = Window(start: start, end: start + search.duration + resource.buffer)
        let left = candidate.capacity - picks.taken(of: supply)
        var space = Space(left, taken)
        if !search.ignoresPromises {
            // What is not back cannot be handed over, whatever the calendar says.
            let isLate = start <= search.now && isHeldLate(supply)
            let late = isLate ? occupiedOrLate(candidate, over: window) : (level: 0, late: 0)
            let claimed = search.claimed[supply] ?? 0
            if isLate, space.cut(to: left - late.late + claimed, .unitNotReturned) { return space }
            if space.cut(to: left - occupied(candidate, over: window), taken) { return space }
            if isLate, space.cut(to: left - late.level + claimed, .unitNotReturned) { return space }
        }
        guard lender.consent != .own, space.quantity > 0 else { return space }
        let kept = search.kept.areKnown(of: supply) ? ErrorCode.queuedAhead : taken
        if space.cut(to: space.quantity - search.kept.quantity(of: supply, over: window), kept) { return space }
        if let most = lender.most, space.cut(to: most - picks.lent(by: lender.fleet, item.type), .resourceUnavailable) {
            return space
        }
        cut(&space, toQuotasOf: search, item.type, of: lender.fleet, over: window, picks)
        return space
    }

    /// What the quotas of both leave.
    private func cut(
        _ space: inout Space, toQuotasOf search: Search, _ type: ResourceType, of lender: Fleet.ID,
        over window: Window, _ picks: Picks
    ) {
        guard !search.ignoresQuotas else { return }
        func peak(_ calendar: Calendar?) -> Int64 {
            search.ignoresPromises ? 0 : calendar?.peak(over: window) ?? 0
        }
        let lending = quotaKey(lender, type, search.federation.id)
        if let quota = quotas[lending] {
            let kept = search.kept.quantity(of: type, lentBy: lender, over: window)
            let left = quota.lendable - peak(lent[lending]) - kept - picks.lent(by: lender, type)
            if space.cut(to: left, .lendingLimit) { return }
        }
        let borrowing = quotaKey(search.target, type, search.federation.id)
        if let limit = quotas[borrowing]?.borrowingLimit {
            _ = space.cut(to: limit - peak(borrowed[borrowing]) - picks.borrowed(type), .borrowingLimit)
        }
    }

    // MARK: Starts

    /// What a search over starts came to.
    struct Found {
        /// The one from which all can be given, or else the first.
        var attempt: Attempt
        /// From when that is, or up to when was looked.
        var start: Timestamp
        var isFound: Bool
    }

    /// The first start, not before `earliest` and not after `latest`, from which all items can be given.
    ///
    /// - Parameter first: the attempt at `earliest`, where it was made already.
    func firstStart(
        _ search: Search, from earliest: Timestamp, to latest: Timestamp, knowing first: Attempt? = nil
    ) -> Found {
        let first = first ?? attempt(search, at: earliest)
        var found = Found(attempt: first, start: earliest, isFound: first.isWhole)
        var looksLeft = search.looksMax
        for _ in 0..<AllocationLimits.startsMax where !found.isFound && looksLeft > 0 && found.start < latest {
            guard let next = nextStart(search, after: found.start), next <= latest else {
                found.start = latest
                return found
            }
            found.start = next
            let later = attempt(search, at: next, looksMax: looksLeft)
            looksLeft -= later.looks
            if later.isWhole {
                found.attempt = later
                found.isFound = true
            }
        }
        return found
    }

    /// The next instant after `start` at which something that is looked for becomes freer, as far as was looked; nil
    /// when nothing does.
    private func nextStart(_ search: Search, after start: Timestamp) -> Timestamp? {
        let horizon = search.now + search.federation.policy.bookingHorizon
        var next: Timestamp?
        func note(_ candidate: Timestamp?) {
            guard let candidate, candidate > start, candidate <= horizon else { return }
            next = next.map { min($0, candidate) } ?? candidate
        }
        for (item, lenders) in zip(search.items, search.lenders) {
            var looks = 0
            for lender in lenders {
                guard let offer = offers[OfferKey(fleet: lender.fleet, type: item.type)], offer.has(item.attributes)
                else { continue }
                note(easing(of: offer.promised, search.duration, after: start, until: horizon))
                for candidate in candidates(
                    of: offer, lender.fleet, atMost: AllocationLimits.resourcesPerStart - looks)
                {
                    looks += 1
                    guard candidate.capacity > 0 else { continue }
                    let length = search.duration + candidate.resource.buffer
                    note(easing(of: calendars[candidate.supply], length, after: start, until: horizon))
                    for kept in search.kept[candidate.supply] ?? [] { note(kept.window.end) }
                }
                guard lender.consent != .own else { continue }
                for (fleet, calendars) in [(lender.fleet, lent), (search.target, borrowed)] {
                    let member = Member.Key(federation: search.federation.id, fleet: fleet)
                    let quota = Quota.Key(member: member, type: item.type)
                    guard quotas[quota] != nil else { continue }
                    note(easing(of: calendars[quota], search.duration, after: start, until: horizon))
                }
            }
        }
        return next
    }

    /// When a window of `length` first has a lower peak than one that begins now.
    private func easing(
        of calendar: Calendar?, _ length: Seconds, after start: Timestamp, until horizon: Timestamp
    ) -> Timestamp? {
        guard let calendar, case let peak = calendar.peak(over: Window(start: start, end: start + length)), peak > 0
        else { return nil }
        return calendar.gaps(
            of: length, atMost: peak - 1, from: start, until: horizon + length, count: 1
        ).first?.start
    }
}
