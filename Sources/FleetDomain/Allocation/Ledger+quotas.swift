package struct QuotaDraft: Sendable, Equatable {
    package var nominal: Int64
    package var lendingLimit: Int64?
    package var borrowingLimit: Int64?
    package var weight: Int64

    package init(nominal: Int64, lendingLimit: Int64? = nil, borrowingLimit: Int64? = nil, weight: Int64 = 1) {
        self.nominal = nominal
        self.lendingLimit = lendingLimit
        self.borrowingLimit = borrowingLimit
        self.weight = weight
    }
}

/// Quotas: who coordinates a federation sets them, the fleet and they read them.
extension Ledger {
    /// Sets the quota of a member for a type, or replaces it. Lowering it below what is promised takes nothing back.
    ///
    /// - Throws: `member_not_found`, `permission_denied`, `limit_above_nominal`.
    package mutating func setQuota(
        _ key: Quota.Key, _ draft: QuotaDraft, _ context: inout Context
    ) throws(FleetError) -> Entity {
        try requireManager(of: key.member, context.principal)
        guard draft.lendingLimit ?? 0 <= draft.nominal else {
            throw FleetError.invalid("/lending_limit", "limit_above_nominal", "is more than the nominal quota")
        }
        let earlier = quotas[key]
        let quota = Quota(
            key: key, nominal: draft.nominal, lendingLimit: draft.lendingLimit, borrowingLimit: draft.borrowingLimit,
            weight: draft.weight, isRemoved: false, version: (earlier?.version ?? 0) + 1,
            createdAt: earlier?.createdAt ?? context.now, updatedAt: context.now)
        record(.quotaSet, .quota(quota), &context)
        return .quota(quota)
    }

    /// - Throws: `member_not_found`, `quota_not_found`, `permission_denied`.
    package mutating func removeQuota(_ key: Quota.Key, _ context: inout Context) throws(FleetError) -> Entity {
        try requireManager(of: key.member, context.principal)
        guard let quota = quotas[key] else { throw FleetError.notFound(.quotaNotFound) }
        return remove(quota, &context)
    }

    /// A fleet that has left has no quotas; when it comes back it gets none of the old ones.
    mutating func removeQuotas(of key: Member.Key, _ context: inout Context) {
        let held = quotas.values.filter { $0.key.member == key }.sorted { $0.key < $1.key }
        for quota in held { _ = remove(quota, &context) }
    }

    private mutating func remove(_ quota: Quota, _ context: inout Context) -> Entity {
        var quota = quota
        quota.isRemoved = true
        quota.version += 1
        quota.updatedAt = context.now
        record(.quotaRemoved, .quota(quota), &context)
        return .quota(quota)
    }

    /// The quota, if the principal may see it.
    package func visibleQuota(_ key: Quota.Key, _ principal: Principal) throws(FleetError) -> Quota {
        try visibleQuotas(of: key.member, principal)
        guard let quota = quotas[key] else { throw FleetError.notFound(.quotaNotFound) }
        return quota
    }

    /// That the membership exists, and that the principal may see its quotas: they are between the fleet and those who
    /// coordinate the federation, and for other members as if absent.
    func visibleQuotas(of key: Member.Key, _ principal: Principal) throws(FleetError) {
        let (standing, _) = try visibleMember(key, principal)
        guard View(reader: principal).seesQuotas(of: key.fleet, in: standing) else {
            throw FleetError.notFound(.quotaNotFound, crossing: key.fleet)
        }
    }

    private func requireManager(of key: Member.Key, _ principal: Principal) throws(FleetError) {
        try visibleQuotas(of: key, principal)
        let (standing, _) = try visibleMember(key, principal)
        guard principal.holds(.federationManage, coordinating: standing) else {
            throw FleetError.denied(.federationManage)
        }
    }

    // MARK: Use

    /// How much of the quota is used, as of the last event.
    package func use(of quota: Quota) -> QuotaUse {
        let (lent, borrowed) = (self.lent[quota.key] ?? Calendar(), self.borrowed[quota.key] ?? Calendar())
        let future = Window(start: lastTime, end: .distantFuture)
        return QuotaUse(
            lent: lent.level(at: lastTime), borrowed: borrowed.level(at: lastTime),
            own: ownUse[OfferKey(fleet: quota.key.member.fleet, type: quota.key.type)]?.level(at: lastTime) ?? 0,
            isOverCommitted: lent.peak(over: future) > quota.lendable
                || borrowed.peak(over: future) > quota.borrowingLimit ?? .max)
    }

    /// The use of a quota as far as the principal may know it: the fleet itself, who may see everything, and who
    /// coordinates the federation if the fleet's use is open.
    package func visibleUse(of quota: Quota, _ principal: Principal) -> QuotaUse? {
        let isOpen = members[quota.key.member]?.isolationLevel == IsolationLevel.none
        return isOpen || principal.holds(.sharingRead, for: quota.key.member.fleet) ? use(of: quota) : nil
    }
}
