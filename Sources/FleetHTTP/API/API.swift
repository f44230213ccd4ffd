package import FleetDomain
package import FleetService
package import FleetStore
package import Logging

/// Everything that a handler may use. A class, so that a request passes one reference on and not a dozen.
package final class API: Sendable {
    package let store: Store
    package let orchestrator: FederationOrchestrator
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
    /// Where the facts of the log are handed on to for summaries; nil is nowhere.
    package let analytics: AnalyticsSink?
    package let reporter: MetricsReporter
    package let metrics: MetricsRegistry
    package let requiresIfMatch: Bool
    /// Makes the hash under which a principal is logged.
    package let callerHash: @Sendable (Principal) -> String

    package init(
        store: Store, orchestrator: FederationOrchestrator, environment: Environment, authenticator: Authenticator,
        sealer: Sealer, vault: Vault, audit: AuditTree, webhooks: WebhookPolicy,
        dependencies: DependencyMonitor, analytics: (any AnalyticsStore)? = nil,
        sinkLimits: AnalyticsSink.Limits = AnalyticsSink.Limits(), metrics: MetricsRegistry, requiresIfMatch: Bool,
        callerHash: @escaping @Sendable (Principal) -> String, logger: Logger
    ) {
        self.store = store
        self.orchestrator = orchestrator
        self.environment = environment
        self.authenticator = authenticator
        self.sealer = sealer
        self.vault = vault
        self.audit = audit
        router = CommunicationRouter(store: store, orchestrator: orchestrator, environment: environment)
        self.webhooks = webhooks
        sinks = WebhookSinks(
            store: store, orchestrator: orchestrator, vault: vault, sealer: sealer, environment: environment,
            policy: webhooks, metrics: metrics, logger: logger)
        self.dependencies = dependencies
        self.analytics = analytics.map {
            AnalyticsSink(
                store: store, committed: orchestrator.committed, analytics: $0, limits: sinkLimits, logger: logger)
        }
        reporter = MetricsReporter(store: store, analytics: analytics, metrics: metrics, logger: logger)
        self.metrics = metrics
        self.requiresIfMatch = requiresIfMatch
        self.callerHash = callerHash
    }

    package static let base = "/api/v1/fleet-coordination"
}

extension API {
    /// The endpoint as a route of the edge: who calls is found out first, then whether it may, then what it asks.
    package func route(_ endpoint: Endpoint) -> Route {
        let allowed = endpoint.allParameters.map(\.name)
        return Route(endpoint.method, endpoint.path) { request in
            let principal = try await self.principal(for: request, endpoint.access)
            if let principal { request.caller.principal = self.callerHash(principal) }
            let call = Call(
                request, principal: principal, query: try request.query(allowed), endpoint: endpoint, api: self)
            if case .permission(let permission) = endpoint.access, principal?.mayHold(permission) != true {
                try await call.noteFleetOfPath(action: permission)
                throw FleetError.denied(permission)
            }
            try call.checkParameters()
            if !endpoint.isWrite { try await call.awaitPosition() }
            if endpoint.isWrite, endpoint.body == nil { try await call.refuseBody() }
            return try await endpoint.handler(call)
        }
    }

    private func principal(for request: EdgeRequest, _ access: Endpoint.Access) async throws(FleetError) -> Principal? {
        switch access {
        // Whether the process lives must not depend on what knows the callers.
        case .anybody: nil
        case .anybodyKnown: try? await authenticator.principal(for: request.headers)
        case .authenticated, .permission: try await authenticator.principal(for: request.headers)
        }
    }
}
