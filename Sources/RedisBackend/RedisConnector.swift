import FleetService
import NIOCore
import NIOPosix

/// Finds the master and connects to it, as the user that the settings name.
struct RedisConnector: Sendable {
    let options: RedisOptions

    /// A connection to a master that lets us in, on the database that was chosen.
    ///
    /// - Throws: `RedisError`: of a single address what was wrong there, else what was wrong at each.
    func connect(onMessage: @escaping @Sendable () -> Void = {}) async throws -> RedisConnection {
        guard let sentinels = options.sentinels else {
            return try await first(of: options.addresses) { try await connect(to: $0, onMessage) }
        }
        // Each is asked anew: right after a failover some still name the old master, which is none any more.
        return try await first(of: sentinels.addresses) { sentinel in
            try await connect(to: try await master(sentinels.master, askedOf: sentinel), onMessage)
        }
    }

    private func first(
        of addresses: [ServerAddress],
        _ connect: (ServerAddress) async throws -> RedisConnection
    ) async throws -> RedisConnection {
        var reasons: [String] = []
        for address in addresses {
            do {
                return try await connect(address)
            } catch {
                if addresses.count == 1 { throw Self.reason(error, address) }
                reasons.append("\(address): \(Self.reason(error, address))")
            }
            try Task.checkCancellation()
        }
        throw RedisError.unreachable(reasons)
    }

    private static func reason(_ error: any Error, _ address: ServerAddress) -> RedisError {
        switch error {
        case let error as RedisError: error
        case is NIOConnectionError, is ChannelError, is IOError: .unreachable(["\(address) cannot be connected to"])
        default: .unreachable(["\(address): \(error)"])
        }
    }

    private func connect(
        to address: ServerAddress, _ onMessage: @escaping @Sendable () -> Void
    ) async throws -> RedisConnection {
        let connection = try await RedisConnection.open(
            to: address, tls: options.tls, patience: options.connectPatience, onMessage: onMessage)
        do {
            try await greet(connection)
            return connection
        } catch {
            connection.close()
            throw error
        }
    }

    /// One command signs in and tells the version and the role. Unlike ROLE and INFO it needs no permission, so that the
    /// user may have as few as can be.
    private func greet(_ connection: RedisConnection) async throws {
        let server: [String: String]
        do { server = try await signIn(connection).fields } catch RedisError.refused(let text)
            where text.lowercased().contains("unknown command")
        {
            throw RedisError.tooOld("older than Redis 6")
        }
        if let version = server["version"], let major = version.split(separator: ".").first.flatMap({ Int($0) }),
            major < 6
        {
            throw RedisError.tooOld("Redis \(version.prefix(20))")
        }
        switch (server["mode"], server["role"]) {
        case ("cluster", _): throw RedisError.isCluster
        case ("sentinel", _): throw RedisError.isSentinel
        case (_, "master"): break
        case (_, _?): throw RedisError.isReplica
        case (_, nil): throw RedisError.malformed
        }
        if options.database != 0 {
            _ = try await connection.send(
                RedisCommand("SELECT", String(options.database)), patience: options.connectPatience)
        }
    }

    private func signIn(_ connection: RedisConnection) async throws -> Reply {
        do {
            return try await connection.send(greeting(options.password), patience: options.connectPatience)
        } catch RedisError.notPermitted where options.password != nil {
            // Redis 6.0 asks what the default user may do, before it looks who signs in.
            let words = ["AUTH", options.username ?? "default", options.password?.text ?? ""]
            _ = try await connection.send(
                RedisCommand(words.map { Array($0.utf8) }), patience: options.connectPatience)
            return try await connection.send(greeting(nil), patience: options.connectPatience)
        }
    }

    private func greeting(_ password: RedisOptions.Password?) -> RedisCommand {
        guard let password else { return RedisCommand("HELLO", "2") }
        return RedisCommand("HELLO", "2", "AUTH", options.username ?? "default", password.text)
    }

    /// Most Sentinels ask for no password; one that does is given the servers'.
    private func master(_ name: String, askedOf address: ServerAddress) async throws -> ServerAddress {
        let sentinel = try await RedisConnection.open(
            to: address, tls: options.tls, patience: options.connectPatience)
        defer { sentinel.close() }
        let question = RedisCommand("SENTINEL", "get-master-addr-by-name", name)
        var answer: Reply
        do {
            answer = try await sentinel.send(question, patience: options.connectPatience)
        } catch RedisError.passwordMissing where options.password != nil {
            _ = try await sentinel.send(greeting(options.password), patience: options.connectPatience)
            answer = try await sentinel.send(question, patience: options.connectPatience)
        }
        guard let parts = answer.array, parts.count == 2, let host = parts[0].text, !host.isEmpty,
            let port = parts[1].text.flatMap({ Int($0) }), (1...65_535).contains(port)
        else { throw RedisError.noMaster(name) }
        return ServerAddress(host: host, port: port)
    }
}
