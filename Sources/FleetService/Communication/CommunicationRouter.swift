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

    /// Reads a fleet's inbox, waiting for something to come where there is nothing.
    ///
    /// Who receives for the fleet is handed what it gets: that is recorded first, so that nothing is handed over whose
    /// time is over. Who only reads is shown the same, and nothing is recorded.
    /// - Parameter wait: how long at most.
    package func inbox(
        of fleet: Fleet.ID, after position: Int64, limit: Int, wait: Duration, for principal: Principal,
        requestID: String
    ) async throws -> Inbox {
        let deadline = ContinuousClock.now + wait
        while true {
            let seen = orchestrator.committed.position
            let found = try await store.inbox(of: fleet, after: position, now: environment.now(), limit: limit)
            let handed =
                principal.receives(for: fleet)
                ? try await handOver(found, to: principal, requestID: requestID) : found
            // What expired on the way is passed over.
            if !handed.isEmpty || ContinuousClock.now >= deadline || orchestrator.committed.inboxes.isClosed {
                return Inbox(deliveries: handed, end: found.last?.position ?? position)
            }
            await ring(of: fleet, after: max(position, seen), until: deadline)
        }
    }

    /// Records that these are handed to their recipients.
    ///
    /// - Returns: those that may be, as they are since.
    package func handOver(
        _ deliveries: [Delivery], to principal: Principal, requestID: String
    ) async throws(FleetError) -> [Delivery] {
        guard !deliveries.isEmpty else { return [] }
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
