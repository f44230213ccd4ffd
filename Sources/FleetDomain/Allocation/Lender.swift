/// A fleet that could give to a borrower, as far as the borrower may know of it.
struct Lender {
    enum Consent: Int, Comparable {
        /// The borrower's own: nobody is asked.
        case own
        /// Granted at once.
        case given
        /// The owner approves each lease.
        case asked

        static func < (a: Consent, b: Consent) -> Bool { a.rawValue < b.rawValue }
    }

    let fleet: Fleet.ID
    let consent: Consent
    /// The most that it gives of itself; nil is whatever there is.
    let most: Int64?
    /// It shows nothing of itself: the borrower learns of it only what it is given.
    let isConcealed: Bool
    /// What it has lent, in unit-seconds that fade.
    let lent: Int64
    /// What it offers of the type, times its weight.
    let offered: Int128

    /// Who comes first: its own, then who need not be asked, then who has lent least for what it offers, then by id.
    static func precedes(_ a: Lender, _ b: Lender) -> Bool {
        if a.consent != b.consent { return a.consent < b.consent }
        // lent ÷ offered, compared without dividing; who offers nothing, or with a weight of 0, comes last.
        let (shareA, shareB) = (Int128(a.lent) * b.offered, Int128(b.lent) * a.offered)
        if (a.offered == 0) != (b.offered == 0) { return b.offered == 0 }
        return shareA == shareB ? a.fleet < b.fleet : shareA < shareB
    }
}

extension Ledger {
    /// The fleets that could give `type` to the borrower, in the order in which they are asked.
    ///
    /// A lender that shows nothing of itself is not among them unless it has said by a rule that it would give.
    func lenders(
        of type: ResourceType, to target: Fleet.ID, in federation: Federation, duration: Seconds, onlyOwn: Bool,
        now: Timestamp
    ) -> [Lender] {
        (fleetsOfFederation[federation.id] ?? []).compactMap { fleet -> Lender? in
            guard fleet == target || !onlyOwn, let offer = offers[OfferKey(fleet: fleet, type: type)],
                let terms = terms(of: fleet, to: target, type, in: federation.id, duration)
            else { return nil }
            let key = Quota.Key(member: Member.Key(federation: federation.id, fleet: fleet), type: type)
            let balance = balances[key].map { $0.adding(at: now, halfLife: federation.policy.fairnessHalfLife) }
            // Bounded, so that the products of the comparison fit.
            let offered = min(offer.capacity, 1 << 43)
            return Lender(
                fleet: fleet, consent: terms.consent, most: terms.most, isConcealed: terms.isConcealed,
                lent: balance?.lent ?? 0,
                offered: Int128(offered) * Int128(quotas[key]?.weight ?? 1))
        }
        .sorted(by: Lender.precedes)
    }

    private typealias Terms = (consent: Lender.Consent, most: Int64?, isConcealed: Bool)

    /// How the fleet consents to lend, or nil when it does not, or the borrower must not learn whether it would.
    private func terms(
        of fleet: Fleet.ID, to target: Fleet.ID, _ type: ResourceType, in federation: Federation.ID, _ duration: Seconds
    ) -> Terms? {
        if fleet == target { return (.own, nil, false) }
        guard let member = members[Member.Key(federation: federation, fleet: fleet)], member.status == .active,
            member.resourceSharing
        else { return nil }
        let level = isolation(between: fleet, target, in: federation)
        guard level < .sealed else { return nil }
        if level <= .low { return (.given, nil, false) }
        let rules = member.rules.filter { $0.approves(target, type, quantity: 1, duration: duration) }
        guard !rules.isEmpty else { return level == .medium ? (.asked, nil, false) : nil }
        let most = rules.contains { $0.quantityMax == nil } ? nil : rules.compactMap(\.quantityMax).max()
        return (.given, most, level == .high)
    }
}

package struct OfferKey: Hashable, Sendable {
    package let fleet: Fleet.ID
    package let type: ResourceType

    package init(fleet: Fleet.ID, type: ResourceType) {
        self.fleet = fleet
        self.type = type
    }
}
