import FleetDomain
import FleetService
import FleetTestSupport
import RedisBackend
import Testing

@Suite("Signs of life in a Redis", .enabled(if: RedisServer.isInstalled, "redis-tools is not installed"))
struct SignsOfLifeTests {
    private static let fleets = (0..<1200).compactMap { Fleet.ID("fleet-\($0)") }

    @Test("are found again by who shares its secret, the last of each fleet, and none after a flush")
    func recalled() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { redis in
            let signs = SignsOfLife(redis, seal: CacheSeal(secret: [1]))
            signs.begin(1)
            let now = VirtualClock.start
            #expect(await signs.recall(Self.fleets, now: now).isEmpty)
            // Every other one, and some twice: by a clock that was ahead, and by that of who decides now.
            for (index, fleet) in Self.fleets.enumerated() where index % 2 == 0 {
                if index % 3 == 0 { signs.note(fleet, at: now + 5000, interval: 30) }
                signs.note(fleet, at: now + Seconds(index), interval: 30)
            }
            // When nobody knows until when they were listened to, nobody is silent.
            #expect(await signs.recall(Self.fleets, now: now).isEmpty)
            signs.noteListening(at: now + 2000)
            // Whoever asks has another clock, and asks later.
            let later = now + 1_000_000
            let heard = await signs.recall(Self.fleets, now: later)
            #expect(heard.count == Self.fleets.count / 2)
            for (index, fleet) in Self.fleets.enumerated() where index % 2 == 0 {
                #expect(heard[fleet] == later - (2000 - Seconds(index)))
            }
            let stranger = SignsOfLife(redis, seal: CacheSeal(secret: [2]))
            #expect(await stranger.recall(Self.fleets, now: later).isEmpty)
            // Whoever listens without a gap is another: what it has not heard itself does not count.
            signs.begin(2)
            signs.noteListening(at: now + 9000)
            #expect(await signs.recall(Self.fleets, now: later).isEmpty)
            signs.note(Self.fleets[0], at: now + 8000, interval: 30)
            #expect(await signs.recall(Self.fleets, now: later) == [Self.fleets[0]: later - 1000])
            server.command("flushall")
            #expect(await signs.recall(Self.fleets, now: later).isEmpty)
        }
    }

    @Test("are believed for the fleet and the time alone that they were noted for")
    func forged() async throws {
        let (cache, seal) = (InProcessCache(), CacheSeal(secret: [1]))
        let signs = SignsOfLife(cache, seal: seal)
        signs.begin(3)
        let (one, other) = (Self.fleets[0], Self.fleets[1])
        signs.note(one, at: VirtualClock.start, interval: 30)
        signs.noteListening(at: VirtualClock.start)
        #expect(await signs.recall([one, other], now: VirtualClock.start) == [one: VirtualClock.start])
        func name(_ fleet: Fleet.ID) -> String { seal.place("sign-of-life/1", "3/\(fleet)").name }
        let sign = try #require(await cache.values([name(one)])[0])
        for (fleet, version) in [(other, sign.version), (one, sign.version + 1)] {
            let forgery = CachedValue(version: version, bytes: sign.bytes)
            cache.keep(forgery, as: name(fleet), for: .seconds(60), replaces: true)
        }
        #expect(await signs.recall([one, other], now: VirtualClock.start).isEmpty)
    }
}
