import FleetDomain
package import FleetService
import ServiceLifecycle
import Synchronization

/// The shared memory in a Redis (6 or newer) or a Valkey. What cannot be had within the patience of `RedisOptions` is not
/// there; behind the circuit breaker nobody waits even so long.
package final class RedisCache: SharedCache, Dependency, Service {
    /// How often the connection that listens is tried: what it misses meanwhile is found out then.
    private static let listenInterval = Duration.seconds(1)
    private static let listenPatience = Duration.seconds(1)

    package let name = DependencyName.redis
    package let breaker: CircuitBreaker
    let options: RedisOptions
    private let client: RedisClient
    private let listener: RedisClient
    private let prefix: String
    private let heard = Mutex<UInt64>(0)
    private let lost = Atomic<UInt64>(0)
    /// Counts while the server cannot be reached.
    private let own = InProcessCache(capacity: 10_000)

    package init(_ options: RedisOptions, breaker: CircuitBreaker = CircuitBreaker()) {
        self.breaker = breaker
        self.options = options
        prefix = options.prefix
        client = RedisClient(options)
        listener = RedisClient(options)
    }

    private func key(_ name: String) -> String { prefix + name }
    private var channel: String { key("revocations") }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.client.run() }
                group.addTask {
                    await self.listener.run(
                        onMessage: self.hear, prepare: { try await self.subscribe($0) },
                        use: { try await self.stay(on: $0) })
                }
            }
        }
    }

    // MARK: Values

    package func values(_ names: [String]) async -> [CachedValue?] {
        guard !names.isEmpty else { return [] }
        let command = RedisCommand(["MGET"].map { Array($0.utf8) } + names.map { Array(key($0).utf8) })
        let reply = try? await breaker.run { try await client.send(command) }
        guard let values = reply?.array, values.count == names.count else { return names.map { _ in nil } }
        return values.map { $0.bytes.flatMap(Self.value) }
    }

    private static let versionLength = 19

    private static func value(_ bytes: [UInt8]) -> CachedValue? {
        guard bytes.count > versionLength,
            let version = wholeNumber(String(decoding: bytes.prefix(versionLength), as: UTF8.self))
        else { return nil }
        return CachedValue(version: version, bytes: Array(bytes.dropFirst(versionLength)))
    }

    package func keep(_ value: CachedValue, as name: String, for lifetime: Duration, replaces: Bool) {
        // While nobody is answered nothing is sent either.
        guard breaker.state == .closed else { return noteLoss() }
        let arguments = [
            Array(value.version.padded.utf8) + value.bytes, Array(String(lifetime.milliseconds).utf8),
            Array((replaces ? "1" : "0").utf8),
        ]
        let key = key(name)
        client.post(RedisScript.keep.command(key: key, arguments, isKnown: true)) { [self] result in
            switch result.map(RedisError.init) {
            case .success(nil): break
            case .success(let error?) where error.isUnknownScript:
                client.post(RedisScript.keep.command(key: key, arguments, isKnown: false)) { [self] result in
                    if case .success(nil) = result.map(RedisError.init) { return }
                    noteLoss()
                }
            case .success, .failure: noteLoss()
            }
        }
    }

    package var losses: UInt64 { lost.load(ordering: .acquiring) }

    private func noteLoss() { lost.wrappingAdd(1, ordering: .releasing) }

    // MARK: Counters

    package func count(_ name: String, adding amount: Int64, window: Duration) async -> WindowCount {
        do {
            return try await breaker.run { try await counted(name, amount, window) }
        } catch {
            return await own.count(name, adding: amount, window: window)
        }
    }

    private func counted(_ name: String, _ amount: Int64, _ window: Duration) async throws -> WindowCount {
        let arguments = [String(amount), String(window.milliseconds)].map { Array($0.utf8) }
        let reply = try await run(.count, key(name), arguments)
        guard let parts = reply.array, parts.count == 2, let sum = parts[0].integer, let left = parts[1].integer else {
            throw RedisError.malformed
        }
        return WindowCount(count: sum, remaining: .milliseconds(left))
    }

    private func run(_ script: RedisScript, _ key: String, _ arguments: [[UInt8]]) async throws -> Reply {
        do {
            return try await client.send(script.command(key: key, arguments, isKnown: true))
        } catch let error as RedisError where error.isUnknownScript {
            return try await client.send(script.command(key: key, arguments, isKnown: false))
        }
    }

    // MARK: Revocations

    package func announceRevocation() {
        hear()
        client.post(RedisCommand("PUBLISH", channel, "revoked"))
    }

    package var revocations: UInt64 { heard.withLock { $0 } }

    private func hear() { heard.withLock { $0 += 1 } }

    /// What was announced while nobody listened is unknown: that there was such a while counts as an announcement.
    private func subscribe(_ connection: RedisConnection) async throws {
        _ = try await connection.send(RedisCommand("SUBSCRIBE", channel), patience: Self.listenPatience)
        hear()
    }

    private func stay(on connection: RedisConnection) async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.listenInterval)
            _ = try await connection.send(RedisCommand("PING"), patience: Self.listenPatience)
        }
    }

    // MARK: Health

    private var probe: String { key("probe") }
    /// What a check leaves for a minute.
    var probes: [String] { [probe, probe + ":count"] }

    /// Does once, with a key of its own, whatever needs a permission.
    package func check() async throws {
        try await client.check()
        let probe = self.probe
        // Where nobody looks anything up, it is what closes the circuit again.
        let lookUp = RedisCommand("MGET", probe)
        if breaker.state != .closed { _ = try? await breaker.run { try await client.send(lookUp) } }
        _ = try await client.send(lookUp)
        _ = try await run(.keep, probe, [Int64(0).padded, "60000", "1"].map { Array($0.utf8) })
        _ = try await run(.count, probe + ":count", ["1", "60000"].map { Array($0.utf8) })
        _ = try await client.send(RedisCommand("PUBLISH", channel + ":probe", ""))
        try await listener.check()
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        max(1, components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
