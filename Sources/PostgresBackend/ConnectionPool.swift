import FleetStore
import NIOPosix
import Synchronization

/// Connections of one kind, each with a thread that it may block.
final class ConnectionPool: Sendable {
    private let slots: [Slot]
    private let threads: NIOThreadPool
    private let free: Mutex<[Int]>

    init(count: Int) {
        slots = (0..<count).map { _ in Slot() }
        free = Mutex(Array(0..<count))
        threads = NIOThreadPool(numberOfThreads: count)
        threads.start()
    }

    /// Runs `body` on a thread of its own with a connection, which is nil at first, and which it opens or replaces as it
    /// needs. Whoever is cancelled while waiting has done nothing.
    func run<Answer: Sendable>(
        _ body: @escaping @Sendable (inout PostgresConnection?) throws(StoreError) -> Answer
    ) async throws(StoreError) -> Answer {
        do {
            return try await threads.runIfActive {
                // As many as threads: there is one. The last given back comes first, so that few are used while few are
                // needed.
                let index = self.free.withLock { $0.removeLast() }
                defer { self.free.withLock { $0.append(index) } }
                return Result { () throws(StoreError) in
                    try self.slots[index].connection.withLock { (connection) throws(StoreError) in
                        try body(&connection)
                    }
                }
            }.get()
        } catch let error as StoreError {
            throw error
        } catch {
            throw .unavailable("closed, or cancelled before it began")
        }
    }

    /// Waits for what runs, refuses what waits, and ends the connections.
    func close() async {
        try? await threads.shutdownGracefully()
        for slot in slots { slot.connection.withLock { $0 = nil } }
    }
}

/// A place for one connection: a mutex alone has none in an array.
private final class Slot: Sendable {
    let connection = Mutex<PostgresConnection?>(nil)
}
