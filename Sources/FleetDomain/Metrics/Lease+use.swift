/// The time that a lease takes of its resource, told apart by what became of it. Nothing lies after `now`.
///
/// Time that is promised, used or kept is a span of the lease; multiplied by its quantity it is unit-time.
extension Lease {
    /// When it could first begin: its start, or later if an earlier holder was late or its owner approved late.
    private var due: Timestamp { max(startsAt, readyAt ?? startsAt) }

    /// When its use began; nil when it has not. What begins without a call begins when it is due, however late the
    /// clock came round to it.
    package var useStart: Timestamp? {
        // A token is issued at activation, and not before; leases of before have no time of it.
        guard activatedAt != nil || fencingToken != nil else { return nil }
        return handover == .automatic ? due : activatedAt ?? due
    }

    /// When its use ended, or until when it has lasted.
    private func useEnd(_ now: Timestamp) -> Timestamp {
        if let endedAt { return min(endedAt, now) }
        // What ends without a call ends on time.
        return handover == .automatic && status == .active ? min(endsAt, now) : now
    }

    /// Active time: from its activation to the end of its use, at most to the end of its window.
    package func activeSpan(_ now: Timestamp) -> Window? {
        useStart.flatMap { Window(from: $0, to: min(useEnd(now), endsAt)) }
    }

    /// Overdue time: after its window until it was returned.
    package func overdueSpan(_ now: Timestamp) -> Window? {
        useStart.flatMap { Window(from: max($0, endsAt), to: useEnd(now)) }
    }

    /// Held-idle time: what was granted of its window, and had not been fetched. Of a lease that begins without a
    /// call there is none; nor while an earlier holder keeps the resource, for that time is overdue already.
    package func idleSpan(_ now: Timestamp) -> Window? {
        guard handover == .confirmed, isGranted, !awaitingReturn,
            status != .cancelled || statusReason != ErrorCode.unitNotReturned.rawValue
        else { return nil }
        return Window(from: due, to: min(useStart ?? useEnd(now), endsAt))
    }

    /// Lent time: from the start of its window to the end of its use; of a lease that never came to use, none.
    package func lentSpan(_ now: Timestamp) -> Window? {
        guard changesHands, let useStart, useStart < useEnd(now) else { return nil }
        return Window(from: startsAt, to: useEnd(now))
    }

    /// Whether it is a granted crossing of the boundary between two owners, which their isolation had to allow.
    package var isCheck: Bool { changesHands && isGranted }

    /// Whether the borrower gave up what it had asked for.
    package var isWithdrawn: Bool { status == .cancelled && statusReason == Lease.withdrawal }

    /// Whether it ever got past its approval.
    package var isGranted: Bool {
        switch status {
        case .queued, .pending, .rejected, .expired: false
        case .cancelled: wasApproved
        case .granted, .active, .overdue, .revoking, .preempting, .completed, .revoked, .preempted, .noShow: true
        }
    }
}
