/// What of an allocation is measured; its leases say the rest.
package struct MeasuredAllocation: Sendable, Equatable {
    package let id: Allocation.ID
    package let status: AllocationStatus
    package let hasBegun: Bool
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    package init(
        id: Allocation.ID, status: AllocationStatus, hasBegun: Bool, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.status = status
        self.hasBegun = hasBegun
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    /// Satisfied when the first of its leases came to use; failed when it is over without that, through anybody but
    /// the borrower.
    package func outcome(of leases: [Lease]) -> RequestOutcome {
        if hasBegun { return .satisfied(leases.compactMap(\.useStart).min() ?? updatedAt) }
        guard status == .cancelled || status == .expired else { return .neutral }
        if leases.isEmpty { return status == .expired ? .failed(updatedAt) : .neutral }
        if leases.contains(where: \.isWithdrawn) { return .neutral }
        let hasFailed = leases.contains { if case .failed = $0.outcome { true } else { false } }
        return hasFailed ? .failed(updatedAt) : .neutral
    }

    /// Decided when the last of its leases was.
    package func decision(of leases: [Lease]) -> RequestDecision {
        if leases.isEmpty { return status == .expired ? .made(updatedAt) : .open }
        let decisions = leases.map(\.decision)
        guard status != .queued, !decisions.contains(.open) else { return .open }
        let times = decisions.compactMap { if case .made(let time) = $0 { time } else { nil } }
        return times.max().map(RequestDecision.made) ?? .withdrawn
    }
}
