package import FleetDomain

extension Ledger {
    /// Where two ledgers differ in what others of the package can see; empty when they are equal.
    package func differences(from other: Ledger) -> [String] {
        var differences: [String] = []
        func compare<Value: Equatable>(_ name: String, _ path: (Ledger) -> Value) {
            if path(self) != path(other) { differences.append("\(name): \(path(self)) is not \(path(other))") }
        }
        compare("fleets", \.fleets)
        compare("resources", \.resources)
        compare("federations", \.federations)
        compare("members", \.members)
        compare("quotas", \.quotas)
        compare("balances", \.balances)
        compare("allocations", \.allocations)
        compare("offers", \.offers)
        compare("lent", \.lent)
        compare("borrowed", \.borrowed)
        compare("ownUse", \.ownUse)
        compare("leases", \.leases)
        compare("deliveries", \.deliveries)
        compare("undecided", \.undecided)
        compare("undecidedOfSource", \.undecidedOfSource)
        compare("keys", \.keys)
        compare("webhooks", \.webhooks)
        compare("replays", \.replays)
        compare("calendars", \.calendars)
        compare("leasesOfMember", \.leasesOfMember)
        compare("leasesOfSupply", \.leasesOfSupply)
        compare("leaseCount", \.leaseCount)
        compare("fleetsOfFederation", \.fleetsOfFederation)
        compare("federationsOfFleet", \.federationsOfFleet)
        compare("lines", \.lines)
        compare("possessed", \.possessed)
        compare("heldLate", \.heldLate)
        compare("position", \.position)
        compare("lastTime", \.lastTime)
        return differences
    }
}
