import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetTestSupport
import HTTPTypes
import RedisBackend
import Synchronization
import Testing

/// Says for a while that there is nothing, as if it were flushed; and puts back, when it is told to, what it had before.
private final class TamperedCache: SharedCache {
    private struct State {
        var isEmpty = false
        var kept: [(value: CachedValue, name: String)] = []
        var hits = 0
    }

    private let inner: any SharedCache
    private let state = Mutex(State())

    init(_ inner: any SharedCache) { self.inner = inner }

    var losses: UInt64 { inner.losses }
    var hits: Int { state.withLock { $0.hits } }

    /// What `body` gives where nothing can be had of the cache.
    func without<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        state.withLock { $0.isEmpty = true }
        defer { state.withLock { $0.isEmpty = false } }
        return try await body()
    }

    func putBack(_ random: inout Generator) {
        for (value, name) in state.withLock({ $0.kept }) where random.chance(30) {
            inner.keep(value, as: name, for: .seconds(60), replaces: true)
        }
    }

    /// Puts values in the places of others, and makes others of them.
    func forge(_ random: inout Generator) {
        let kept = state.withLock { $0.kept }
        for (value, _) in kept where random.chance(30) {
            let name = random.pick(kept).name
            let version = random.chance(50) ? value.version : value.version + 1000
            let bytes = random.chance(50) ? value.bytes : value.bytes.map { $0 ^ 1 }
            inner.keep(CachedValue(version: version, bytes: bytes), as: name, for: .seconds(60), replaces: true)
        }
    }

    func values(_ names: [String]) async -> [CachedValue?] {
        guard !state.withLock({ $0.isEmpty }) else { return names.map { _ in nil } }
        let values = await inner.values(names)
        state.withLock { $0.hits += values.count { $0 != nil } }
        return values
    }

    func keep(_ value: CachedValue, as name: String, for lifetime: Duration, replaces: Bool) {
        let isEmpty = state.withLock { state in
            if !state.isEmpty { state.kept.append((value, name)) }
            return state.isEmpty
        }
        if !isEmpty { inner.keep(value, as: name, for: lifetime, replaces: replaces) }
    }

    func count(_ name: String, adding amount: Int64, window: Duration) async -> WindowCount {
        await inner.count(name, adding: amount, window: window)
    }

    func announceRevocation() { inner.announceRevocation() }
    var revocations: UInt64 { inner.revocations }
}

/// A federation whose objects change at random.
private struct World {
    let service: TestService
    let federation: String
    let fleets = ["owner", "borrower", "third", "outsider"]
    var readers: [String] = []
    var leases: [String] = []
    var allocations: [String] = []

    init(_ service: TestService) async throws {
        self.service = service
        let made = try await service.send(
            "POST", "/federations", #"{"name":"Federation","description":"","policy":{"preemption":true}}"#)
        federation = made["federation_id"]?.stringValue ?? ""
        for (fleet, level) in zip(fleets.dropLast(), ["none", "none", "low"]) {
            let body = #"{"fleet_id":"\#(fleet)","isolation_level":"\#(level)","resource_sharing":true}"#
            #expect(try await service.send("POST", "/federations/\(federation)/members", body).status == 201)
        }
        _ = try await service.send("POST", "/fleets", #"{"fleet_id":"outsider","name":"O","organization":"O"}"#)
        for unit in 0..<4 {
            let body = #"{"resource_id":"unit-\#(unit)","resource_type":"vehicle","handover":"confirmed"}"#
            #expect(try await service.send("POST", "/fleets/owner/resources", body).status == 201)
        }
        readers = [service.adminKey]
        for fleet in fleets {
            readers.append(try await service.key([.fleetOperator], fleets: [try #require(Fleet.ID(fleet))]))
        }
        let id = try #require(Federation.ID(federation))
        readers.append(try await service.key([.federationCoordinator], federations: [id]))
    }

    /// Changes something, or tries to.
    mutating func change(_ random: inout Generator) async throws {
        let (fleet, unit) = (random.pick(fleets), random.int(in: 0...3))
        func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> TestService.Reply {
            try await service.send(method, path, body)
        }
        switch random.int(in: 0...12) {
        case 0: _ = try await send("PATCH", "/fleets/\(fleet)", #"{"name":"\#(random.int(in: 0...99))"}"#)
        case 1:
            _ = try await send(
                "PATCH", "/fleets/owner/resources/unit-\(unit)", #"{"buffer_seconds":\#(random.int(in: 0...60))}"#)
        case 2:
            let level = random.pick(["none", "low", "medium", "high", "sealed"])
            _ = try await send(
                "PATCH", "/federations/\(federation)/members/\(fleet)", #"{"isolation_level":"\#(level)"}"#)
        case 3:
            _ = try await send(
                "POST", "/federations/\(federation)/members/\(fleet)/\(random.pick(["suspend", "resume"]))")
        case 4:
            let status = random.pick(["active", "active", "suspended"])
            _ = try await send(
                "PUT", "/federations/\(federation)",
                #"{"name":"\#(random.int(in: 0...99))","description":"","status":"\#(status)"}"#)
        case 5:
            _ = try await send(
                "POST", "/fleets/\(fleet)/heartbeat", #"{"interval_seconds":\#(random.int(in: 30...90))}"#)
        case 6, 7, 8:
            let starts = (service.clock.now + random.int(in: 0...7200)).description
            let made = try await send(
                "POST", "/resource-sharing",
                """
                {"federation_id":"\(federation)","source_fleet_id":"owner","target_fleet_id":"borrower",\
                "resource_type":"vehicle","resource_id":"unit-\(unit)","duration":600,"starts_at":"\(starts)",\
                "priority":"\(random.pick(["low", "normal", "high"]))"}
                """)
            if let id = made["sharing_id"]?.stringValue { leases.append(id) }
        case 9:
            let made = try await send(
                "POST", "/allocations",
                """
                {"federation_id":"\(federation)","target_fleet_id":"\(random.pick(["borrower", "third"]))",\
                "resource_type":"vehicle","quantity":\(random.int(in: 1...2)),"duration":300,\
                "priority":"\(random.pick(["normal", "high", "critical"]))","queue":true}
                """)
            if let id = made["allocation_id"]?.stringValue { allocations.append(id) }
        case 10 where !leases.isEmpty:
            _ = try await send(
                "POST",
                "/resource-sharing/\(random.pick(leases))/\(random.pick(["approve", "activate", "return", "revoke", "acknowledge"]))"
            )
        case 11 where !allocations.isEmpty: _ = try await send("DELETE", "/allocations/\(random.pick(allocations))")
        default: await service.advance(by: random.int(in: 1...300))
        }
    }

    /// Paths of objects, the latest most often.
    func path(_ random: inout Generator) -> String {
        switch random.int(in: 0...6) {
        case 0: "/fleets/\(random.pick(fleets))"
        case 1: "/fleets/owner/resources/unit-\(random.int(in: 0...3))"
        case 2: "/federations/\(federation)"
        case 3: "/federations/\(federation)/members/\(random.pick(fleets))"
        case 4 where !allocations.isEmpty: "/allocations/\(random.pick(allocations.suffix(3)))"
        case _ where !leases.isEmpty: "/resource-sharing/\(random.pick(leases.suffix(4)))"
        default: "/fleets/owner"
        }
    }
}

@Suite(
    "Objects through a Redis", .enabled(if: RedisServer.isInstalled, "redis-tools is not installed"),
    .timeLimit(.minutes(5)))
struct ObjectCacheTests {
    @Test("Every answer is that of a service without one, whatever is flushed, killed, put back or forged meanwhile")
    func neverTheTruth() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { redis in
            for seed in Generator.seeds(Effort.seeds(2, slow: 40)) {
                let cache = TamperedCache(redis)
                try await TestService.run(cache: cache) { service in
                    var random = Generator(seed: seed)
                    var world = try await World(service)
                    for step in 0..<40 {
                        try await world.change(&random)
                        if random.chance(5) { server.command("flushall") }
                        if random.chance(5) { cache.putBack(&random) }
                        if random.chance(5) { cache.forge(&random) }
                        if random.chance(1) {
                            server.kill()
                            try await server.start()
                            // Else nothing is asked of it for a while, and this shows little.
                            try await eventually("a circuit that is closed") {
                                _ = await redis.values(["nothing"])
                                return redis.breaker.state == .closed
                            }
                        }
                        for _ in 0..<2 {
                            let (path, key) = (world.path(&random), random.pick(world.readers))
                            // Twice with it, so that the second finds what the first has kept.
                            for _ in 0..<2 {
                                let with = try await service.send("GET", path, key: .some(key))
                                let without = try await cache.without {
                                    try await service.send("GET", path, key: .some(key))
                                }
                                #expect(
                                    with.status == without.status && with.bytes == without.bytes
                                        || with.code != nil && with.code == without.code,
                                    "seed \(seed), step \(step), \(path)")
                                #expect(with.etag == without.etag, "seed \(seed), step \(step), \(path)")
                            }
                        }
                    }
                    // Else this has shown nothing.
                    #expect(cache.hits > 10, "seed \(seed)")
                }
            }
        }
    }

    @Test("A read sees every write that was answered before it, also while others read and write")
    func readYourWrites() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { redis in
            try await TestService.run(cache: redis) { service in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for fleet in 0..<4 {
                        _ = try await service.send(
                            "POST", "/fleets", #"{"fleet_id":"f\#(fleet)","name":"-1","organization":"O"}"#)
                    }
                    for fleet in 0..<4 {
                        group.addTask {
                            for name in 0..<25 {
                                let path = "/fleets/f\(fleet)"
                                let written = try await service.send("PATCH", path, #"{"name":"\#(name)"}"#)
                                let position = try #require(written.headers["event-position"])
                                for query in ["", "?min_position=\(position)"] {
                                    let read = try await service.send("GET", path + query)
                                    #expect(read["name"]?.stringValue == String(name), "\(path) \(query)")
                                }
                                // Others may be anywhere, but never go back.
                                _ = try await service.send("GET", "/fleets/f\((fleet + 1) % 4)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("A key that one process revoked is refused by another that has not read of it yet")
    func revoked() async throws {
        let server = try RedisServer()
        try await server.start()
        try await RedisCache.run(.of(server)) { here in
            try await RedisCache.run(.of(server)) { there in
                try await TestService.run(cache: here) { service in
                    let idle = FederationOrchestrator(
                        store: service.api.store, environment: service.clock.environment, logger: RedisCache.silence)
                    let other = Authenticator.reading(
                        service.api.store, idle.committed, cache: there, tokens: nil, now: { service.clock.now })
                    let made = try await service.send("POST", "/api-keys", #"{"name":"k","roles":["fleet_viewer"]}"#)
                    let key = try #require(made["key"]?.stringValue)
                    let headers: HTTPFields = [.authorization: "Bearer \(key)"]
                    _ = try await other.principal(for: headers)
                    let id = try #require(made["key_id"]?.stringValue)
                    #expect(try await service.send("DELETE", "/api-keys/\(id)").status == 204)
                    try await eventually("the refusal") {
                        do throws(FleetError) { _ = try await other.principal(for: headers) } catch {
                            return error.code == .invalidCredentials
                        }
                        return false
                    }
                }
            }
        }
    }

    @Test("What lies in the Redis tells neither of what it is nor what it says")
    func sealed() async throws {
        let server = try RedisServer("appendonly yes")
        try await server.start()
        try await RedisCache.run(.of(server)) { redis in
            try await TestService.run(cache: redis) { service in
                let body = #"{"fleet_id":"fleet-of-ann","name":"Ann's own","organization":"Org"}"#
                _ = try await service.send("POST", "/fleets", body)
                for _ in 0..<2 { _ = try await service.send("GET", "/fleets/fleet-of-ann") }
                try await eventually("the copy") { Int(server.command("dbsize")) ?? 0 > 2 }
            }
        }
        let all = Child.output("grep", ["-r", "-a", "-c", "Ann\\|fleet-of-ann", server.folder])
        #expect(!all.split(separator: "\n").contains { !$0.hasSuffix(":0") }, "\(all)")
    }
}
