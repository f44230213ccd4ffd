package import FleetDomain

/// Where facts of the log are kept besides, in a form that sums over very many of them are fast in. What it has can be
/// made anew from the log at any time; no decision depends on it.
package protocol AnalyticsStore: Dependency {
    /// How long it keeps what happened; nobody may ask it about what was before.
    var retention: Seconds { get }

    /// Readies it for this database's log; does nothing when it is.
    ///
    /// - Parameters:
    ///   - installation: names the log. What has another one's facts is refused, as is what a newer release made.
    ///   - isOfLog: whether the log has the event there. What has another one's there has facts that were lost since, in a
    ///     fail-over or as the database was restored, and is refused, too.
    func migrate(for installation: String, isOfLog: (AnalyticsPlace) async throws -> Bool) async throws

    /// Up to where in the log it has everything; nil when it has nothing of it, or is not ready for this release.
    func place() async throws -> AnalyticsPlace?

    /// The last place that it has anything of; beyond `place` when a batch did not get to its end.
    func last() async throws -> AnalyticsPlace?

    /// Takes a stretch of the log; returns when it is kept for good. The same again, whole or in other stretches, changes
    /// nothing.
    func insert(_ batch: AnalyticsBatch) async throws

    /// Nobody inserts anything from here for now: what was refused last is no trouble of this process any more.
    func standAside()

    /// What it has of the log; beyond `place` it may have anything.
    func source(upTo place: AnalyticsPlace) -> any MetricsSource

    func close() async
}

/// A place in the log.
package struct AnalyticsPlace: Sendable, Equatable {
    package let position: Int64
    /// The event there.
    package let event: Event.ID
    /// When it happened.
    package let at: Timestamp

    package init(position: Int64, event: Event.ID, at: Timestamp) {
        self.position = position
        self.event = event
        self.at = at
    }
}

/// A stretch of the log with what follows from it.
package struct AnalyticsBatch: Sendable {
    /// In order, without a gap; at least one.
    package let events: [Event]
    /// The allocations that they changed, as they are by now: the log does not tell how far each is.
    package let allocations: [MeasuredRequest]

    package init(events: [Event], allocations: [MeasuredRequest]) {
        precondition(!events.isEmpty, "a batch has events")
        self.events = events
        self.allocations = allocations
    }

    package var end: AnalyticsPlace {
        let last = events[events.count - 1]
        return AnalyticsPlace(position: last.position, event: last.id, at: last.at)
    }

    /// The same for the same stretch: what has it has the batch.
    package var token: String { "\(events[0].position)-\(end.position)" }
}

/// What of an allocation is measured, its leases taken into account.
package struct MeasuredRequest: Sendable, Equatable {
    package let id: Allocation.ID
    package let federation: Federation.ID
    package let target: Fleet.ID
    /// Rises with each of its changes and those of its leases.
    package let version: Int64
    package let status: AllocationStatus
    package let outcome: RequestOutcome
    package let decision: RequestDecision
    package let createdAt: Timestamp
}
