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
        let lenders: [[Lender]]
        /// For an explanation: as if no quota stood in the way.
        var ignoresQuotas = false
    }

    func search(
        for items: [AllocationItem], target: Fleet.ID, in federation: Federation, _ duration: Seconds, now: Timestamp,
        onlyOwn: Bool
    ) -> Search {
        Search(
            target: target, federation: federation, items: items, duration: duration, now: now,
            lenders: items.map { item in
                lenders(
                    of: item.type, to: target, in: federation, quantity: item.quantity, duration: duration,
                    onlyOwn: onlyOwn, now: now)
            })
    }

    /// Picks resources for all items from one start on: of each lender in turn, by the resources' ids.
    func attempt(_ search: Search, at start: Timestamp) -> Attempt {
        var attempt = Attempt()
        for (index, item) in search.items.enumerated() {
            var missing = item.quantity
            let before = attempt.tally.considered
            for lender in search.lenders[index] where missing > 0 {
                for id in offers[OfferKey(fleet: lender.fleet, type: item.type)]?.resources ?? [] where missing > 0 {
                    guard let resource = resources[Resource.Key(fleet: lender.fleet, resource: id)] else { continue }
                    attempt.tally.considered += 1
                    switch room(for: search, item, of: resource, from: lender, at: start, attempt.picks) {
                    case .success(let room):
                        let quantity = min(missing, room)
                        attempt.picks.take(quantity, of: resource, from: lender)
                        missing -= quantity
                    case .failure(let reason):
                        attempt.tally.reject(reason.code)
                        attempt.passedOver = true
                    }
                }
            }
            attempt.missing.append(missing)
            attempt.isUnoffered = attempt.isUnoffered || attempt.tally.considered == before
        }
        return attempt
    }

    struct Shortage: Error {
        let code: ErrorCode
    }

    /// How much of the resource may be picked, at least 1, or why it may not be.
    private func room(
        for search: Search, _ item: AllocationItem, of resource: Resource, from lender: Lender, at start: Timestamp,
        _ picks: Picks
    ) -> Result<Int64, Shortage> {
        guard resource.status == .available, item.attributes.allSatisfy({ $0.admits(resource) }) else {
            return .failure(Shortage(code: .resourceUnavailable))
        }
        let window = Window(start: start, end: start + search.duration + resource.buffer)
        let taken = picks.taken(of: resource.key)
        if start <= search.now, isHeldLate(resource.key), (possessed[resource.key] ?? 0) + taken >= resource.capacity {
            return .failure(Shortage(code: .unitNotReturned))
        }
        var room = resource.capacity - occupied(resource, over: window) - taken
        guard room > 0 else {
            return .failure(Shortage(code: resource.isUnit ? .windowConflict : .capacityExceeded))
        }
        guard lender.consent != .own, !search.ignoresQuotas else { return .success(room) }
        let lending = Quota.Key(
            member: Member.Key(federation: search.federation.id, fleet: lender.fleet), type: item.type)
        if let quota = quotas[lending] {
            room = min(room, quota.lendable - peak(lent[lending], window) - picks.lent(by: lender.fleet, item.type))
            guard room > 0 else { return .failure(Shortage(code: .lendingLimit)) }
        }
        let borrowing = Quota.Key(
            member: Member.Key(federation: search.federation.id, fleet: search.target), type: item.type)
        if let limit = quotas[borrowing]?.borrowingLimit {
            room = min(room, limit - peak(borrowed[borrowing], window) - picks.borrowed(item.type))
            guard room > 0 else { return .failure(Shortage(code: .borrowingLimit)) }
        }
        return .success(room)
    }

    private func peak(_ calendar: Calendar?, _ window: Window) -> Int64 { calendar?.peak(over: window) ?? 0 }

    // MARK: Starts

    /// The first start, not before `earliest` and not after `latest`, from which all items can be given; with how far
    /// was looked.
    func firstStart(
        _ search: Search, from earliest: Timestamp, to latest: Timestamp
    ) -> (attempt: Attempt, start: Timestamp, isFound: Bool) {
        var start = earliest
        var attempt = attempt(search, at: start)
        for _ in 0..<AllocationLimits.startsMax where !attempt.isWhole {
            guard let next = nextStart(search, after: start), next <= latest else {
                return (attempt, latest, false)
            }
            start = next
            attempt = self.attempt(search, at: start)
        }
        return (attempt, start, attempt.isWhole)
    }

    /// The next instant after `start` at which something that is looked for becomes freer; nil when nothing does.
    private func nextStart(_ search: Search, after start: Timestamp) -> Timestamp? {
        var next: Timestamp?
        func offer(_ candidate: Timestamp?) {
            guard let candidate, candidate > start else { return }
            next = next.map { min($0, candidate) } ?? candidate
        }
        let horizon = search.now + search.federation.policy.bookingHorizon
        for (item, lenders) in zip(search.items, search.lenders) {
            var looked = 0
            for lender in lenders where looked < AllocationLimits.resourcesPerStart {
                for id in offers[OfferKey(fleet: lender.fleet, type: item.type)]?.resources ?? [] {
                    let key = Resource.Key(fleet: lender.fleet, resource: id)
                    guard looked < AllocationLimits.resourcesPerStart, let resource = resources[key],
                        resource.status == .available, item.attributes.allSatisfy({ $0.admits(resource) })
                    else { continue }
                    looked += 1
                    let length = search.duration + resource.buffer
                    offer(easing(of: calendars[key], length, after: start, until: horizon))
                    for cooling in resource.cooling { offer(cooling.until) }
                    guard lender.consent != .own else { continue }
                    for (fleet, calendar) in [(lender.fleet, lent), (search.target, borrowed)] {
                        let quota = Quota.Key(
                            member: Member.Key(federation: search.federation.id, fleet: fleet), type: item.type)
                        if quotas[quota] != nil {
                            offer(easing(of: calendar[quota], length, after: start, until: horizon))
                        }
                    }
                }
            }
        }
        return next.flatMap { $0 <= horizon ? $0 : nil }
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
