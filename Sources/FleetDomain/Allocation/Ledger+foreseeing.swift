/// What-if: the engine's answers without their effects.
extension Ledger {
    /// What one of several requests would come to.
    package struct Outcome: Sendable, Equatable {
        package let fleet: Fleet.ID
        package let granted: [ResourceType: Int64]
        /// What was granted of what was asked for, the smallest over the types.
        package let share: Double
        package let explanation: Explanation
    }

    /// What the engine would answer to the requests, one after the other; the caller takes it back.
    ///
    /// - Throws: what asking throws, `permission_denied` included: nobody learns what others would get.
    package mutating func foresee(
        _ requests: [AllocationRequest], _ context: inout Context
    ) throws(FleetError) -> [Outcome] {
        var outcomes: [Outcome] = []
        for request in requests {
            let entity = try allocate(request, under: .sharingRead, &context)
            guard let allocation = entity.asAllocation else { continue }
            var granted: [ResourceType: Int64] = [:]
            for item in request.items { granted[item.type] = 0 }
            for lease in allocation.leases.compactMap({ leases[$0] }) {
                granted[lease.resourceType, default: 0] += lease.quantity
            }
            let shares = request.items.map { Double(granted[$0.type] ?? 0) / Double($0.quantity) }
            outcomes.append(
                Outcome(
                    fleet: request.target, granted: granted, share: shares.min() ?? 0,
                    explanation: allocation.explanation))
        }
        return outcomes
    }

    /// What is free now of each type with the members of a federation whose resources the principal may count. Where it
    /// may count them and not see their use, all of them are free: else two plans would tell what is used.
    ///
    /// - Throws: `federation_not_found`.
    package func freeCapacity(
        of types: Set<ResourceType>, in federation: Federation.ID, for principal: Principal, at now: Timestamp
    ) throws(FleetError) -> [ResourceType: Int64] {
        _ = try visibleFederation(federation, principal)
        let now = max(now, lastTime)
        var free: [ResourceType: Int64] = [:]
        for fleet in fleetsOfFederation[federation] ?? []
        where members[Member.Key(federation: federation, fleet: fleet)]?.status == .active {
            let disclosure = disclosure(of: fleet, to: principal)
            guard disclosure >= .counts else { continue }
            for type in types {
                guard let offer = offers[OfferKey(fleet: fleet, type: type)] else { continue }
                guard disclosure >= .attributes else {
                    free[type, default: 0] += offer.total
                    continue
                }
                let window = Window(start: now, end: Timestamp(milliseconds: now.milliseconds + 1))
                for candidate in candidates(of: offer, fleet, atMost: .max) {
                    let used = disclosure < .use ? 0 : occupied(candidate, over: window)
                    free[type, default: 0] += max(0, candidate.capacity - used)
                }
            }
        }
        return free
    }
}
