import FleetStore
import Synchronization

/// Connections of one kind, each lent to one thread at a time.
final class ConnectionPool: Sendable {
    private let slots: [Slot]

    init(_ slots: [Slot]) { self.slots = slots }

    /// Runs `body` on a free connection; when all are lent it waits for one.
    ///
    /// The search begins at the first, so that under little load one connection's caches stay warm.
    /// - Throws: `.unavailable` after `close`, and what `body` throws.
    func withConnection<Answer: Sendable>(
        _ body: @Sendable (SQLiteConnection) throws(StoreError) -> Answer
    ) throws(StoreError) -> Answer {
        for slot in slots where slot.take() {
            defer { slot.giveBack() }
            return try slot.connection.withLock { (connection) throws(StoreError) in
                try Self.run(body, on: connection)
            }
        }
        return try slots[slots.count - 1].connection.withLock { (connection) throws(StoreError) in
            try Self.run(body, on: connection)
        }
    }

    /// Ends the connections once they are given back; `last` runs on each before.
    func close(_ last: @Sendable (SQLiteConnection) -> Void = { _ in }) {
        for slot in slots {
            slot.connection.withLock { connection in
                if let connection { last(connection) }
                connection = nil
            }
        }
    }

    private static func run<Answer: Sendable>(
        _ body: @Sendable (SQLiteConnection) throws(StoreError) -> Answer, on connection: SQLiteConnection?
    ) throws(StoreError) -> Answer {
        guard let connection else { throw .unavailable("the database is closed") }
        return try body(connection)
    }

    /// One connection, nil once closed.
    final class Slot: Sendable {
        fileprivate let connection: Mutex<SQLiteConnection?>
        /// Asked before the mutex: to try a taken mutex costs a system call, this does not.
        private let isTaken = Atomic(false)

        init(_ connection: sending SQLiteConnection) { self.connection = Mutex(connection) }

        fileprivate func take() -> Bool {
            isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
        }

        fileprivate func giveBack() { isTaken.store(false, ordering: .releasing) }
    }
}
