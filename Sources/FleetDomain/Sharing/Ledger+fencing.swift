/// Tokens by which a resource knows whom to obey.
extension Ledger {
    /// Checks the token of a command that reached the resource, for its gateway. A token that follows a
    /// revocation proves that the resource no longer obeys the old holder: after the deadline it ends the lease.
    ///
    /// - Returns: the lease that it ended, if it did.
    /// - Throws: `fencing_token_stale`.
    package mutating func report(
        fence token: Int64, of key: Resource.Key, for id: Lease.ID, _ context: inout Context
    ) throws(FleetError) -> Entity? {
        let resource = try ownedResource(key, context.principal, .fleetOperate)
        context.actingFleet = key.fleet
        // A lease of another resource is answered like none: its existence is not this gateway's business.
        let lease = leases[id].flatMap { $0.resourceKey == key ? $0 : nil }
        let current = resource.isUnit ? resource.fencingToken : lease?.fencingToken ?? .max
        guard let lease, token == lease.fencingToken, token == current else {
            throw FleetError(.fencingTokenStale, "The token is not the one that holds for this lease.")
        }
        guard lease.status == .revoking || lease.status == .preempting, let deadline = lease.deadline,
            context.now >= deadline
        else { return nil }
        return endRecalled(lease, &context)
    }

    /// Greater than every token before it, and so large that it does not count them.
    func nextToken(for lease: Lease, at now: Timestamp) -> Int64 {
        let previous = lease.isUnit ? resource(of: lease)?.fencingToken ?? 0 : lease.fencingToken ?? 0
        return max(previous + 1, now.milliseconds * 1000)
    }
}
