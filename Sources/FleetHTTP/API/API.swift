package import FleetDomain
package import FleetService
package import FleetStore

/// Everything that a handler may use. A class, so that a request passes one reference on and not a dozen.
package final class API: Sendable {
    package let store: Store
    /// Reads single objects, of the store or of copies that hold.
    package let objects: ObjectReader
    package let orchestrator: FederationOrchestrator
    package let replica: Replica
    package let environment: Environment
    package let authenticator: Authenticator
    package let sealer: Sealer
    package let vault: Vault
    package let audit: AuditTree
    package let router: CommunicationRouter
    /// Where pushes may go, and what pushes.
    package let webhooks: WebhookPolicy
    package let sinks: WebhookSinks
    package let dependencies: DependencyMonitor
    package let reporter: MetricsReporter
    package let metrics: MetricsRegistry
    package let requiresIfMatch: Bool
    let forwarder: Forwarder
    /// Makes the hash under which a principal is logged.
    package let callerHash: @Sendable (Principal) -> String

    package init(
        store: Store, orchestrator: FederationOrchestrator, replica: Replica, environment: Environment,
        authenticator: Authenticator, sealer: Sealer, vault: Vault, audit: AuditTree, webhooks: WebhookPolicy,
        sinks: WebhookSinks, dependencies: DependencyMonitor, reporter: MetricsReporter, metrics: MetricsRegistry,
        requiresIfMatch: Bool,
        callerHash: @escaping @Sendable (Principal) -> String, objects: ObjectReader? = nil
    ) {
        self.store = store
        self.objects = objects ?? ObjectReader(store)
        self.orchestrator = orchestrator
        self.replica = replica
        self.environment = environment
        self.authenticator = authenticator
        self.sealer = sealer
        forwarder = Forwarder(sealer)
        self.vault = vault
        self.audit = audit
        router = CommunicationRouter(store: store, orchestrator: orchestrator, environment: environment)
        self.webhooks = webhooks
        self.sinks = sinks
        self.dependencies = dependencies
        self.reporter = reporter
        self.metrics = metrics
        self.requiresIfMatch = requiresIfMatch
        self.callerHash = callerHash
    }

    /// Positions of the log, as this caller or that may see them.
    package var positions: Positions { Positions(sealer, orchestrator.committed, store) }

    package static let base = "/api/v1/fleet-coordination"
}
