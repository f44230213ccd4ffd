package import FleetDomain
package import FleetService
package import FleetStore
import Hummingbird

extension API {
    /// The measurements without a credential, for a port of their own.
    package var openMetrics: Route {
        Route(.get, "/metrics") { _ in await OperationRoutes.exposition(self) }
    }
}

extension Authenticator {
    /// Finds API keys in the store; `committed` tells when they change, and `cache` when another process has revoked one.
    package static func reading(
        _ store: Store, _ committed: CommittedLog, cache: any SharedCache = InProcessCache(), tokens: JWTVerifier?,
        now: @escaping @Sendable () -> Timestamp
    ) -> Authenticator {
        Authenticator(
            keys: { digest in try await store.key(digest: digest.bytes).map(APIKeyRecord.init) },
            // Both only grow, and so does their sum.
            keyGeneration: { committed.keyGeneration &+ cache.revocations }, jwt: tokens, now: now)
    }
}

extension MetricsRegistry {
    private static let requests = Name(
        "http_server_request_duration_seconds", help: "Time until the answer was ready, by route.")
    private static let operations = Name(
        "fleet_coordination_operations_total", help: "Commands decided, by operation and outcome.")
    private static let errors = Name("fleet_errors_total", help: "Requests refused or failed, by code.")
    private static let commits = Name("fleet_writer_commit_duration_seconds", help: "Time of one commit.")
    private static let deliveries = Name(
        "fleet_message_delivery_seconds", help: "Time from the acceptance of a message until it was handed over.")
    private static let deliveryBounds = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 300, 3600, 86_400]
    private static let batches = Name("fleet_writer_batch_commands", help: "Commands that one commit made durable.")
    private static let batchBounds = [1.0, 2, 4, 8, 16, 32, 64, 128, 256]

    package func recordRequest(route: String, method: String, status: Int, duration: Duration, code: ErrorCode?) {
        observe(
            Self.requests,
            ["http_request_method": method, "http_response_status_code": String(status), "http_route": route],
            duration / .seconds(1))
        if let code { count(Self.errors, ["code": code.rawValue]) }
    }

    fileprivate func recordOutcome(_ operation: String, _ result: Result<Outcome, FleetError>) {
        switch result {
        case .success: count(Self.operations, ["operation": operation, "outcome": "done"])
        case .failure: count(Self.operations, ["operation": operation, "outcome": "refused"])
        }
    }

    fileprivate func recordCommit(_ commands: Int, _ events: [Event], _ duration: Duration) {
        observe(Self.commits, [:], duration / .seconds(1))
        observe(Self.batches, [:], Double(commands), bounds: Self.batchBounds)
        for event in events where event.type == .messageDelivered {
            guard let delivery = event.entity.asDelivery else { continue }
            let waited = Double(event.at.milliseconds - delivery.createdAt.milliseconds) / 1000
            observe(Self.deliveries, ["class": delivery.messageClass.rawValue], waited, bounds: Self.deliveryBounds)
        }
    }
}

extension WriterObserver {
    /// - Parameter cache: announces revoked keys to other processes, before anybody is told that they are.
    package static func recording(
        in metrics: MetricsRegistry, announcingIn cache: (any SharedCache)? = nil
    ) -> WriterObserver {
        WriterObserver(onOutcome: metrics.recordOutcome) { commands, events, duration in
            if events.contains(where: { $0.type == .keyRevoked }) { cache?.announceRevocation() }
            metrics.recordCommit(commands, events, duration)
        }
    }
}
