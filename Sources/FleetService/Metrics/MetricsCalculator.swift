package import FleetDomain
package import FleetStore

/// The Metrics Calculator: how well coordination worked in a federation.
///
/// Every figure follows from the log; a `MetricsSource` has what there is much of.
package struct MetricsCalculator: Sendable {
    private let store: Store
    private let source: any MetricsSource
    private let pageSize: Int

    /// - Parameters:
    ///   - source: nil is the SQL database itself.
    ///   - pageSize: rows read in one go; by default enough to make a read cheap, and few enough to stay small.
    package init(store: Store, source: (any MetricsSource)? = nil, pageSize: Int = 1000) {
        self.store = store
        self.source = source ?? StoredFacts(store: store, pageSize: pageSize)
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
    ) async throws -> MetricsReport {
        let members = try await members(of: federation.id)
        let histories = try await histories(of: members, in: federation.id, period)
        var tally = MetricsTally(period, scope, members: histories)
        let measured = members.map(\.key.fleet).filter(scope.includes)
        // A federation that is dissolved has members for ever, and offers nothing any more.
        let end = federation.status == .dissolved ? min(federation.updatedAt, period.asOf) : period.asOf
        try await source.addOffers(in: federation.id, of: measured, until: end, to: &tally)
        try await source.addDenials(towards: Set(measured), to: &tally)
        try await source.addLeases(of: federation.id, to: &tally)
        try await source.addAllocations(of: federation.id, to: &tally)
        try await source.addMessages(of: federation.id, to: &tally)
        let weights = scope == .federation ? try await weights(in: federation.id) : [:]
        let view = View(reader: reader)
        let current = Dictionary(members.map { ($0.key.fleet, $0) }) { _, last in last }
        return tally.report(weights: weights) { view.sees($0, members: current) }
    }

    // MARK: 1. Who took part

    private func members(of federation: Federation.ID) async throws(StoreError) -> [Member] {
        var members: [Member] = []
        try await store.forEach(pagesOf: pageSize) { (last: Member?, size) throws(StoreError) in
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
        try await store.forEachEvent(
            Self.memberEvents, "federation_id", [federation.description], from: Timestamp(milliseconds: 0),
            pagesOf: pageSize
        ) { event in
            guard case .member(let member) = event.entity, member.key.federation == federation,
                changed.contains(member.key.fleet)
            else { return }
            states[member.key.fleet, default: []].append(
                MembershipHistory.State(since: event.at, position: event.position, member))
        }
        return unchanged + states.values.compactMap(MembershipHistory.init)
    }

    // MARK: 7. Entitlements

    private func weights(
        in federation: Federation.ID
    ) async throws(StoreError) -> [Fleet.ID: [ResourceType: Int64]] {
        var weights: [Fleet.ID: [ResourceType: Int64]] = [:]
        try await store.forEach(pagesOf: pageSize) { (last: Quota?, size) throws(StoreError) in
            try await store.quotas(
                of: federation, fleets: nil, after: last.map { ($0.key.member.fleet, $0.key.type) }, size: size)
        } do: { quota in
            weights[quota.key.member.fleet, default: [:]][quota.key.type] = quota.weight
        }
        return weights
    }
}
