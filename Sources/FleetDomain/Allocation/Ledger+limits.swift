/// The limits that quotas set to what changes hands: what a request meets of them, and where there is room.
extension Ledger {
    /// What stands against lending `quantity` over the whole of `window`, buffer included.
    func quotaViolations(
        of request: SharingRequest, type: ResourceType, in federation: Federation.ID, quantity: Int64,
        over window: Window
    ) -> [Violation] {
        quotaViolations(
            of: request, type: type, in: federation, lending: quantity, borrowing: quantity, over: window)
    }

    func quotaViolations(
        of request: SharingRequest, type: ResourceType, in federation: Federation.ID, lending: Int64,
        borrowing: Int64, over window: Window
    ) -> [Violation] {
        // What a fleet uses of its own is neither lent nor borrowed.
        guard request.source != request.target else { return [] }
        return lendingViolations(quotaKey(request.source, type, federation), lending, window)
            + borrowingViolations(quotaKey(request.target, type, federation), borrowing, window)
    }

    private func lendingViolations(_ key: Quota.Key, _ quantity: Int64, _ window: Window) -> [Violation] {
        guard let quota = quotas[key] else { return [] }
        let needed = (lent[key]?.peak(over: window) ?? 0) + quantity
        guard needed > quota.lendable else { return [] }
        let sentence = "\(key.member.fleet) lends at most \(quota.lendable) of the type \(key.type) at a time"
        func violation(_ field: String) -> Violation {
            Violation(
                code: .lendingLimit, concern: .resource, field: field, value: "\(needed)", sentence: sentence,
                limit: quota.lendable)
        }
        var violations: [Violation] = []
        if let limit = quota.lendingLimit, needed > limit { violations.append(violation("quota.lending_limit")) }
        if needed > quota.nominal { violations.append(violation("quota.nominal")) }
        return violations
    }

    private func borrowingViolations(_ key: Quota.Key, _ quantity: Int64, _ window: Window) -> [Violation] {
        guard let limit = quotas[key]?.borrowingLimit else { return [] }
        let needed = (borrowed[key]?.peak(over: window) ?? 0) + quantity
        guard needed > limit else { return [] }
        return [
            Violation(
                code: .borrowingLimit, concern: .borrower, field: "quota.borrowing_limit", value: "\(needed)",
                sentence: "\(key.member.fleet) borrows at most \(limit) of the type \(key.type) at a time", limit: limit
            )
        ]
    }

    /// What limits there are for the request, each with what is promised there already.
    func quotaRooms(of request: SharingRequest, type: ResourceType, in federation: Federation.ID) -> [Room] {
        let lender = quotaKey(request.source, type, federation)
        let borrower = quotaKey(request.target, type, federation)
        var rooms: [Room] = []
        if let quota = quotas[lender] {
            rooms.append(Room(calendar: lent[lender] ?? Calendar(), ceiling: quota.lendable - request.quantity))
        }
        if let limit = quotas[borrower]?.borrowingLimit {
            rooms.append(Room(calendar: borrowed[borrower] ?? Calendar(), ceiling: limit - request.quantity))
        }
        return rooms
    }
}

extension Lease {
    var offerKey: OfferKey { OfferKey(fleet: source, type: resourceType) }

    /// The quotas that it counts against: the lender's and the borrower's.
    var quotaKeys: (lender: Quota.Key, borrower: Quota.Key) {
        (
            Quota.Key(member: Member.Key(federation: federation, fleet: source), type: resourceType),
            Quota.Key(member: Member.Key(federation: federation, fleet: target), type: resourceType)
        )
    }
}
