import FleetDomain
import FleetStore

extension Writer {
    func renewSigns() async { await hearing.renew(ledger) }

    /// Where the database could not be asked, the signs of fleets were refused: once it can be again, before anybody is
    /// called silent, each has its interval from now on.
    ///
    /// - Returns: whether it can be asked.
    mutating func regainHearing() async -> Bool {
        guard hearing.isLost else { return true }
        do throws(StoreError) {
            try await store.confirmWriter(epoch, logEnd: ledger.position)
            await hearing.regain(with: &ledger, now: now)
            return true
        } catch {
            return !error.isOfReaching
        }
    }
}

extension StoreError {
    /// Whether the database could not be asked.
    var isOfReaching: Bool {
        switch self {
        case .unavailable, .busy, .outcomeUnknown: true
        case .conflict, .full, .superseded, .corrupt, .forbidden, .failed: false
        }
    }
}
