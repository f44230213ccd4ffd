package import FleetDomain

/// Where a federation's facts are read that a tally adds up. Both that there are come to the same figures.
///
/// What its members are, who may know what of whom, and what weighs how much is no matter of a source: it is small, it is
/// to hold at once, and always comes from the SQL database.
package protocol MetricsSource: Sendable {
    /// What the members' resources offered, those left out that were retired before the period.
    ///
    /// - Parameters:
    ///   - members: whoever is or was one.
    ///   - end: when the federation ceased to offer, or the tally's `asOf`.
    func addOffers(
        in federation: Federation.ID, of members: [Fleet.ID], until end: Timestamp, to tally: inout MetricsTally
    ) async throws

    /// Crossings towards these fleets that were denied.
    func addDenials(towards protected: Set<Fleet.ID>, to tally: inout MetricsTally) async throws

    /// The leases that were open or ended in the period, each once; those that were asked for by name are requests.
    func addLeases(of federation: Federation.ID, to tally: inout MetricsTally) async throws

    /// The allocations that changed in the period, each once, with all their leases.
    func addAllocations(of federation: Federation.ID, to tally: inout MetricsTally) async throws

    /// The deliveries that were accepted in the period.
    func addMessages(of federation: Federation.ID, to tally: inout MetricsTally) async throws
}
