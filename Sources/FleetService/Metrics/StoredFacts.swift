import FleetDomain
import FleetStore

/// The facts as the SQL database has them.
///
/// What the tables keep of the log is read there, because a lease is one row and many events; the log itself has what a row
/// has forgotten: how a resource was before it changed, and which crossings were denied.
struct StoredFacts: MetricsSource {
    let store: Store
    let pageSize: Int

    // MARK: What was offered

    func addOffers(
        in federation: Federation.ID, of members: [Fleet.ID], until end: Timestamp, to tally: inout MetricsTally
    ) async throws {
        let (period, scope) = (tally.period, tally.scope)
        var changed: Set<Resource.Key> = []
        try await store.forEach(pagesOf: pageSize) { (last: MeasuredResource?, size) throws(StoreError) in
            try await store.measuredResources(
                of: federation, fleets: scope.fleets, since: period.window.start, after: last?.key, size: size)
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
        try await store.forEachEvent(
            [.resourceRegistered, .resourceUpdated, .resourceRetired], "fleet_id",
            Set(changed.map(\.fleet.description)).sorted(), from: Timestamp(milliseconds: 0),
            pagesOf: pageSize
        ) { event in
            guard case .resource(let resource) = event.entity, changed.contains(resource.key) else { return }
            if let before = current[resource.key] {
                tally.addOffer(before, from: before.updatedAt, until: min(event.at, end))
            }
            current[resource.key] = MeasuredResource(resource)
        }
        for resource in current.values { tally.addOffer(resource, from: resource.updatedAt, until: end) }
    }

    // MARK: What only the log has

    func addDenials(towards protected: Set<Fleet.ID>, to tally: inout MetricsTally) async throws {
        try await store.forEachEvent(
            [.violationBlocked], "protected_fleet_id", protected.map(\.description).sorted(),
            from: tally.period.window.start, pagesOf: pageSize
        ) { event in
            guard case .crossing(let crossing) = event.entity, protected.contains(crossing.protected) else { return }
            tally.add(crossing, event)
        }
    }

    // MARK: Leases

    func addLeases(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
        let (window, fleets) = (tally.period.window, tally.scope.fleets)
        // One that ends while the open ones are read is met again among the ended.
        var open: Set<Lease.ID> = []
        try await store.forEach(pagesOf: pageSize) { (last: Lease?, size) throws(StoreError) in
            try await store.openLeases(of: federation, fleets: fleets, before: window.end, after: last?.id, size: size)
        } do: { lease in
            open.insert(lease.id)
            tally.add(lease)
        }
        try await store.forEach(pagesOf: pageSize) { (last: Lease?, size) throws(StoreError) in
            try await store.endedLeases(
                of: federation, fleets: fleets, since: window.start, before: window.end,
                after: last.map { ($0.endedAt ?? $0.updatedAt, $0.id) }, size: size)
        } do: { lease in
            if !open.contains(lease.id) { tally.add(lease) }
        }
    }

    // MARK: Allocations

    func addAllocations(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
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

    // MARK: Messages

    func addMessages(of federation: Federation.ID, to tally: inout MetricsTally) async throws {
        let counts = try await store.measuredMessages(of: federation, fleets: tally.scope.fleets, in: tally.period)
        for messages in counts { tally.add(messages) }
    }
}

// MARK: Pages

extension Store {
    func forEach<Row>(
        pagesOf size: Int, _ page: (_ after: Row?, _ size: Int) async throws(StoreError) -> Page<Row>,
        do body: (Row) -> Void
    ) async throws(StoreError) {
        var last: Row?
        while true {
            let page = try await page(last, size)
            for row in page.rows { body(row) }
            guard page.hasMore else { return }
            last = page.rows.last
        }
    }

    /// Events without an end, whatever the end of the period: what a row tells now may have come after it.
    func forEachEvent(
        _ types: [EventType], _ field: StaticString, _ names: [String], from start: Timestamp, pagesOf size: Int,
        do body: (Event) -> Void
    ) async throws(StoreError) {
        try await forEach(pagesOf: size) { (last: Event?, size) throws(StoreError) in
            try await measuredEvents(types, field, names, from: start, after: last, size: size)
        } do: {
            body($0)
        }
    }
}
