import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

/// The database's last line of defence: what the domain never asks for is refused all the same.
@Suite("The database's own guards")
struct GuardTests {
    @Test("Of two decisions that promise one unit over overlapping windows, the second cannot be committed")
    func overlapOnInsert() async throws {
        let world = try await PromisedWorld()
        // Each is right on the state that it saw; together they would promise the unit twice.
        for (start, duration) in [(3600, 3600), (1800, 3600), (0, 20_000), (4000, 100), (7199, 60)] as [(Int64, Int64)]
        {
            let other = try world.promise(from: start, lasting: duration, on: world.unpromised)
            #expect(await world.refusal(of: other) == "resource_sharing_overlap", "\(start) for \(duration)")
        }
        #expect(try await world.leaseCount() == 1)
        await world.close()
    }

    @Test("Windows that only touch are no overlap")
    func touching() async throws {
        let world = try await PromisedWorld()
        for (start, duration) in [(1800, 1800), (7200, 3600)] as [(Int64, Int64)] {
            let other = try world.promise(from: start, lasting: duration, on: world.unpromised)
            #expect(await world.refusal(of: other) == nil)
        }
        #expect(try await world.leaseCount() == 3)
        await world.close()
    }

    @Test("The buffer after a window is promised with it")
    func buffer() async throws {
        let world = try await PromisedWorld(buffer: 600)
        let before = try world.promise(from: 2000, lasting: 1500, on: world.unpromised)
        #expect(await world.refusal(of: before) == "resource_sharing_overlap")
        let after = try world.promise(from: 7700, lasting: 60, on: world.unpromised)
        #expect(await world.refusal(of: after) == "resource_sharing_overlap")
        let free = try world.promise(from: 7800, lasting: 60, on: world.unpromised)
        #expect(await world.refusal(of: free) == nil)
        await world.close()
    }

    @Test("A lease that grows into the next one cannot be committed")
    func overlapOnUpdate() async throws {
        let world = try await PromisedWorld()
        let next = try world.promise(from: 7200, lasting: 3600, on: world.unpromised)
        #expect(await world.refusal(of: next) == nil)
        var longer = world.lease
        longer.duration += 1
        #expect(await world.refusal(of: world.forged(longer)) == "resource_sharing_overlap")
        longer.duration -= 2
        #expect(await world.refusal(of: world.forged(longer)) == nil)
        await world.close()
    }

    @Test("A lease that is over gives its window up, and cannot take it back from the next")
    func resurrection() async throws {
        let world = try await PromisedWorld()
        var ended = world.lease
        ended.status = .cancelled
        ended.endedAt = ended.createdAt
        #expect(await world.refusal(of: world.forged(ended)) == nil)
        let next = try world.promise(from: 3600, lasting: 3600, on: world.unpromised)
        #expect(await world.refusal(of: next) == nil)
        #expect(await world.refusal(of: world.forged(world.lease)) == "resource_sharing_overlap")
        await world.close()
    }

    @Test("A pool may be promised to several at once")
    func pool() async throws {
        let world = try await PromisedWorld(capacity: 2)
        let other = try world.promise(from: 3600, lasting: 3600, on: world.unpromised)
        #expect(await world.refusal(of: other) == nil)
        await world.close()
    }

    @Test("Invariant 4: a lower fencing token is refused by the database, too")
    func fence() async throws {
        let world = try await PromisedWorld()
        var active = world.lease
        active.status = .active
        active.fencingToken = 1000
        #expect(await world.refusal(of: world.forged(active)) == nil)
        active.fencingToken = 999
        #expect(await world.refusal(of: world.forged(active)) == "resource_sharing_fence")
        active.fencingToken = nil
        #expect(await world.refusal(of: world.forged(active)) == "resource_sharing_fence")
        active.fencingToken = 1001
        #expect(await world.refusal(of: world.forged(active)) == nil)
        #expect(try await world.store.lease(active.id)?.fencingToken == 1001)
        await world.close()
    }

    @Test("A status that nobody knows, an empty window and a capacity of nothing are refused")
    func checks() async throws {
        let world = try await PromisedWorld()
        let second: SQL.Fragment = world.store.isShared ? "INTERVAL '1 second'" : "1"
        for statement in [
            SQL("test.break", "UPDATE resource_sharing SET status = 'lost'"),
            SQL("test.break", "UPDATE resource_sharing SET duration = 0, ends_at = starts_at"),
            SQL("test.break", "UPDATE resource_sharing SET ends_at = ends_at + " + second),
            SQL("test.break", "UPDATE resource_sharing SET quantity = 0"),
            SQL("test.break", "UPDATE resources SET capacity = 0"),
            SQL("test.break", "UPDATE fleets SET status = 'lost'"),
            SQL("test.break", "UPDATE fleet_federations SET status = 'lost'"),
            SQL("test.break", "UPDATE fleet_federation_members SET isolation_level = 'open'"),
        ] {
            let refused = await constraint { () throws(StoreError) in try await world.store.database.commit([statement])
            }
            #expect(refused != nil, "\(statement.text)")
        }
        await world.close()
    }
}

/// A store in which one unit is promised from one hour to two hours after now.
private struct PromisedWorld {
    let store: Store
    let lease: Lease
    /// The state before the promise, from which others can be made that know nothing of it.
    let unpromised: Ledger
    private let federation: Federation.ID

    private static let lender: Fleet.ID = name("lender")
    private static let borrower: Fleet.ID = name("borrower")
    private static let unit: Resource.ID = name("unit")
    private static let now = VirtualClock.start

    init(buffer: Seconds = 0, capacity: Int64 = 1) async throws {
        store = Store(database: try await TestDatabase.open())
        try await store.migrate(now: Self.now)
        var ledger = Ledger()
        var context = Self.context(1)
        for fleet in [Self.lender, Self.borrower] {
            _ = try ledger.register(FleetDraft(id: fleet, name: "Fleet", organization: "Org"), &context)
        }
        var draft = ResourceDraft(
            key: Resource.Key(fleet: Self.lender, resource: Self.unit), type: name("vehicle"))
        draft.buffer = buffer
        draft.capacity = capacity
        _ = try ledger.register(draft, &context)
        let founded = try ledger.create(
            FederationDraft(name: "Federation", description: "", policy: FederationPolicy()), &context)
        guard case .federation(let made) = founded else { throw FleetError(.internalError, "no federation") }
        federation = made.id
        for fleet in [Self.lender, Self.borrower] {
            let member = MemberDraft(fleet: fleet, isolationLevel: .low, resourceSharing: true)
            _ = try ledger.add(member, to: federation, &context)
        }
        try await store.commit(ledger.unconfirmed)
        ledger.confirm()
        unpromised = ledger
        let promised = try Self.promise(from: 3600, lasting: 3600, in: federation, on: ledger, Self.context(2))
        lease = promised.lease
        try await store.commit(promised.batch)
    }

    func close() async { await store.database.close() }

    func leaseCount() async throws -> Int64 {
        try await store.count(SQL("test.count", "SELECT COUNT(*) FROM resource_sharing"))
    }

    /// The rows of a decision on `ledger`, without its events, whose positions would be refused first.
    func promise(from start: Seconds, lasting duration: Seconds, on ledger: Ledger) throws -> Batch {
        // Ids of its own, whatever else was asked for.
        let context = Self.context(UInt64(start) << 20 | UInt64(duration))
        let promise = try Self.promise(from: start, lasting: duration, in: federation, on: ledger, context)
        return Batch(events: [], changes: promise.batch.changes)
    }

    private static func promise(
        from start: Seconds, lasting duration: Seconds, in federation: Federation.ID, on ledger: Ledger,
        _ context: Context
    ) throws -> (batch: Batch, lease: Lease) {
        var (ledger, context) = (ledger, context)
        let request = SharingRequest(
            source: lender, target: borrower, resourceType: name("vehicle"), resource: unit, duration: duration,
            federation: federation, startsAt: now + start)
        guard case .lease(let lease) = try ledger.request(request, &context) else {
            throw FleetError(.internalError, "no lease")
        }
        return (ledger.unconfirmed, lease)
    }

    /// The row of a lease as no decision would leave it.
    func forged(_ lease: Lease) -> Batch {
        var ledger = Ledger()
        var context = Self.context(99)
        ledger.record(.sharingUpdated, .lease(lease), &context)
        return Batch(events: [], changes: ledger.unconfirmed.changes)
    }

    /// The constraint that refuses `batch`; nil when it is committed.
    func refusal(of batch: Batch) async -> String? {
        await constraint { () throws(StoreError) in try await store.commit(batch) }
    }

    private static func context(_ seed: UInt64) -> Context {
        Context(
            principal: LedgerScenario.admin, now: now, requestID: "test", ids: IDSource(seed: seed, random: 1))
    }
}
