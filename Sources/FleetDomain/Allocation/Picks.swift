/// What has been picked for a request at one start, and what of it counts where.
struct Picks {
    struct Pick {
        let candidate: Candidate
        var quantity: Int64
        let consent: Lender.Consent

        /// What was picked, or one of those of which any will do.
        var resource: Resource { candidate.resource }

        /// Each of which is a lease: of a class, each unit by itself.
        var parts: [Pick] {
            guard candidate.supply.unitClass != nil else { return [self] }
            return Array(repeating: Pick(candidate: candidate, quantity: 1, consent: consent), count: Int(quantity))
        }
    }

    private(set) var all: [Pick] = []
    private var ofSupply: [Supply: Int64] = [:]
    /// That it comes to.
    private(set) var leases = 0
    private var lent: [OfferKey: Int64] = [:]
    private var borrowed: [ResourceType: Int64] = [:]

    var quantity: Int64 { all.reduce(0) { $0 + $1.quantity } }

    func taken(of supply: Supply) -> Int64 { ofSupply[supply] ?? 0 }
    func lent(by fleet: Fleet.ID, _ type: ResourceType) -> Int64 { lent[OfferKey(fleet: fleet, type: type)] ?? 0 }
    func borrowed(_ type: ResourceType) -> Int64 { borrowed[type] ?? 0 }

    mutating func take(_ quantity: Int64, of candidate: Candidate, from lender: Lender) {
        all.append(Pick(candidate: candidate, quantity: quantity, consent: lender.consent))
        ofSupply[candidate.supply, default: 0] += quantity
        leases += candidate.leases(for: quantity)
        guard lender.consent != .own else { return }
        lent[candidate.resource.offerKey, default: 0] += quantity
        borrowed[candidate.resource.type, default: 0] += quantity
    }
}

/// How many resources were looked at, and why those fell out that did.
struct Tally: Equatable {
    var considered = 0
    private(set) var rejected: [ErrorCode: Int] = [:]

    mutating func reject(_ code: ErrorCode, _ count: Int = 1) {
        guard count > 0 else { return }
        considered += count
        rejected[code, default: 0] += count
    }

    mutating func add(_ other: Tally) {
        considered += other.considered
        for (code, count) in other.rejected { rejected[code, default: 0] += count }
    }
}

/// One try to find everything from one start on.
struct Attempt {
    let looksMax: Int
    var picks = Picks()
    var tally = Tally()
    /// Resources looked at one by one.
    var looks = 0
    /// Of each item, what was not found.
    var missing: [Int64] = []
    /// Whether there is an item that nobody offers, as far as the borrower may know.
    var isUnoffered = false
    /// Whether a quota left less than there was.
    var meetsQuota = false
    /// Whether candidates were passed over.
    var passedOver = false

    init(looksMax: Int) { self.looksMax = looksMax }

    var isWhole: Bool { missing.allSatisfy { $0 == 0 } }
    /// Whether it may neither look nor take any further.
    var isOver: Bool { looks >= looksMax || picks.leases >= AllocationLimits.leasesMax }

    /// How much of the candidate it may still take.
    func quantityMax(of candidate: Candidate) -> Int64 {
        candidate.supply.unitClass == nil ? .max : Int64(AllocationLimits.leasesMax - picks.leases)
    }
}
