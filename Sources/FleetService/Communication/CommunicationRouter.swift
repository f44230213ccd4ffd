package import FleetDomain
package import FleetStore

/// The Communication Router: brings what was accepted to whom it is for.
///
/// Each fleet has a queue of its own in the communication log, in the order of acceptance; who takes nothing from it
/// holds up nobody else.
package struct CommunicationRouter: Sendable {
    private let store: Store
    private let orchestrator: FederationOrchestrator
    private let environment: Environment

    package init(store: Store, orchestrator: FederationOrchestrator, environment: Environment) {
        self.store = store
        self.orchestrator = orchestrator
        self.environment = environment
    }

    /// What waits for a fleet after a position, oldest first, and where to go on.
    package struct Inbox: Sendable {
        package let deliveries: [Delivery]
        package let end: Int64
    }

    /// How an inbox is read.
    package struct Reading: Sendable {
        let fleet: Fleet.ID
        let principal: Principal
        let requestID: String
        let limit: Int
        let wait: Duration
        /// Whether what is returned is handed over, and not only shown.
        package let delivers: Bool

        /// - Parameters:
        ///   - wait: how long at most, where there is nothing.
        ///   - delivers: whether the principal gets what is returned; it then has to act for the fleet.
        package init(
            fleet: Fleet.ID, principal: Principal, requestID: String, limit: Int, wait: Duration, delivers: Bool
        ) {
            self.fleet = fleet
            self.principal = principal
            self.requestID = requestID
            self.limit = limit
            self.wait = wait
            self.delivers = delivers && principal.receives(for: fleet)
        }
    }

    /// Reads a fleet's inbox, waiting for something to come where there is nothing.
    ///
    /// Who receives for the fleet is handed what it gets: that is recorded first, so that nothing is handed over whose
    /// time is over. Who only reads is shown the same, and nothing is recorded.
    /// - Parameters:
    ///   - fitting: how many of what was found fit the answer; at least one.
    ///   - check: throws when the principal may read no more, though it could when it began to wait.
    /// - Throws: `overloaded` when too many wait.
    package func inbox(
        _ reading: Reading, after start: Int64, fitting: ([Delivery]) async throws -> Int,
        check: () async throws -> Void
    ) async throws -> Inbox {
        let deadline = ContinuousClock.now + reading.wait
        let inboxes = orchestrator.committed.inboxes
        var position = start
        while true {
            let seen = orchestrator.committed.position
            let all = try await store.inbox(
                of: reading.fleet, after: position, now: environment.now(), limit: reading.limit)
            let found = all.isEmpty ? [] : Array(all.prefix(try await fitting(all)))
            let handed =
                reading.delivers
                ? try await handOver(found, to: reading.principal, requestID: reading.requestID) : found
            position = found.last?.position ?? position
            guard handed.isEmpty else { return Inbox(deliveries: handed, end: position) }
            // What was answered or expired on the way is passed over.
            guard found.isEmpty else { continue }
            guard ContinuousClock.now < deadline, !inboxes.isClosed else { return Inbox(deliveries: [], end: position) }
            guard inboxes.hasRoom(for: reading.fleet) else {
                throw FleetError(.overloaded, "Too many wait for this inbox; let one of them end.")
            }
            await ring(of: reading.fleet, after: max(position, seen), until: deadline)
            try await check()
        }
    }

    /// Records that these are handed to their recipients.
    ///
    /// - Returns: those that may be, as they are since.
    package func handOver(
        _ deliveries: [Delivery], to principal: Principal, requestID: String
    ) async throws(FleetError) -> [Delivery] {
        // What was handed over before is handed over again as it is.
        guard deliveries.contains(where: { $0.status == .accepted }) else { return deliveries }
        let ids = deliveries.map(\.id)
        let command = Command(operation: "message.deliver", principal: principal, requestID: requestID) {
            (ledger, context) throws(FleetError) in
            var decision = Decision(nil)
            decision.deliveries = ledger.deliver(ids, &context)
            return decision
        }
        guard case .decided(let decision, _) = try await orchestrator.submit(command) else { return [] }
        return decision.deliveries
    }

    private func ring(of fleet: Fleet.ID, after position: Int64, until deadline: ContinuousClock.Instant) async {
        let inboxes = orchestrator.committed.inboxes
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await inboxes.wait(for: fleet, after: position) }
            group.addTask { try? await Task.sleep(until: deadline) }
            await group.next()
            group.cancelAll()
        }
    }
}
