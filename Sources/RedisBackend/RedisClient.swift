import FleetService
import Synchronization

/// Keeps one connection to the master, and makes a new one whenever it is lost. Nobody waits for it: while there is none,
/// commands fail at once.
final class RedisClient: Sendable {
    private struct State {
        var connection: RedisConnection?
        /// Why there is none; nil while that is still to be found out.
        var reason: RedisError?
    }

    private let connector: RedisConnector
    private let patience: Duration
    private let state = Mutex(State())

    init(_ options: RedisOptions) {
        connector = RedisConnector(options: options)
        patience = options.patience
    }

    /// Connects again and again, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - onMessage: told of what is published to a connection that listens.
    ///   - prepare: what is done on a connection before it counts as one.
    ///   - use: what is done on it while it lasts; it is closed when that throws.
    func run(
        onMessage: @escaping @Sendable () -> Void = {},
        prepare: (RedisConnection) async throws -> Void = { _ in },
        use: @escaping @Sendable (RedisConnection) async throws -> Void = { _ in }
    ) async {
        var failures = 0
        while !Task.isCancelled {
            do {
                let connection = try await connector.connect(onMessage: onMessage)
                do { try await prepare(connection) } catch {
                    connection.close()
                    throw error
                }
                failures = 0
                state.withLock { $0.connection = connection }
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        do { try await use(connection) } catch { connection.close() }
                    }
                    await connection.waitUntilClosed()
                    group.cancelAll()
                }
                state.withLock { $0 = State() }
            } catch let error as RedisError {
                state.withLock { $0.reason = error }
            } catch {
                state.withLock { $0.reason = .closed }
            }
            try? await Task.sleep(for: connector.options.backoff.pause(after: failures))
            failures += 1
        }
        state.withLock { $0.connection?.close() }
    }

    private func connection() throws(RedisError) -> RedisConnection {
        let state = state.withLock { $0 }
        guard let connection = state.connection else { throw state.reason ?? .closed }
        return connection
    }

    private static let checkInterval = Duration.milliseconds(10)

    /// Waits until it is known whether there is a connection: one that was just lost may be back at once.
    ///
    /// - Throws: why there is none.
    func check() async throws {
        while state.withLock({ $0.connection == nil && $0.reason == nil }) {
            try await Task.sleep(for: Self.checkInterval)
        }
        _ = try connection()
    }

    /// - Throws: `RedisError`; at once when there is no connection, with the reason.
    func send(_ command: RedisCommand) async throws -> Reply {
        let connection = try connection()
        do {
            return try await connection.send(command, patience: patience)
        } catch RedisError.isReplica {
            leave(connection)
            throw RedisError.isReplica
        }
    }

    /// Sends without waiting; `answer` may be told from another thread.
    func post(_ command: RedisCommand, _ answer: @escaping @Sendable (Result<Reply, RedisError>) -> Void = { _ in }) {
        guard let connection = try? connection() else { return answer(.failure(.closed)) }
        connection.post(command, patience: patience) { result in
            if case .success(let reply) = result, RedisError(reply) == .isReplica { self.leave(connection) }
            answer(result)
        }
    }

    /// The master has become a replica: another one is to be found.
    private func leave(_ connection: RedisConnection) { connection.close() }
}
