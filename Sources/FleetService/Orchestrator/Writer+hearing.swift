import FleetDomain
import FleetStore

extension Writer {
    /// Where the database could not be asked, the signs of fleets were refused: once it can be again, before anybody is
    /// called silent, each has its interval from now on.
    mutating func regainHearing() async {
        guard hearing.isLost, (try? await store.confirmWriter(epoch, logEnd: ledger.position)) != nil else { return }
        hearing.regain(with: &ledger, now: now)
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
