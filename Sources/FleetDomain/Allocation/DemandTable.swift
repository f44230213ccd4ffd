/// The claims of a division as rows of numbers, with a column for each type; amounts in millionths.
struct DemandTable: Sendable {
    let claims: [Division.Claim]
    let types: [ResourceType]
    let capacity: [Int64]
    /// One row for each claim.
    let demands: [[Int64]]

    /// - Precondition: at most `Division.claimsMax` claims.
    init(_ claims: [Division.Claim], _ capacity: [ResourceType: Amount]) {
        precondition(claims.count <= Division.claimsMax, "a division has a limited number of claims")
        let types = claims.reduce(into: Set<ResourceType>()) { $0.formUnion($1.demand.keys) }.sorted()
        self.claims = claims
        self.types = types
        self.capacity = types.map { capacity[$0]?.millionths ?? 0 }
        demands = claims.map { claim in types.map { claim.demand[$0]?.millionths ?? 0 } }
    }

    /// - Parameters:
    ///   - granted: millionths of each type, one row for each claim.
    ///   - tasks: of each claim, for a method that counts them.
    func portions(_ granted: [[Int64]], tasks: [Amount]? = nil) -> [Division.Portion] {
        claims.indices.map { index in
            let claim = claims[index]
            let amounts = zip(types, granted[index]).filter { claim.demand[$0.0] != nil }
            return Division.Portion(
                fleet: claim.fleet,
                granted: Dictionary(uniqueKeysWithValues: amounts.map { ($0, Amount(millionths: $1)) }),
                tasks: tasks?[index],
                share: Share(dominantOf: granted[index], of: capacity, weight: claim.weight))
        }
    }
}
