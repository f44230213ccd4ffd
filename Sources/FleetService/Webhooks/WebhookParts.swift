import FleetStore
import Logging

extension WebhookSink {
    /// What all of them use.
    struct Parts: Sendable {
        let store: Store
        let orchestrator: FederationOrchestrator
        let vault: Vault
        let positions: Positions
        let environment: Environment
        let policy: WebhookPolicy
        let metrics: MetricsRegistry
        let progress: SinkProgress
        let logger: Logger

        /// Whether this process surely decides still: without the database it does not learn that another has removed the
        /// webhook since, or let a fleet leave.
        var mayPush: Bool { orchestrator.committed.changes.isTrusted }
    }
}
