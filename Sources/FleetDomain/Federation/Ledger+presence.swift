import HeapModule

/// Signs of life. When a fleet was heard last is not in the log: a sign changes nothing as long as they keep coming. A fleet
/// of which none is known has its interval again from when it is looked at first.
extension Ledger {
    /// The fleet lives, and will say so again within `interval`.
    ///
    /// - Parameter isTrial: nothing is to be remembered.
    package mutating func heartbeat(
        _ id: Fleet.ID, interval: Seconds, isTrial: Bool, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var fleet = try ownedFleet(id, context.principal, .fleetOperate)
        guard fleet.status == .active else { throw FleetError(.invalidTransition, "The fleet is retired.") }
        context.actingFleet = id
        if fleet.heartbeatInterval != interval {
            fleet.heartbeatInterval = interval
            fleet.version += 1
            fleet.updatedAt = context.now
            record(.fleetUpdated, .fleet(fleet), &context)
        }
        setPresence(of: id, to: .reachable, &context)
        if !isTrial {
            heard[id] = context.now
            listen(to: id, until: context.now + interval)
        }
        return .fleet(fleet)
    }

    /// Goes on from signs that were heard before the state was loaded. Later ones that are known count.
    ///
    /// - Parameter now: before which all of them are.
    package mutating func recall(_ signs: [Fleet.ID: Timestamp], now: Timestamp) {
        heard.merge(signs.mapValues { min($0, now) }) { max($0, $1) }
    }

    /// How long those have been silent that were heard, in milliseconds.
    package func silences(until now: Timestamp) -> [Fleet.ID: Int64] {
        heard.filter { listening.contains($0.key) }.mapValues { now.milliseconds - $0.milliseconds }
    }

    /// Nobody could be heard for a while: each fleet has its interval again.
    package mutating func forgetSigns(now: Timestamp) {
        for id in heard.keys { heard[id] = now }
    }

    /// Looks whether the fleet was heard in time.
    ///
    /// - Returns: whether anything changed.
    mutating func elapseSilence(of id: Fleet.ID, _ context: inout Context) -> Bool {
        listening.remove(id)
        guard let fleet = fleets[id], fleet.status == .active, let interval = fleet.heartbeatInterval,
            !asideSilences.contains(id)
        else { return false }
        let last = heard[id] ?? context.now
        heard[id] = last
        guard last + interval <= context.now else {
            listen(to: id, until: last + interval)
            return false
        }
        return setPresence(of: id, to: .unreachable, &context)
    }

    /// Has the fleet looked at again at that time, if that is not to be anyway.
    mutating func listen(to id: Fleet.ID, until time: Timestamp) {
        if listening.insert(id).inserted { due.insert(Due(at: time, subject: .silence(id))) }
    }

    @discardableResult
    private mutating func setPresence(of id: Fleet.ID, to presence: Presence, _ context: inout Context) -> Bool {
        var isChanged = false
        for federation in (federationsOfFleet[id] ?? []).sorted() {
            guard var member = members[Member.Key(federation: federation, fleet: id)], member.status.isPresent,
                member.presence != presence, presence == .reachable || member.presence != nil
            else { continue }
            member.presence = presence
            record(presence == .reachable ? .presenceReachable : .presenceUnreachable, .member(member), &context)
            isChanged = true
        }
        return isChanged
    }
}
