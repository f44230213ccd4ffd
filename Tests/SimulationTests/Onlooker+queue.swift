import FleetDomain
import FleetTestSupport

/// The queue: nobody is passed over.
extension Onlooker {
    /// That no other of the same fleet, that stands before it, would have been content with what it gets.
    func judgeOrder(of allocation: Allocation, _ waiting: Waiting, at now: Timestamp, _ place: Place) {
        // Who is given what is to come takes nothing from those who wait for now.
        guard waiting.earliest <= now else { return }
        for other in ledger.allocations.values {
            guard let asks = other.waiting, other.id != allocation.id, other.target == allocation.target,
                other.federation == allocation.federation, other.acceptsPart == allocation.acceptsPart,
                asks.items == waiting.items, asks.duration <= waiting.duration, asks.earliest <= now,
                asks.latest == nil, waiting.latest == nil
            else { continue }
            place.expect(!precedes(other, asks, allocation, waiting), "the queue, served before who stands before it")
        }
    }

    private func precedes(_ a: Allocation, _ waitingA: Waiting, _ b: Allocation, _ waitingB: Waiting) -> Bool {
        if a.priority != b.priority { return a.priority > b.priority }
        if (a.preemptions > 0) != (b.preemptions > 0) { return a.preemptions > 0 }
        return waitingA.arrival < waitingB.arrival
    }

    /// After a command: a borrower beyond its nominal took nothing that the only one who waits, and is within its
    /// nominal, could use once there is enough of it.
    func judgeKept(_ own: [Event], _ before: Ledger, _ place: Place) {
        let given = claims(among: own).filter { $0.source != $0.target }
        guard let first = given.first, let now = own.first?.at, victims(among: own).isEmpty else { return }
        let asked = given.filter { $0.resourceType == first.resourceType }.reduce(0) { $0 + $1.quantity }
        let past = Onlooker(before)
        guard asked > past.headroom(of: first.target, first.resourceType, in: first.federation, at: now) else { return }
        let queued = before.leases.values.filter { $0.status == .queued && $0.federation == first.federation }
        let waiters = before.allocations.values.filter {
            $0.federation == first.federation && $0.waiting?.items.contains { $0.type == first.resourceType } == true
        }
        guard queued.isEmpty, waiters.count == 1, let waiter = waiters.first, let waiting = waiter.waiting,
            waiter.target != first.target, waiting.items.count == 1, waiting.earliest <= now,
            waiting.items[0].quantity
                <= past.headroom(of: waiter.target, first.resourceType, in: first.federation, at: now)
        else { return }
        place.expect(
            parts(for: waiter, waiting, in: ledger, at: now) >= parts(for: waiter, waiting, in: before, at: now),
            "the queue, a borrower took what is kept for who is within its nominal")
    }

    /// What the nominal leaves at an instant.
    private func headroom(
        of fleet: Fleet.ID, _ type: ResourceType, in federation: Federation.ID, at now: Timestamp
    ) -> Int64 {
        let uses = ledger.leases.values.filter {
            isUse($0, of: fleet, type, in: federation) && $0.occupied.contains(now)
        }
        return uses.reduce(nominal(of: fleet, type, in: federation)) { $0 - $1.quantity }
    }

    /// How much it would get now, if it stood in no queue and a part would do.
    private func parts(for allocation: Allocation, _ waiting: Waiting, in ledger: Ledger, at now: Timestamp) -> Int64 {
        var ledger = ledger
        var context = Context(
            principal: LedgerScenario.operatorOf(allocation.target), now: now, requestID: "onlooker",
            ids: IDSource(seed: 1, random: 1))
        let request = AllocationRequest(
            federation: allocation.federation, target: allocation.target, items: waiting.items,
            duration: waiting.duration, priority: .low, acceptsPart: true)
        guard (try? ledger.cancel(allocation.id, seenAs: nil, &context)) != nil else { return 0 }
        let count = ledger.recorded.count
        guard (try? ledger.allocate(request, &context)) != nil else { return 0 }
        let events = Array(ledger.recorded[count...])
        guard victims(among: events).isEmpty else { return 0 }
        return events.compactMap(\.entity.asLease).filter { $0.version == 1 && Self.holding.contains($0.status) }
            .reduce(0) { $0 + $1.quantity }
    }
}
