package import FleetDomain
import Synchronization

/// What this process knows of when each object changed last, so that it can tell whether a copy still holds.
///
/// A copy carries a `Stamp`: the end of the log, as far as its reader knew it, *before* it read the database. So the copy
/// holds every change of the object up to there, and maybe later ones. It is served only while this process knows of no
/// change after its stamp. Why no answer is another than without copies:
///
/// - **The writer** marks what a batch changes before it commits it, and puts the position in the mark's place when the
///   batch is durable. At the instant at which a copy is found current, nothing commits a change of the object, and all
///   that were committed are in the copy: it is what the database would have answered at that instant. Of a commit whose
///   outcome is unknown the marks stay until the object changes again, as it may still happen.
/// - **Another process** learns of changes as it follows the log (`follow`), and is as late with a copy as it is with the
///   log. `min_position` waits until it has followed so far, and from then on no copy from before is current.
/// - **A process that stood still** (frozen, or without the database) does not know what the others did meanwhile: where
///   there are several, copies count for a while only from each look at the log or renewal of the election (`trust`).
/// - **Nothing uncommitted** gets into a copy, since copies are made of what the database answered (invariant 15).
/// - **Another past** is refused: a stamp names the event at its position, so that a copy from before a backup was
///   restored, or a failover lost the end of the log, is none of this log.
///
/// Objects share marks by their hash: two with the same mark change together, which only costs a read.
package final class ChangeIndex: Sendable {
    /// The end of the log as it was known: a position, and what tells its event from any other that may stand there.
    package struct Stamp: Sendable, Equatable {
        package let position: Int64
        package let tag: UInt64

        package init(position: Int64, tag: UInt64) {
            self.position = position
            self.tag = tag
        }

        init(_ event: Event) {
            self.init(
                position: event.position,
                tag: UInt64(truncatingIfNeeded: event.id.raw >> 64) ^ UInt64(truncatingIfNeeded: event.id.raw))
        }
    }

    /// Marks, and events whose tags are remembered: at a thousand events a second, a copy lives about a minute before it
    /// is read anew without need. Half a megabyte each.
    package static let capacity = 1 << 16
    /// While it is being changed, no copy is current.
    private static let changing = Int64.max

    private struct State {
        /// Empty until somebody asks: without a cache nothing is noted.
        var marks: [Int64] = []
        var tags: [UInt64] = []
        /// The first position whose event has its tag in `tags`; nothing older is current.
        var first = Int64.max
        /// Where the log was when it was read; its event's tag is to be read as well.
        var floor: Int64?
        var end: Stamp?
        /// nil where no other process changes anything.
        var trustedUntil: ContinuousClock.Instant?

        var isTrusted: Bool { trustedUntil.map { .now < $0 } ?? true }

        func place(of key: ObjectKey) -> Int { key.hashValue & (ChangeIndex.capacity - 1) }

        mutating func mark(_ keys: some Sequence<ObjectKey>, _ position: Int64) {
            for key in keys { marks[place(of: key)] = position }
        }

        mutating func append(_ stamp: Stamp) {
            tags[Int(stamp.position) & (ChangeIndex.capacity - 1)] = stamp.tag
            first = max(min(first, stamp.position), stamp.position - Int64(ChangeIndex.capacity) + 1)
            end = stamp
        }
    }

    private let state = Mutex(State())

    package init() {}

    /// Begins to take note. Before the log is read for the first time, so that nothing is missed.
    package func arm() {
        state.withLock { state in
            guard state.marks.isEmpty else { return }
            state.marks = Array(repeating: 0, count: Self.capacity)
            state.tags = Array(repeating: 0, count: Self.capacity)
        }
    }

    // MARK: The writer

    /// The batch is about to be committed.
    func begin(_ batch: Batch) { mark(batch, Self.changing) }

    /// The batch was committed.
    func settle(_ batch: Batch) {
        guard let last = batch.events.last else { return }
        state.withLock { state in
            guard !state.marks.isEmpty else { return }
            state.mark(batch.changes.lazy.compactMap { ObjectKey($0.new) }, last.position)
            for event in batch.events { state.append(Stamp(event)) }
        }
    }

    /// The batch was not committed, and never will be.
    func abandon(_ batch: Batch) { mark(batch, nil) }

    /// - Parameter position: nil is the end of the log: only what was read since then is known to be current.
    private func mark(_ batch: Batch, _ position: Int64?) {
        state.withLock { state in
            guard !state.marks.isEmpty else { return }
            let position = position ?? state.end?.position ?? state.floor ?? Self.changing
            state.mark(batch.changes.lazy.compactMap { ObjectKey($0.new) }, position)
        }
    }

    // MARK: Another process

    /// These events were committed by another process; they follow those that are known. They are read where objects are
    /// read, so that who reads an object next finds at least what they say.
    package func follow(_ events: [Event]) {
        state.withLock { state in
            guard !state.marks.isEmpty else { return }
            for event in events {
                state.mark(ObjectKey.changed(by: event), event.position)
                state.append(Stamp(event))
            }
        }
    }

    /// Until then no other process can have changed what this one does not know of, or not for long; not asked for where
    /// there is one process.
    package func trust(until end: ContinuousClock.Instant) { state.withLock { $0.trustedUntil = end } }

    /// Whether no other process can have changed what this one does not know of.
    package var isTrusted: Bool { state.withLock(\.isTrusted) }

    /// The log was read anew, up to `position`. Marks of what may still be committed stay.
    func restart(at position: Int64) {
        state.withLock { state in
            guard !state.marks.isEmpty else { return }
            state.floor = position
            state.end = nil
            state.first = .max
            // Before the first event there is nothing that another past could differ in.
            if position == 0 { state.append(Stamp(position: 0, tag: 0)) }
        }
    }

    // MARK: Copies

    /// With what a copy is stamped that is read from now on; nil while that is not known.
    package var stamp: Stamp? { state.withLock { $0.end } }

    /// The position whose event has to be read before anything can be stamped: the end of the log at the start.
    package var unread: Int64? { state.withLock { $0.end == nil ? $0.floor : nil } }

    /// The event at the position that was unread.
    package func read(_ event: Event) {
        state.withLock { state in
            guard state.end == nil, state.floor == event.position else { return }
            state.append(Stamp(event))
        }
    }

    /// Whether the copies hold all that this process knows to be committed: all of them at one instant.
    package func areCurrent(_ copies: [(key: ObjectKey, stamp: Stamp)]) -> Bool {
        state.withLock { state in
            guard let end = state.end, state.isTrusted else { return false }
            return copies.allSatisfy { key, stamp in
                stamp.position >= state.first && stamp.position <= end.position
                    && state.tags[Int(stamp.position) & (Self.capacity - 1)] == stamp.tag
                    && state.marks[state.place(of: key)] <= stamp.position
            }
        }
    }
}
