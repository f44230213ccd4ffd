/// What became of a request that was admitted, and when.
///
/// A request is a lease that was asked for by name, or an allocation with all its leases. Refusals by a rule, a limit
/// or a conflict are right and no failure, so that they are no outcome.
package enum RequestOutcome: Sendable, Equatable {
    /// It came to use.
    case satisfied(Timestamp)
    /// It expired, was rejected or taken away, or was cancelled by anybody but the borrower.
    case failed(Timestamp)
    /// Still open, withdrawn by the borrower, or not fetched by it.
    case neutral
}

extension Lease {
    static let withdrawal = "cancelled_by_borrower"

    /// What became of the lease as a request of its own.
    package var outcome: RequestOutcome {
        switch status {
        case .active, .overdue, .completed: .satisfied(useStart ?? createdAt)
        case .rejected, .expired, .revoked, .preempted: .failed(endedAt ?? updatedAt)
        case .cancelled: statusReason == Lease.withdrawal ? .neutral : .failed(endedAt ?? updatedAt)
        case .queued, .pending, .granted, .revoking, .preempting, .noShow: .neutral
        }
    }

    /// Leases of before the time was kept were granted at once, unless they were held for approval.
    private var wasGranted: Bool { grantedAt != nil || wasApproved && arrival == nil }

    /// When the decision came that settled whether it is given: with the request, by approval, rejection or expiry.
    package var decision: RequestDecision {
        switch status {
        case .queued, .pending: .open
        case .rejected, .expired: .made(endedAt ?? updatedAt)
        case .cancelled where !wasGranted: .withdrawn
        default: .made(grantedAt ?? createdAt)
        }
    }
}

/// When a request was decided.
package enum RequestDecision: Sendable, Equatable {
    case made(Timestamp)
    case open
    /// It was given up before.
    case withdrawn
}
