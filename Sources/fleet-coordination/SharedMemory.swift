import FleetHTTP
import FleetService
import FleetStore
import RedisBackend
import ServiceLifecycle

/// What the processes on one database share besides it: in a Redis where one is configured, else each alone.
struct SharedMemory {
    let cache: any SharedCache
    let redis: RedisCache?
    private let seal: CacheSeal

    init(_ options: RedisOptions?, sealingKey: [UInt8]) {
        redis = options.map { RedisCache($0) }
        cache = redis ?? InProcessCache()
        seal = CacheSeal(secret: sealingKey)
    }

    var services: [any ServiceLifecycle.Service] { redis.map { [$0] } ?? [] }

    /// A process alone remembers the tokens that it verified anyway.
    var verdicts: TokenVerdicts? { redis.map { TokenVerdicts($0, seal: seal) } }

    /// Nobody goes on from what a process alone remembers.
    var signs: SignsOfLife? { redis.map { SignsOfLife($0, seal: seal) } }

    func objects(_ store: Store, _ committed: CommittedLog, _ metrics: MetricsRegistry) -> ObjectReader {
        ObjectReader(
            store, committed, cache: cache, seal: seal, isDatabaseRemote: store.database.dialect != .sqlite,
            metrics: metrics)
    }
}
