import FleetService
import FleetTestSupport
import RedisBackend
import Testing

/// What holds of every shared memory, in this process and in a Redis.
@Suite("A shared memory", .enabled(if: RedisServer.isInstalled, "redis-tools is not installed"))
struct SharedCacheTests {
    enum Kind: String, CaseIterable, Sendable {
        case inProcess = "of one process"
        case redis = "in a Redis"

        func run(_ body: @Sendable (any SharedCache) async throws -> Void) async throws {
            switch self {
            case .inProcess: try await body(InProcessCache())
            case .redis:
                let server = try RedisServer()
                try await server.start()
                try await RedisCache.run(.of(server)) { try await body($0) }
            }
        }
    }

    @Test("keeps values under their names until they are over", arguments: Kind.allCases)
    func keeps(kind: Kind) async throws {
        try await kind.run { cache in
            #expect(await cache.values(["a", "b"]) == [nil, nil])
            cache.keep(CachedValue(7, "seven"), as: "a", for: .seconds(60), replaces: false)
            cache.keep(CachedValue(1, "short"), as: "b", for: .milliseconds(30), replaces: false)
            #expect(await cache.values(["a"]) == [CachedValue(7, "seven")])
            try await eventually("the end of a value") {
                await cache.values(["a", "b"]) == [CachedValue(7, "seven"), nil]
            }
            #expect(await cache.values([]) == [])
        }
    }

    @Test(
        "replaces a value by a newer one alone, unless it is told that the old one is of no use",
        arguments: Kind.allCases)
    func newer(kind: Kind) async throws {
        try await kind.run { cache in
            func keep(_ version: Int64, _ text: String, replaces: Bool = false) async -> String? {
                cache.keep(CachedValue(version, text), as: "a", for: .seconds(60), replaces: replaces)
                return await cache.values(["a"])[0]?.text
            }
            #expect(await keep(10, "ten") == "ten")
            #expect(await keep(9, "nine") == "ten")
            #expect(await keep(10, "ten again") == "ten")
            #expect(await keep(.max, "last") == "last")
            #expect(await keep(11, "eleven") == "last")
            #expect(await keep(11, "eleven", replaces: true) == "eleven")
        }
    }

    @Test("ends with the newest of what many keep at once", arguments: Kind.allCases)
    func newestWins(kind: Kind) async throws {
        try await kind.run { cache in
            var random = Generator(seed: 1)
            let versions = (0..<200).map { _ in Int64(random.int(in: 0...1_000_000)) }
            await withTaskGroup(of: Void.self) { group in
                for version in versions {
                    group.addTask {
                        cache.keep(CachedValue(version, "\(version)"), as: "a", for: .seconds(60), replaces: false)
                        _ = await cache.values(["a"])
                    }
                }
            }
            #expect(await cache.values(["a"])[0]?.version == versions.max())
        }
    }

    @Test("counts each addition once, whoever adds at the same time", arguments: Kind.allCases)
    func counts(kind: Kind) async throws {
        try await kind.run { cache in
            let seen = await withTaskGroup(of: [Int64].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var seen: [Int64] = []
                        for _ in 0..<100 {
                            seen.append(await cache.count("limit", adding: 1, window: .seconds(60)).count)
                        }
                        return seen
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(seen.sorted() == Array(1...800))
            let more = await cache.count("limit", adding: 5, window: .seconds(60))
            #expect(more.count == 805)
            #expect(more.remaining > .seconds(30) && more.remaining <= .seconds(60))
            #expect(await cache.count("other", adding: 1, window: .seconds(60)).count == 1)
        }
    }

    @Test("begins a counter anew when its window is over, however often it is added to", arguments: Kind.allCases)
    func windows(kind: Kind) async throws {
        try await kind.run { cache in
            #expect(await cache.count("limit", adding: 1, window: .milliseconds(200)).count == 1)
            try await eventually("the end of the window") {
                await cache.count("limit", adding: 1, window: .milliseconds(200)).count == 1
            }
        }
    }

    @Test("tells of revocations", arguments: Kind.allCases)
    func revocations(kind: Kind) async throws {
        try await kind.run { cache in
            let before = cache.revocations
            cache.announceRevocation()
            #expect(cache.revocations > before)
        }
    }
}

@Suite("The memory of one process")
struct InProcessCacheTests {
    @Test("holds as much as it may, and lets go first what nobody asked for")
    func bounded() async {
        let cache = InProcessCache(capacity: 3)
        for name in ["a", "b", "c"] { cache.keep(CachedValue(1, name), as: name, for: .seconds(60), replaces: false) }
        _ = await cache.values(["a", "c"])
        for name in ["d", "e"] {
            cache.keep(CachedValue(1, name), as: name, for: .seconds(60), replaces: false)
            _ = await cache.values(["a"])
        }
        #expect(cache.count == 3)
        #expect(await cache.values(["a", "b", "e"]).map { $0?.text } == ["a", nil, "e"])
    }
}
