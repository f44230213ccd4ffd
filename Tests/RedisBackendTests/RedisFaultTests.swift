import FleetService
import Foundation
import RedisBackend
import Testing

@Suite("A Redis that fails", .enabled(if: RedisServer.isInstalled, "redis-tools is not installed"))
struct RedisFaultTests {
    private static func keep(_ text: String, _ cache: RedisCache) {
        cache.keep(CachedValue(1, text), as: "a", for: .seconds(60), replaces: true)
    }

    /// Until a value that is kept can be had again.
    private static func recovers(_ cache: RedisCache) async throws {
        try await eventually("its use again") {
            keep("again", cache)
            return await cache.value("a")?.text == "again"
        }
        #expect(cache.breaker.state == .closed)
        try await eventually("its health") { await cache.reason == nil }
    }

    @Test("that is frozen holds nobody up for long, then nobody at all, and is used again when it goes on")
    func frozen() async throws {
        let server = try RedisServer()
        try await server.start()
        var options = RedisOptions.of(server)
        options.patience = .milliseconds(100)
        options.connectPatience = .milliseconds(300)
        try await RedisCache.run(options) { cache in
            Self.keep("before", cache)
            server.signal(SIGSTOP)
            defer { server.signal(SIGCONT) }
            try await eventually("the circuit to open") {
                let start = ContinuousClock.now
                #expect(await cache.value("a") == nil)
                // A busy machine takes its time; without a limit it would be for ever.
                #expect(ContinuousClock.now - start < .seconds(5))
                return cache.breaker.state == .open
            }
            #expect(await cache.count("limit", adding: 1, window: .seconds(60)).count == 1)
            #expect(await cache.reason != nil)
            server.signal(SIGCONT)
            try await Self.recovers(cache)
        }
    }

    @Test("that pauses its clients is as one that is frozen")
    func paused() async throws {
        let server = try RedisServer()
        try await server.start()
        var options = RedisOptions.of(server)
        options.patience = .milliseconds(100)
        try await RedisCache.run(options) { cache in
            server.command("client", "pause", "700", "all")
            #expect(await cache.value("a") == nil)
            try await Self.recovers(cache)
        }
    }

    @Test("that is killed and comes back empty is used again, scripts included")
    func killed() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { cache in
            for _ in 0..<2 {
                Self.keep("before", cache)
                #expect(await cache.count("limit", adding: 1, window: .seconds(60)).count == 1)
                server.kill()
                #expect(await cache.value("a") == nil)
                try await server.start()
                try await Self.recovers(cache)
            }
        }
    }

    @Test("counts go on in each process while it cannot be reached")
    func countsAlone() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { cache in
            #expect(await cache.count("limit", adding: 3, window: .seconds(60)).count == 3)
            server.kill()
            #expect(await cache.count("limit", adding: 1, window: .seconds(60)).count == 1)
            #expect(await cache.count("limit", adding: 1, window: .seconds(60)).count == 2)
        }
    }

    @Test("whose master has become a replica is left for the new one")
    func demoted() async throws {
        let (first, second) = (try RedisServer(), try RedisServer())
        try await first.start()
        try await second.start()
        var options = RedisOptions.of(first)
        options.addresses = [first.address, second.address]
        try await RedisCache.run(options) { cache in
            first.command("replicaof", "127.0.0.1", String(second.port))
            try await Self.recovers(cache)
            #expect(second.command("exists", "fleet:a") == "1")
        }
    }

    @Test("tells of a revocation whoever shares it, and of those that may have been missed")
    func revocations() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { one in
            try await RedisCache.run(.of(server)) { other in
                let before = other.revocations
                one.announceRevocation()
                try await eventually("the announcement") { other.revocations > before }
                let then = other.revocations
                server.kill()
                try await server.start()
                try await eventually("what may have been missed") { other.revocations > then }
            }
        }
    }

    @Test("is found again through Sentinels after a failover")
    func failover() async throws {
        let master = try RedisServer("repl-diskless-sync-delay 0")
        let replica = try RedisServer("replicaof 127.0.0.1 \(master.port)\nrepl-diskless-sync-delay 0")
        try await master.start()
        try await replica.start()
        try await eventually("the replica") { replica.command("role").contains("connected") }
        let sentinel = try RedisServer(
            """
            sentinel monitor main 127.0.0.1 \(master.port) 1
            sentinel down-after-milliseconds main 300
            sentinel failover-timeout main 2000
            """, isSentinel: true)
        try await sentinel.start()
        try await eventually("the sentinel to know the replica") {
            sentinel.command("sentinel", "replicas", "main").contains(String(replica.port))
        }
        var options = RedisOptions.of(master)
        options.addresses = []
        options.sentinels = RedisOptions.Sentinels(
            addresses: [ServerAddress(host: "127.0.0.1", port: 1), sentinel.address], master: "main")
        try await RedisCache.run(options) { cache in
            Self.keep("before", cache)
            #expect(await cache.value("a")?.text == "before")
            master.kill()
            try await Self.recovers(cache)
            #expect(replica.command("get", "fleet:a").contains("again"))
        }
        var other = options
        other.sentinels = RedisOptions.Sentinels(addresses: [sentinel.address], master: "nobody")
        try await RedisCache.run(other, isUsable: false) { cache in
            try await eventually("the reason") {
                await cache.reason == "no Sentinel knows a master of the name nobody"
            }
        }
    }

    @Test("that answers something else than a Redis is not used")
    func malformed() async throws {
        let liar = try await Liar("HTTP/1.1 400 Bad Request\r\n\r\n")
        var options = RedisOptions()
        options.addresses = [ServerAddress(host: "127.0.0.1", port: liar.port)]
        options.backoff = Backoff(first: .milliseconds(5), longest: .milliseconds(20))
        try await RedisCache.run(options, isUsable: false) { cache in
            try await eventually("the reason") { await cache.reason == "the answer is not one of a Redis" }
            #expect(await cache.value("a") == nil)
        }
        try await liar.close()
    }
}
