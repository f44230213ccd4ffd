import FleetDomain
package import FleetStore

/// Reads the log batch by batch, with what follows from it.
package struct AnalyticsFeed: Sendable {
    package struct Limits: Sendable {
        /// Events of a batch: few enough to hold, many enough for a log that is read anew.
        package var batchLength = 5000
        /// Bytes of contents of messages, which are held while a batch is made, and are not sent.
        package var batchWeight = 8 << 20
        /// Events that are read in one go.
        package var pageLength = 256

        package init() {}
    }

    private let store: Store
    private let tail: EventTail?
    private let limits: Limits

    /// - Parameter tail: where the last events are had without a read, if anywhere.
    package init(store: Store, tail: EventTail? = nil, limits: Limits = Limits()) {
        self.store = store
        self.tail = tail
        self.limits = limits
    }

    /// nil at the end of the log.
    package func batch(after position: Int64) async throws -> AnalyticsBatch? {
        var events: [Event] = []
        var weight = 0
        while events.count < limits.batchLength, weight < limits.batchWeight {
            let last = events.last?.position ?? position
            let size = min(limits.pageLength, limits.batchLength - events.count)
            var page = tail?.events(after: last, limit: size) ?? []
            if page.isEmpty { page = try await store.events(after: last, limit: size) }
            guard !page.isEmpty else { break }
            weight += page.reduce(0) { $0 + $1.weight }
            events += page
        }
        guard !events.isEmpty else { return nil }
        return AnalyticsBatch(events: events, allocations: try await allocations(in: events))
    }

    /// At most a page's worth of them at a time.
    private static let slice = 500

    private func allocations(in events: [Event]) async throws -> [MeasuredRequest] {
        let ids = Set(events.compactMap { $0.entity.asAllocation?.id ?? $0.entity.asLease?.allocation }).sorted()
        var found: [MeasuredRequest] = []
        for start in stride(from: 0, to: ids.count, by: Self.slice) {
            let some = Array(ids[start..<min(start + Self.slice, ids.count)])
            // These first: leases that are newer are told of again with the next version, older ones never.
            let rows = try await store.measuredAllocations(some)
            let leases = try await store.leases(of: some)
            found += rows.map { row in
                let own = leases[row.allocation.id] ?? []
                return MeasuredRequest(
                    id: row.allocation.id, federation: row.federation, target: row.target, version: row.version,
                    status: row.allocation.status, outcome: row.allocation.outcome(of: own),
                    decision: row.allocation.decision(of: own), createdAt: row.allocation.createdAt)
            }
        }
        return found
    }
}
