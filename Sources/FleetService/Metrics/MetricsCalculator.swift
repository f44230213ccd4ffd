package import FleetDomain
package import FleetStore

/// The Metrics Calculator: how well coordination worked in a federation, made from its tables and the log.
///
/// Every figure follows from the log. What the tables keep of it is read there, because a lease is one row and many
/// events; the log itself has what a row has forgotten: how a membership or a resource was before it changed, and which
/// crossings were denied.
package struct MetricsCalculator: Sendable {
    private let store: Store
    private let pageSize: Int

    /// - Parameter pageSize: rows read in one go; by default enough to make a read cheap, and few enough to stay small.
    package init(store: Store, pageSize: Int = 1000) {
        self.store = store
        self.pageSize = pageSize
    }

    /// Measures a federation:
    ///
    /// 1. who took part, and when;
    /// 2. what its members offered;
    /// 3. which crossings were denied;
    /// 4. its leases, each once;
    /// 5. its allocations, each with all its leases;
    /// 6. its messages, counted;
    /// 7. the weights of the members' entitlements, and what it all comes to.
    ///
    /// What is committed meanwhile may be counted or not; nothing is counted twice.
    package func report(
        on federation: Federation, for reader: Principal, _ scope: MetricsScope, _ period: MetricsPeriod
    ) async throws(StoreError) -> MetricsReport {
        let members = try await members(of: federation.id)
        let histories = try await histories(of: members, in: federation.id, period)
        var tally = MetricsTally(period, scope, members: histories)
        try await addOffers(of: federation, to: &tally)
        try await addDenials(towards: members.map(\.key.fleet), to: &tally)
        try await addLeases(of: federation.id, to: &tally)
        try await addAllocations(of: federation.id, to: &tally)
        for messages in try await store.measuredMessages(of: federation.id, fleets: scope.fleets, in: period) {
            tally.add(messages)
        }
        let weights = scope == .federation ? try await weights(in: federation.id) : [:]
        let view = View(reader: reader)
        let current = Dictionary(members.map { ($0.key.fleet, $0) }) { _, last in last }
        return tally.report(weights: weights) { view.sees($0, members: current) }
    }

    // MARK: 1. Who took part

    private func members(of federation: Federation.ID) async throws(StoreError) -> [Member] {
        var members: [Member] = []
        try await forEach { (last: Member?, size) throws(StoreError) in
            try await store.memberships(of: federation, after: last?.key.fleet, size: size)
        } do: {
            members.append($0)
        }
        return members
    }

    private static let memberEvents: [EventType] = [
        .memberInvited, .memberJoined, .memberUpdated, .memberSuspended, .memberResumed, .memberLeaving, .memberLeft,
    ]

    /// The log is read only where a membership changed in the period.
    private func histories(
        of members: [Member], in federation: Federation.ID, _ period: MetricsPeriod
    ) async throws(StoreError) -> [MembershipHistory] {
        let start = period.window.start
        let changed = Set(members.filter { !$0.isUnchanged(since: start) }.map(\.key.fleet))
        let unchanged = members.filter { !changed.contains($0.key.fleet) }.map(MembershipHistory.init)
        guard !changed.isEmpty else { return unchanged }
        var states: [Fleet.ID: [MembershipHistory.State]] = [:]
        try await forEachEvent(
            Self.memberEvents, "federation_id", [federation.description], from: Timestamp(milliseconds: 0)
        ) { event in
            guard case .member(let member) = event.entity, member.key.federation == federation,
                changed.contains(member.key.fleet)
            else { return }
            states[member.key.fleet, default: []].append(
                MembershipHistory.State(since: event.at, position: event.position, member))
        }
        return unchanged + states.values.compactMap(MembershipHistory.init)
    }

    // MARK: 2. What was offered

    private func addOffers(of federation: Federation, to tally: inout MetricsTally) async throws(StoreError) {
        let (period, scope) = (tally.period, tally.scope)
        // A federation that is dissolved has members for ever, and offers nothing any more.
        let end = federation.status == .dissolved ? min(federation.updatedAt, period.asOf) : period.asOf
        var changed: Set<Resource.Key> = []
        try await forEach { (last: MeasuredResource?, size) throws(StoreError) in
            try await store.measuredResources(
                of: federation.id, fleets: scope.fleets, since: period.window.start, after: last?.key, size: size)
        } do: { resource in
            if resource.isUnchanged(since: period.window.start) {
                tally.addOffer(resource, from: resource.updatedAt, until: end)
            } else {
                changed.insert(resource.key)
            }
        }
        try await addOffers(of: changed, until: end, to: &tally)
    }

    /// What resources offered that changed in the period, from one of their events to the next.
    private func addOffers(
        of changed: Set<Resource.Key>, until end: Timestamp, to tally: inout MetricsTally
    ) async throws(StoreError) {
        guard !changed.isEmpty else { return }
        var current: [Resource.Key: MeasuredResource] = [:]
        try await forEachEvent(
            [.resourceRegistered, .resourceUpdated, .resourceRetired], "fleet_id",
            Set(changed.map(\.fleet.description)).sorted(), from: Timestamp(milliseconds: 0)
        ) { event in
            guard case .resource(let resource) = event.entity, changed.contains(resource.key) else { return }
            if let before = current[resource.key] {
                tally.addOffer(before, from: before.updatedAt, until: min(event.at, end))
            }
            current[resource.key] = MeasuredResource(resource)
        }
        for resource in current.values { tally.addOffer(resource, from: resource.updatedAt, until: end) }
    }

    // MARK: 3. What only the log has

    private func addDenials(towards members: [Fleet.ID], to tally: inout MetricsTally) async throws(StoreError) {
        let protected = Set(members.filter(tally.scope.includes))
        try await forEachEvent(
            [.violationBlocked], "protected_fleet_id", protected.map(\.description).sorted(),
            from: tally.period.window.start
        ) { event in
            guard case .crossing(let crossing) = event.entity, protected.contains(crossing.protected) else { return }
            tally.add(crossing, event)
        }
    }

    // MARK: 4. Leases

    private func addLeases(
        of federation: Federation.ID, to tally: inout MetricsTally
    ) async throws(StoreError) {
        let (window, fleets) = (tally.period.window, tally.scope.fleets)
        // One that ends while the open ones are read is met again among the ended.
        var open: Set<Lease.ID> = []
        try await forEach { (last: Lease?, size) throws(StoreError) in
            try await store.openLeases(of: federation, fleets: fleets, before: window.end, after: last?.id, size: size)
        } do: { lease in
            open.insert(lease.id)
            tally.add(lease)
        }
        try await forEach { (last: Lease?, size) throws(StoreError) in
            try await store.endedLeases(
                of: federation, fleets: fleets, since: window.start, before: window.end,
                after: last.map { ($0.endedAt ?? $0.updatedAt, $0.id) }, size: size)
        } do: { lease in
            if !open.contains(lease.id) { tally.add(lease) }
        }
    }

    // MARK: 5. Allocations

    private func addAllocations(
        of federation: Federation.ID, to tally: inout MetricsTally
    ) async throws(StoreError) {
        let (window, targets) = (tally.period.window, tally.scope.fleets)
        // One that changes while they are read moves on in their order.
        var seen: Set<Allocation.ID> = []
        var last: MeasuredAllocation?
        while true {
            let page = try await store.measuredAllocations(
                of: federation, targets: targets, since: window.start, after: last.map { ($0.updatedAt, $0.id) },
                size: pageSize)
            let leases = try await store.leases(of: page.rows.map(\.id))
            for allocation in page.rows where seen.insert(allocation.id).inserted {
                tally.add(allocation, leases[allocation.id] ?? [])
            }
            guard page.hasMore else { return }
            last = page.rows.last
        }
    }

    // MARK: 7. Entitlements

    private func weights(
        in federation: Federation.ID
    ) async throws(StoreError) -> [Fleet.ID: [ResourceType: Int64]] {
        var weights: [Fleet.ID: [ResourceType: Int64]] = [:]
        try await forEach { (last: Quota?, size) throws(StoreError) in
            try await store.quotas(
                of: federation, fleets: nil, after: last.map { ($0.key.member.fleet, $0.key.type) }, size: size)
        } do: { quota in
            weights[quota.key.member.fleet, default: [:]][quota.key.type] = quota.weight
        }
        return weights
    }
}

// MARK: Pages

extension MetricsCalculator {
    private func forEach<Row>(
        _ page: (_ after: Row?, _ size: Int) async throws(StoreError) -> Page<Row>, do body: (Row) -> Void
    ) async throws(StoreError) {
        var last: Row?
        while true {
            let page = try await page(last, pageSize)
            for row in page.rows { body(row) }
            guard page.hasMore else { return }
            last = page.rows.last
        }
    }

    /// Events without an end, whatever the end of the period: what a row tells now may have come after it.
    private func forEachEvent(
        _ types: [EventType], _ field: StaticString, _ names: [String], from start: Timestamp,
        do body: (Event) -> Void
    ) async throws(StoreError) {
        try await forEach { (last: Event?, size) throws(StoreError) in
            try await store.measuredEvents(
                types, field, names, from: start, after: last, size: size)
        } do: {
            body($0)
        }
    }
}
