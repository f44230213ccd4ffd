internal import NIOCore

/// Tells whether the peer has stopped to accept bytes.
///
/// It samples how many bytes wait for the socket. Progress is a smaller number than at the last sample, or a buffer
/// that fell below its low-water mark in between. A reader slow enough to hide from both within `limit`, while less
/// than the high-water mark (64 KiB) waits, counts as stalled.
struct StallWatch {
    let limit: TimeAmount
    private var buffered = 0
    private var since: NIODeadline?

    init(limit: TimeAmount) { self.limit = limit }

    /// When the peer is stalled if nothing moves until then.
    var deadline: NIODeadline { since.map { $0 + limit } ?? .distantFuture }

    mutating func writabilityChanged(isWritable: Bool, now: NIODeadline) { since = isWritable ? nil : now }

    /// Takes a sample; true when nothing has moved for `limit`.
    mutating func isStalled(waiting: Int, now: NIODeadline) -> Bool {
        defer { buffered = waiting }
        if waiting == 0 {
            since = nil
        } else if since == nil || waiting < buffered {
            since = now
        }
        return now >= deadline
    }
}
