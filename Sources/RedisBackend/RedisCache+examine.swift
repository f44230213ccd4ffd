package import FleetService

extension RedisCache: Examinable {
    package func examine(_ note: Notes) async throws {
        let connection: RedisConnection
        do { connection = try await RedisConnector(options: options).connect() } catch RedisError.tooOld(let version) {
            note(.fail("version", "the server is \(version)", "use Redis 6 to 8, or a Valkey"))
            return
        }
        defer { connection.close() }
        func ask(_ words: String...) async throws -> Reply {
            let reply = try await connection.send(
                RedisCommand(words.map { Array($0.utf8) }), patience: options.connectPatience)
            if let error = RedisError(reply) { throw error }
            return reply
        }
        note(.ok("reachable", "as a primary that lets us in"))
        let server = try await ask("HELLO", "2").fields
        let version = server["version"].map { String($0.prefix(20)) } ?? ""
        note(
            server["server"] == "valkey"
                ? .version("Valkey", version, supported: 7...9) : .version("Redis", version, supported: 6...8))
        do {
            // What the service asks of it again and again.
            async let _: Void? = try? run()
            try await check()
            note(.ok("permissions", "keys and channels below \(options.prefix) can be used"))
        } catch RedisError.notPermitted(let words) {
            note(.fail("permissions", words, "grant the user what docs/redis.md lists"))
        }
        // They go by themselves in a minute where the user may not remove them.
        for probe in probes { _ = try? await ask("DEL", probe) }
        do {
            let skew = try await Finding.clock {
                let parts = try await ask("TIME").array?.compactMap(\.text).compactMap(Int64.init) ?? []
                guard parts.count == 2 else { throw RedisError.malformed }
                return parts[0] * 1000 + parts[1] / 1000
            }
            note(skew)
        } catch RedisError.notPermitted {
            note(.ok("clock", "not looked at: the user may not ask TIME, and need not"))
        }
        note(try await .latency { _ = try await ask("PING") })
    }
}
