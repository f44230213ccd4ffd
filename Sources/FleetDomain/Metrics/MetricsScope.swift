/// Whose figures a reader gets of one federation.
package enum MetricsScope: Sendable, Equatable {
    /// The totals: for those who coordinate the federation, and those who see everything.
    case federation
    /// What concerns these fleets, and nothing that depends on leases between others. Denied crossings are counted for
    /// those of them of which the reader may read the audit log.
    case fleets(Set<Fleet.ID>, audited: Set<Fleet.ID>)

    /// Whether the fleet's resources and crossings are measured.
    package func includes(_ fleet: Fleet.ID) -> Bool {
        switch self {
        case .federation: true
        case .fleets(let fleets, _): fleets.contains(fleet)
        }
    }

    func includes(deniedTowards fleet: Fleet.ID) -> Bool {
        switch self {
        case .federation: true
        case .fleets(_, let audited): audited.contains(fleet)
        }
    }

    /// The fleets that it is restricted to; nil is to none.
    package var fleets: [Fleet.ID]? {
        switch self {
        case .federation: nil
        case .fleets(let fleets, _): fleets.sorted()
        }
    }
}

extension Principal {
    /// Whose figures of the federation it may read.
    package func metricsScope(in standing: Standing) -> MetricsScope {
        if holds(.metricsRead, coordinating: standing) { return .federation }
        let own = fleets.filter { holds(.metricsRead, for: $0) }
        return .fleets(own, audited: own.filter { holds(.auditRead, for: $0) })
    }
}
