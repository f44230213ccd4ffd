import Synchronization

/// How far the log is durable, for those who wait for a position.
package final class CommittedLog: Sendable {
    private let end: Mutex<Int64>

    init(position: Int64 = 0) { end = Mutex(position) }

    package var position: Int64 { end.withLock { $0 } }

    func advance(to position: Int64) { end.withLock { $0 = max($0, position) } }
}
