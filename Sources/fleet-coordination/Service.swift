import ClickHouseBackend
import FleetDomain
import FleetHTTP
import FleetService
import FleetStore
import Foundation
import Hummingbird
import KafkaBackend
import Logging
import ServiceLifecycle
import UnixSignals

/// The running service: the only place that knows every part.
struct Service {
    private let settings: Settings
    private let logger: Logger

    init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Runs until it is told to stop; then finishes what was accepted.
    func run() async throws {
        // A setting that the library does not take is refused before anything is written.
        let bus = try bus()
        var store = try await Store.open(settings)
        let remote = store.isShared ? RemoteDatabase(store.database) : nil
        if let remote { store = Store(database: remote) }
        if settings.logLevel <= .debug { store = Store(database: LoggedDatabase(store.database, logger: logger)) }
        try await store.migrate(now: Environment.system.now())
        if try await store.isOfSuperuser { logger.warning("\(Store.superuserWarning)") }
        var keys = try await KeyStore.open(settings)
        if let remote { keys = KeyStore(database: RemoteDatabase(keys.database, breaker: remote.breaker)) }
        let vault = try await Vault.open(keys, key: try await encryptionKey(of: keys), of: store, logger: logger)
        let metrics = MetricsRegistry()
        let sealingKey = try await store.setting("sealing_key", makeIfAbsent: Sealer.makeKey)
        let memory = SharedMemory(settings.redis, sealingKey: sealingKey)
        let orchestrator = FederationOrchestrator(
            store: store, environment: .system, observer: .recording(in: metrics, announcingIn: memory.cache),
            signs: memory.signs, logger: logger)
        let audit = AuditTree(
            store: store, orchestrator: orchestrator, signer: try await vault.signer(), logger: logger)
        let sealer = Sealer(key: sealingKey)
        let policy = WebhookPolicy(allowsPrivate: settings.allowsPrivateWebhooks)
        let sinks = WebhookSinks(
            store: store, orchestrator: orchestrator, vault: vault, sealer: sealer, environment: .system,
            policy: policy, metrics: metrics, logger: logger)
        let analytics = settings.clickHouse.map { ClickHouse($0) }
        let analyticsSink = analytics.map {
            AnalyticsSink(
                store: store, orchestrator: orchestrator, analytics: $0, progress: sinks.progress, logger: logger
            )
        }
        let duties: [any ServiceLifecycle.Service] =
            [audit, sinks] + busSinks(bus, beside: sinks, orchestrator, store, metrics)
            + (analyticsSink.map { [$0] } ?? [])
        orchestrator.committed.whenErased(vault.forget)
        // Whoever reaches the service finds the administrator's key in force.
        let replica = Replica(
            name: UUID().uuidString, url: settings.replicaURL, store: store, orchestrator: orchestrator,
            duties: duties, logger: logger
        ) {
            try await vault.destroyErased()
            if let key = try await AdminKey.establish(settings, orchestrator) { announce(key) }
        }
        let issuer = try await issuer(memory.verdicts)
        let optional: [(any Dependency)?] = [remote, memory.redis, bus, analytics]
        let api = API(
            store: store, orchestrator: orchestrator, replica: replica, environment: .system,
            authenticator: .reading(
                store, orchestrator.committed, cache: memory.cache, tokens: issuer?.verifier,
                now: Environment.system.now),
            sealer: sealer, vault: vault, audit: audit, webhooks: policy, sinks: sinks,
            dependencies: DependencyMonitor(optional.compactMap { $0 }, logger: logger),
            reporter: MetricsReporter(store: store, analytics: analytics, metrics: metrics, logger: logger),
            metrics: metrics,
            requiresIfMatch: settings.requiresIfMatch, callerHash: CallerHash().text,
            objects: memory.objects(store, orchestrator.committed, metrics))
        let services: [any ServiceLifecycle.Service] =
            memory.services + [replica, api.dependencies] + (issuer.map { [$0.source] } ?? []) + servers(api, metrics)
        // Also when one of them fails, the others finish what they accepted.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        await bus?.close()
        await analytics?.close()
        await store.database.close()
        await keys.database.close()
        logger.info("stopped")
    }

    private func encryptionKey(of keys: KeyStore) async throws -> KeyEncryptionKey {
        if let key = settings.encryptionKey { return key }
        let isFirst = try await Vault.isEmpty(keys)
        let (key, isNew) = try EncryptionKeyFile.establish(in: settings.dataDirectory, isFirst: isFirst)
        if isNew {
            logger.info(
                "an encryption key was made; keep a copy of it apart from the data",
                metadata: ["path": "\(EncryptionKeyFile.path(in: settings.dataDirectory))"])
        }
        return key
    }

    private func announce(_ key: String) {
        let text = """
            Admin API key, shown only now and kept in \(settings.dataDirectory)/admin-api-key:
            \(key)

            """
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    private func servers(_ api: API, _ metrics: MetricsRegistry) -> [any ServiceLifecycle.Service] {
        let edge = EdgeSettings(
            requestIDs: RequestIDSource(seed: .random(in: .min ... .max)),
            log: AccessLog(
                logger: logger, slowDuration: settings.slowRequest, onFinish: metrics.recordRequest),
            now: Environment.system.now)
        let replica = api.replica
        var main = server(Router.endpoints.map(api.route), edge, settings.port)
        main.beforeServerStarts {
            while !replica.isReady, !Task.isShuttingDownGracefully { try await Task.sleep(for: .milliseconds(2)) }
        }
        var servers = [Listener(variable: "PORT", port: settings.port, host: settings.host, server: main)]
        if let port = settings.metricsPort {
            let metrics = server([api.openMetrics], edge, port)
            servers.append(Listener(variable: "METRICS_PORT", port: port, host: settings.host, server: metrics))
        }
        return servers
    }

    private func server(_ routes: [Route], _ edge: EdgeSettings, _ port: Int) -> Application<EdgeResponder> {
        let logger = logger
        return Application(
            responder: EdgeResponder(routes: routes, settings: edge), server: .edge(edge),
            configuration: ApplicationConfiguration(address: .hostname(settings.host, port: port), serverName: nil),
            onServerRunning: { channel in
                logger.info("listening", metadata: ["address": "\(channel.localAddress?.description ?? "")"])
            }, logger: logger)
    }

    /// What else the log goes to.
    private func busSinks(
        _ bus: (any EventBus)?, beside sinks: WebhookSinks, _ orchestrator: FederationOrchestrator, _ store: Store,
        _ metrics: MetricsRegistry
    ) -> [any ServiceLifecycle.Service] {
        guard let bus, let topics = settings.kafka?.topics else { return [] }
        return [
            BusSink(
                bus, topics: topics, store: store, orchestrator: orchestrator, progress: sinks.progress,
                metrics: metrics, logger: logger)
        ]
    }

    private func bus() throws -> (any EventBus)? {
        guard let kafka = settings.kafka else { return nil }
        do { return try KafkaBus(kafka.settings, logger: logger) } catch {
            throw SettingsError("KAFKA_BROKERS", "and what belongs to it cannot be used: \(error)")
        }
    }

    private func issuer(_ verdicts: TokenVerdicts?) async throws -> (source: JWKSSource, verifier: JWTVerifier)? {
        guard let issuer = settings.issuer else { return nil }
        let location: JWKSLocation =
            switch issuer.keys {
            case .file(let path): .file(path)
            case .url(let url): .url(url)
            }
        do {
            let source = try await JWKSSource(location, logger: logger)
            let verifier = JWTVerifier(
                issuer: issuer.issuer, audience: issuer.audience, keys: source, logger: logger,
                verdicts: verdicts)
            return (source, verifier)
        } catch {
            throw SettingsError("JWT_JWKS_FILE or JWT_JWKS_URL", "cannot be used: \(error)")
        }
    }
}
