package import FleetStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// PostgreSQL behind the store's port, through libpq.
///
/// A commit and a read are one round trip each, on a thread that waits for it. What the server refused only because of
/// what others did at the same time (a deadlock, say) is tried again while there is time; so is what could not be sent
/// because a connection had ended, as far as the retries' budget goes. A commit whose answer was lost is never tried again:
/// it may have happened.
package final class PostgresDatabase: SQLDatabase, Sendable {
    /// The writer's batches and the election do not wait for each other, nor for the one that commits what webhooks' sinks keep.
    private static let committerCount = 2
    private static let deferringCount = 1
    /// How long a connection is tried for anew. Longer than a server takes that is restarted, shorter than the patience of
    /// who waits for an answer.
    private static let connectPatience = Duration.seconds(2)
    private static let triesMax = 8
    /// About as many as fit into `connectPatience`: while a server is restarted, all connections are tried for as long.
    private static let retriesPerConnection = 25

    package let dialect = Dialect.postgres
    private let configuration: PostgresConfiguration
    private let committers = ConnectionPool(count: committerCount)
    private let deferring = ConnectionPool(count: deferringCount)
    private let readers: ConnectionPool
    private let retries: RetryBudget

    /// Connects once, to see that it can.
    /// - Throws: `.unavailable` with the server's or libpq's words, which hold no password.
    package static func open(_ configuration: PostgresConfiguration) async throws(StoreError) -> PostgresDatabase {
        let database = PostgresDatabase(configuration)
        do throws(StoreError) {
            _ = try await database.find(.ping)
        } catch {
            await database.close()
            throw error
        }
        return database
    }

    private init(_ configuration: PostgresConfiguration) {
        self.configuration = configuration
        readers = ConnectionPool(count: configuration.readers)
        let connections = configuration.readers + Self.committerCount + Self.deferringCount
        retries = configuration.retries ?? RetryBudget(.init(reserve: Double(connections * Self.retriesPerConnection)))
    }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        _ = try await run(batch, as: .batch, on: batch.first?.isDeferrable == true ? deferring : committers)
    }

    package func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        // One statement sees one state by itself.
        try await run(queries, as: scope != nil || queries.count > 1 ? .snapshot(scope) : .single, on: readers)
    }

    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] {
        try await run([query], as: .single, on: query.isUrgent ? committers : readers)[0]
    }

    package func close() async {
        await deferring.close()
        await committers.close()
        await readers.close()
    }

    private func run(
        _ statements: [SQL], as transaction: PostgresConnection.Transaction, on pool: ConnectionPool
    ) async throws(StoreError) -> [[SQLRow]] {
        let (configuration, retries) = (configuration, retries)
        let asked = ContinuousClock.now
        retries.noteCall()
        return try await pool.run { (connection) throws(StoreError) in
            guard !statements.isEmpty else { return [] }
            // Who waits for a connection waits, too; the server has nothing to do with that.
            let begin = ContinuousClock.now
            guard begin - asked < configuration.patience else { throw .busy("no connection was free in time") }
            let deadline = begin + configuration.patience
            var tries = 0
            while true {
                tries += 1
                do throws(PostgresConnection.Failure) {
                    if connection?.isAlive() != true {
                        connection = try PostgresConnection(configuration, until: deadline)
                    }
                    guard let connection else { throw .lost("no connection") }
                    return try connection.run(statements, as: transaction, until: deadline)
                } catch {
                    if connection?.isUsable != true { connection = nil }
                    let now = ContinuousClock.now
                    switch error {
                    case .lostUnderway(let reason): throw .outcomeUnknown(reason)
                    case .lost(let reason):
                        guard now < min(begin + Self.connectPatience, deadline), retries.takeRetry() else {
                            throw .unavailable(reason)
                        }
                    case .refused(let state, let refusal):
                        // Prepared anew on a connection of its own.
                        if state.isOfPreparation { connection = nil }
                        guard state.isTransient || state.isOfPreparation, tries < Self.triesMax,
                            now < begin + configuration.statementTimeout, retries.takeRetry()
                        else { throw refusal }
                    }
                    Self.pause(after: tries)
                }
            }
        }
    }

    /// Full jitter, so that those who were in each other's way do not meet again.
    private static func pause(after tries: Int) {
        let longest = min(5_000 << tries, 250_000)
        usleep(useconds_t.random(in: 0...useconds_t(longest)))
    }
}
