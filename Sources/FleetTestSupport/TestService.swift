import AsyncHTTPClient
package import FleetDomain
package import FleetHTTP
package import FleetJSON
package import FleetService
package import FleetStore
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import SQLiteBackend
import ServiceLifecycle
import Synchronization

/// The whole service in this process, on a real port of the loopback address and a real SQLite: for tests that
/// speak HTTP to it.
package struct TestService: Sendable {
    package let api: API
    package let clock: VirtualClock
    package let port: Int
    /// A platform administrator's key.
    package let adminKey: String

    /// Runs a service for as long as `body` takes.
    ///
    /// - Parameters:
    ///   - database: nil is a fresh SQLite in memory.
    ///   - cache: read single objects through it, as where the database is remote; nil reads them from the database.
    ///   - keys: the data keys, closed by whoever passes them; nil is a fresh store in memory.
    package static func run<Result: Sendable>(
        clock: VirtualClock = VirtualClock(), database: (any SQLDatabase)? = nil, requiresIfMatch: Bool = false,
        limits: EdgeLimits = EdgeLimits(), tokens: JWTVerifier? = nil, keys: KeyStore? = nil,
        encryptionKey: KeyEncryptionKey = .make(), webhooks: WebhookPolicy = WebhookPolicy(allowsPrivate: true),
        dependencies: [any Dependency] = [], cache: (any SharedCache)? = nil,
        analytics: (any AnalyticsStore)? = nil,
        sinkLimits: AnalyticsSink.Limits = AnalyticsSink.Limits(),
        _ body: @Sendable (TestService) async throws -> Result
    ) async throws -> Result {
        let database = if let database { database } else { try await TestDatabase.open() }
        let store = Store(database: database)
        try await store.migrate(now: clock.now)
        let ownKeys = keys == nil ? KeyStore(database: try await TestDatabase.open()) : nil
        guard let keys = keys ?? ownKeys else { preconditionFailure("there are keys") }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let metrics = MetricsRegistry()
        var orchestratorLimits = FederationOrchestrator.Limits()
        orchestratorLimits.pulse = .milliseconds(50)
        let orchestrator = FederationOrchestrator(
            store: store, environment: clock.environment, limits: orchestratorLimits,
            observer: .recording(in: metrics, announcingIn: cache), logger: logger)
        let sealingKey = try await store.setting("sealing_key", makeIfAbsent: Sealer.makeKey)
        let objects = cache.map {
            ObjectReader(
                store, orchestrator.committed, cache: $0, seal: CacheSeal(secret: sealingKey), isDatabaseRemote: true,
                metrics: metrics)
        }
        let vault = try await Vault.open(keys, key: encryptionKey, of: store, logger: logger)
        orchestrator.committed.whenErased(vault.forget)
        let audit = AuditTree(
            store: store, orchestrator: orchestrator, signer: try await vault.signer(), logger: logger)
        let sealer = Sealer(key: sealingKey)
        let sinks = WebhookSinks(
            store: store, orchestrator: orchestrator, vault: vault, sealer: sealer, environment: clock.environment,
            policy: webhooks, metrics: metrics, logger: logger)
        let analyticsSink = analytics.map {
            AnalyticsSink(
                store: store, orchestrator: orchestrator, analytics: $0, progress: sinks.progress,
                limits: sinkLimits, logger: logger)
        }
        let replica = Replica(
            name: "test", url: "", store: store, orchestrator: orchestrator,
            duties: [sinks] + (analyticsSink.map { [$0] } ?? []), logger: logger)
        let api = API(
            store: store, orchestrator: orchestrator, replica: replica, environment: clock.environment,
            authenticator: .reading(
                store, orchestrator.committed, cache: cache ?? InProcessCache(), tokens: tokens, now: { clock.now }),
            sealer: sealer, vault: vault, audit: audit, webhooks: webhooks, sinks: sinks,
            dependencies: DependencyMonitor(dependencies, logger: logger),
            reporter: MetricsReporter(store: store, analytics: analytics, metrics: metrics, logger: logger),
            metrics: metrics,
            requiresIfMatch: requiresIfMatch,
            callerHash: { $0.subject }, objects: objects)
        let settings = EdgeSettings(
            limits: limits, requestIDs: RequestIDSource(seed: 1),
            log: AccessLog(logger: logger, onFinish: metrics.recordRequest), now: { clock.now })
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: EdgeResponder(routes: Router.endpoints.map(api.route), settings: settings),
            server: .edge(settings),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), serverName: nil),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [replica, api.dependencies, application], logger: logger))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            guard let bound = await ports.first(where: { _ in true }) else { throw CancellationError() }
            let admin = try await makeKey(orchestrator, clock, roles: [.platformAdmin])
            let service = TestService(api: api, clock: clock, port: bound, adminKey: admin)
            let result: Result
            do {
                result = try await body(service)
            } catch {
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                await database.close()
                await ownKeys?.database.close()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            await database.close()
            await ownKeys?.database.close()
            return result
        }
    }

    /// Makes an API key, past the API, so that any principal can be had.
    package func key(
        _ roles: Set<Role>, fleets: Set<Fleet.ID> = [], federations: Set<Federation.ID> = [],
        scopes: Set<Permission> = [], expiresAt: Timestamp? = nil
    ) async throws -> String {
        try await Self.makeKey(
            api.orchestrator, clock, roles: roles, fleets: fleets, federations: federations, scopes: scopes,
            expiresAt: expiresAt)
    }

    private static func makeKey(
        _ orchestrator: FederationOrchestrator, _ clock: VirtualClock, roles: Set<Role>, fleets: Set<Fleet.ID> = [],
        federations: Set<Federation.ID> = [], scopes: Set<Permission> = [], expiresAt: Timestamp? = nil
    ) async throws -> String {
        let token = APIKeyToken(id: clock.environment.newID(at: clock.now))
        let draft = APIKeyDraft(
            name: "test", id: token.id, digest: token.digest.bytes, roles: roles, fleets: fleets,
            federations: federations, scopes: scopes, expiresAt: expiresAt)
        _ = try await orchestrator.submit(
            Command(
                operation: "test.key", principal: Principal(subject: "test", roles: [.platformAdmin]),
                requestID: "test"
            ) { (ledger, context) throws(FleetError) in Decision(try ledger.create(draft, &context)) })
        return token.text
    }

    /// Moves the clock and has everything recorded that is due.
    package func advance(by seconds: Seconds) async {
        clock.advance(by: seconds)
        await api.orchestrator.tick()
    }

    /// Makes a checkpoint of the audit log, which does not come by itself here.
    package func makeCheckpoint() async throws { try await api.audit.makeCheckpoint() }

    /// An answer of the service.
    package struct Reply: Sendable {
        package let status: Int
        /// By their names in lower case.
        package let headers: [String: String]
        package let bytes: [UInt8]

        package var json: JSON { (try? JSON.parse(bytes)) ?? .null }
        package var object: JSONObject { json.objectValue ?? JSONObject() }
        package subscript(name: String) -> JSON? { object[name] }
        /// The code of a problem.
        package var code: String? { self["code"]?.stringValue }
        package var etag: String? { headers["etag"] }
    }

    /// Sends a request below the base path, or at a path of its own when it begins with `//`.
    ///
    /// - Parameters:
    ///   - key: nil sends no credential; the administrator's otherwise.
    package func send(
        _ method: String, _ path: String, _ body: String? = nil, key: String?? = .none, headers: [String: String] = [:]
    ) async throws -> Reply {
        let url = "http://127.0.0.1:\(port)" + (path.hasPrefix("//") ? String(path.dropFirst()) : API.base + path)
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        let credential: String? =
            switch key {
            case .none: adminKey
            case .some(let chosen): chosen
            }
        if let credential { request.headers.add(name: "Authorization", value: "Bearer \(credential)") }
        if let body {
            request.headers.add(
                name: "Content-Type",
                value: method == "PATCH" ? "application/merge-patch+json" : "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = Array(try await response.bytesOrFirst.readableBytesView)
        let fields = response.headers.reduce(into: [String: String]()) { $0[$1.name.lowercased()] = $1.value }
        return Reply(status: Int(response.status.code), headers: fields, bytes: bytes)
    }
}

extension HTTPClientResponse {
    /// The whole body; of a stream, which has no end, what comes first.
    fileprivate var bytesOrFirst: ByteBuffer {
        get async throws {
            guard headers.first(name: "content-type") == "text/event-stream" else {
                return try await body.collect(upTo: 64 << 20)
            }
            var chunks = body.makeAsyncIterator()
            return try await chunks.next() ?? ByteBuffer()
        }
    }
}
