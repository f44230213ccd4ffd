import FleetDomain
import FleetService
import FleetStore
import Logging
import RedisBackend
import SQLiteBackend
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a Redis costs and saves: `RedisBench PORT` measures against the server at this port of the loopback address.
@main
struct RedisBench {
    private static let tasks = 64
    private static let duration = Duration.seconds(3)

    static func main() async throws {
        var options = RedisOptions()
        options.addresses = [
            ServerAddress(host: "127.0.0.1", port: Int(CommandLine.arguments.last ?? "") ?? 6379)
        ]
        let cache = RedisCache(options)
        let running = Task { try await cache.run() }
        while (try? await cache.check()) == nil { try await Task.sleep(for: .milliseconds(10)) }

        let value = CachedValue(version: 1, bytes: Array(repeating: 7, count: 600))
        cache.keep(value, as: "bench", for: .seconds(60), replaces: true)
        try await measure("look-ups of 600 bytes") { _ = await cache.values(["bench"]) }
        try await measure("values kept if newer, each with a look-up") {
            cache.keep(value, as: "bench", for: .seconds(60), replaces: false)
            _ = await cache.values(["bench"])
        }
        try await measure("counted") { _ = await cache.count("bench:count", adding: 1, window: .seconds(60)) }
        for (name, shared) in [("of one process", InProcessCache() as any SharedCache), ("in Redis", cache)] {
            try await measureObjects(name, shared)
        }
        running.cancel()
    }

    private static func measureObjects(_ name: String, _ cache: any SharedCache) async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        try await store.migrate(now: Environment.system.now())
        let orchestrator = FederationOrchestrator(
            store: store, environment: .system, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        let reader = ObjectReader(
            store, orchestrator.committed, cache: cache, seal: CacheSeal(secret: [1]), isDatabaseRemote: true)
        let writer = Task { try await orchestrator.run() }
        guard let id = Fleet.ID("fleet") else { return }
        _ = try await orchestrator.submit(
            Command(
                operation: "bench", principal: Principal(subject: "bench", roles: [.platformAdmin]), requestID: "bench"
            ) { (ledger, context) throws(FleetError) in
                Decision(try ledger.register(FleetDraft(id: id, name: "Fleet", organization: "Org"), &context))
            })
        _ = try await reader.fleet(id)
        try await measure("objects read from copies \(name)") { _ = try await reader.fleet(id) }
        writer.cancel()
    }

    /// Prints how often a second `body` runs where 64 tasks run it, and what that takes of the processor.
    private static func measure(_ name: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let (start, before) = (ContinuousClock.now, processorTime)
        let end = start + duration
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var count = 0
                    while ContinuousClock.now < end {
                        try await body()
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        let rate = Int(Double(count) / ((ContinuousClock.now - start) / .seconds(1)))
        let cost = (processorTime - before) / Double(count) * 1_000_000
        print("\(name): \(rate) a second, \((cost * 10).rounded() / 10) µs of processor time each")
    }

    private static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1_000_000_000
    }
}
