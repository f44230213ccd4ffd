package import FleetDomain

/// What the ledger promises of its classes, counted again from its leases and its resources.
extension Ledger {
    /// How much of it there is: of a class, its units that are not retired.
    package func capacity(of supply: Supply, onlyAvailable: Bool = false) -> Int64 {
        guard case .units(let key) = supply else {
            return resources.values.first { .resource($0.key) == supply }?.capacity ?? 0
        }
        return resources.values.reduce(0) { sum, unit in
            let isAsked = unit.status == .available || !onlyAvailable && unit.status == .maintenance
            return isAsked && unit.key.fleet == key.offer.fleet && unit.type == key.offer.type
                && unit.terms == key.terms ? sum + 1 : sum
        }
    }

    /// The windows of which more is promised than there is, of a class from now on; and the units to which two leases
    /// are bound at once.
    package var doublePromises: [String] {
        let holding: Set<LeaseStatus> = [.pending, .granted, .active, .overdue, .revoking]
        let promised = leases.values.filter { holding.contains($0.status) }
        func clashes(_ leases: [Lease], _ capacity: Int64) -> Bool {
            leases.contains { lease in
                let instant = lease.terms == nil ? lease.startsAt : max(lease.startsAt, lastTime)
                let level = leases.filter {
                    $0.startsAt <= instant && instant < $0.startsAt + $0.duration + $0.buffer
                }
                return level.reduce(0) { $0 + $1.quantity } > capacity
            }
        }
        var found: [String] = []
        for (supply, leases) in Dictionary(grouping: promised, by: \.supply)
        where clashes(leases, capacity(of: supply)) { found.append("\(supply) is promised twice") }
        let bound = Dictionary(grouping: promised.filter { $0.terms != nil && $0.resource != nil }, by: \.resourceKey)
        for (unit, leases) in bound where clashes(leases, 1) {
            found.append("two are bound to \(unit.map { "\($0)" } ?? "")")
        }
        let inHands = leases.values.filter { holding.union([.preempting]).contains($0.status) && $0.status.possesses }
        for (key, leases) in Dictionary(grouping: inHands, by: \.resourceKey) {
            let capacity = key.flatMap { resources[$0] }?.capacity ?? 0
            if leases.reduce(0, { $0 + $1.quantity }) > capacity {
                found.append("\(String(describing: key)) is in too many hands")
            }
        }
        return found
    }
}
