package import FleetStore
import NIOPosix
import Synchronization

/// SQLite behind the store's port: one connection that writes, some that read.
///
/// A commit runs on a thread of its own, so that waiting for the disk blocks nobody; a `read` on one of a few
/// threads; a `find` on the caller's, since a thread hop costs more than the query. In memory there is one
/// connection for all three: SQLite's shared memory databases lock readers out while somebody writes.
///
/// Close it before letting it go.
package final class SQLiteDatabase: SQLDatabase, Sendable {
    package let dialect = Dialect.sqlite

    private let writer: ConnectionPool?
    private let readers: ConnectionPool
    private let finders: ConnectionPool
    private let writing = NIOThreadPool(numberOfThreads: 1)
    private let reading: NIOThreadPool
    private let lock: Mutex<ServingLock?>
    private let checkpointPages: Int32
    private let secureDelete: Bool

    /// - Parameter writer: nil for a database that is only read.
    init(
        writer: ConnectionPool?, readers: ConnectionPool, readerThreads: Int, finders: ConnectionPool,
        lock: ServingLock?, checkpointPages: Int32, secureDelete: Bool
    ) {
        self.writer = writer
        self.readers = readers
        self.finders = finders
        self.lock = Mutex(lock)
        self.checkpointPages = checkpointPages
        self.secureDelete = secureDelete
        reading = NIOThreadPool(numberOfThreads: readerThreads)
        writing.start()
        reading.start()
    }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        guard let writer else { throw .failed("the database is open for reading only") }
        let (pages, secureDelete) = (checkpointPages, secureDelete)
        let isCheckpointDue = try await Self.run(on: writing) { () throws(StoreError) in
            try writer.withConnection { (connection) throws(StoreError) in
                try connection.commit(batch)
                // Else what was deleted would stand in the log until it starts over.
                if secureDelete { connection.checkpoint(truncating: true) }
                return connection.isCheckpointDue(at: pages)
            }
        }
        // The batch is durable: its answer need not wait for this.
        if isCheckpointDue { writing.submit { _ in try? writer.withConnection { $0.checkpoint() } } }
    }

    package func read(_ queries: [SQL], within _: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        let readers = readers
        return try await Self.run(on: reading) { () throws(StoreError) in
            try readers.withConnection { (connection) throws(StoreError) in try connection.read(queries) }
        }
    }

    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] {
        try finders.withConnection { (connection) throws(StoreError) in try connection.rows(query) }
    }

    /// Waits for what runs, refuses what waits, copies the log into the file and gives the file up.
    package func close() async {
        try? await writing.shutdownGracefully()
        try? await reading.shutdownGracefully()
        finders.close()
        readers.close()
        writer?.close { $0.checkpoint(truncating: true) }
        lock.withLock { $0 = nil }
    }

    /// What the write connection was set to. A database that is only read has none.
    package func settings() async throws(StoreError) -> SQLiteSettings {
        guard let writer else { throw .failed("the database is open for reading only") }
        return try await Self.run(on: writing) { () throws(StoreError) in
            try writer.withConnection { (connection) throws(StoreError) in try connection.settings() }
        }
    }

    /// Runs `body` on a thread of `pool`. Whoever is cancelled while waiting has done nothing.
    private static func run<Answer: Sendable>(
        on pool: NIOThreadPool, _ body: @escaping @Sendable () throws(StoreError) -> Answer
    ) async throws(StoreError) -> Answer {
        do {
            return try await pool.runIfActive { Result(catching: body) }.get()
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unavailable("closed, or cancelled before it began")
        }
    }
}
