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
            switch room(for: search, item, of: candidate, from: lender, at: start, attempt.picks) {
            case .success(let room):
                let quantity = min(missing, room, attempt.quantityMax(of: candidate))
                attempt.picks.take(quantity, of: candidate, from: lender)
                tally.considered += candidate.leases(for: quantity)
                missing -= quantity
            case .failure(let reason): tally.reject(reason.code, candidate.resources)
            }
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

    struct Shortage: Error {
        let code: ErrorCode
    }

    /// How much of the candidate may be picked, at least 1, or why it may not be.
    private func room(
        for search: Search, _ item: AllocationItem, of candidate: Candidate, from lender: Lender, at start: Timestamp,
        _ picks: Picks
    ) -> Result<Int64, Shortage> {
        let (resource, supply) = (candidate.resource, candidate.supply)
        guard candidate.capacity > 0, item.attributes.allSatisfy({ $0.admits(resource.attributes) }) else {
            return .failure(Shortage(code: .resourceUnavailable))
        }
        let window = Window(start: start, end: start + search.duration + resource.buffer)
        let taken = picks.taken(of: supply)
        let promised = search.ignoresPromises ? 0 : occupied(supply, over: window)
        var room = candidate.capacity - promised - taken
        func isFilled(_ most: Int64) -> Bool {
            room = min(room, most)
            return room <= 0
        }
        // What is not back cannot be handed over, whatever the calendar says.
        if start <= search.now, !search.ignoresPromises, isHeldLate(supply),
            isFilled(candidate.capacity - (possessed[supply] ?? 0) + (search.claimed[supply] ?? 0) - taken)
        {
            return .failure(Shortage(code: .unitNotReturned))
        }
        guard room > 0 else {
            return .failure(Shortage(code: resource.isUnit ? .windowConflict : .capacityExceeded))
        }
        guard lender.consent != .own else { return .success(room) }
        if isFilled(room - search.kept.quantity(of: supply, over: window)) {
            let code: ErrorCode = resource.isUnit ? .windowConflict : .capacityExceeded
            return .failure(Shortage(code: search.kept.areKnown(of: supply) ? .queuedAhead : code))
        }
        if let most = lender.most, isFilled(most - picks.lent(by: lender.fleet, item.type)) {
            return .failure(Shortage(code: .resourceUnavailable))
        }
        if let code = exhaustedQuota(for: search, item.type, of: lender.fleet, over: window, picks, &room) {
            return .failure(Shortage(code: code))
        }
        return .success(room)
    }

    /// The quota that leaves nothing, if one does; otherwise `room` is cut to what both leave.
    private func exhaustedQuota(
        for search: Search, _ type: ResourceType, of lender: Fleet.ID, over window: Window, _ picks: Picks,
        _ room: inout Int64
    ) -> ErrorCode? {
        guard !search.ignoresQuotas else { return nil }
        func peak(_ calendar: Calendar?) -> Int64 {
            search.ignoresPromises ? 0 : calendar?.peak(over: window) ?? 0
        }
        let lending = quotaKey(lender, type, search.federation.id)
        if let quota = quotas[lending] {
            let kept = search.kept.quantity(of: type, lentBy: lender, over: window)
            room = min(room, quota.lendable - peak(lent[lending]) - kept - picks.lent(by: lender, type))
            guard room > 0 else { return .lendingLimit }
        }
        let borrowing = quotaKey(search.target, type, search.federation.id)
        if let limit = quotas[borrowing]?.borrowingLimit {
            room = min(room, limit - peak(borrowed[borrowing]) - picks.borrowed(type))
            guard room > 0 else { return .borrowingLimit }
        }
        return nil
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
    func firstStart(_ search: Search, from earliest: Timestamp, to latest: Timestamp) -> Found {
        let first = attempt(search, at: earliest)
        var found = Found(attempt: first, start: earliest, isFound: first.isWhole)
        var looksLeft = search.looksMax
        for _ in 0..<AllocationLimits.startsMax where !found.isFound && looksLeft > 0 {
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
