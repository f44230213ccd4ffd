/// Where a request would find room.
extension Ledger {
    /// Windows in which the resource has room for the request, from `start` on, as far as the policy lets anyone
    /// book.
    ///
    /// - Parameters:
    ///   - limits: what else a window has to fit into.
    ///   - kept: what of the resource is left to those who wait.
    func gaps(
        of resource: Resource, quantity: Int64, _ duration: Seconds, from start: Timestamp,
        _ policy: FederationPolicy, within limits: [Room] = [], keeping kept: [Kept] = [], now: Timestamp
    ) -> Nearest {
        let horizon = now + policy.bookingHorizon
        let until = horizon + duration + resource.buffer
        var calendar = calendars[.resource(resource.key)] ?? Calendar()
        for one in kept { calendar.add(one.quantity, over: one.window) }
        let room = Room(calendar: calendar, ceiling: resource.capacity - quantity)
        let found = ([room] + limits).windows(
            of: duration + resource.buffer, from: start, until: until, count: SharingLimits.nearestWindows)
        let windows = found.map { Window(start: $0.start, end: $0.start + duration) }
        return Nearest(windows: windows.filter { $0.start <= horizon }, searchedUntil: horizon)
    }

    /// The free windows that a refusal names; none while the resource is not back, as nobody knows when it will be, nor
    /// of one that is not lent by name.
    func nearest(
        to request: SharingRequest, startsAt: Timestamp, of resource: Resource, _ federation: Federation,
        _ violations: [Violation], now: Timestamp
    ) -> Nearest? {
        guard !resource.pooled, !violations.contains(where: { $0.code == .unitNotReturned }) else { return nil }
        let lifted = request.within(federation.policy, startsAt: startsAt, now: now)
        return gaps(
            of: resource, quantity: request.quantity, lifted.end.seconds(since: lifted.start), from: lifted.start,
            federation.policy, within: quotaRooms(of: request, type: resource.type, in: federation.id),
            keeping: kept(from: request, resource, in: federation, now: now)[.resource(resource.key)] ?? [], now: now)
    }
}
