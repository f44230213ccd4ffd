import FleetDomain
import FleetTestSupport

/// A small world for tests by value: a lender, a borrower and a third fleet in one federation, and a clock that
/// moves when told.
///
/// A class, so that a command may stand inside an expectation.
final class World {
    static let lender: Fleet.ID = name("lender")
    static let borrower: Fleet.ID = name("borrower")
    static let third: Fleet.ID = name("third")
    static let vehicle: ResourceType = name("vehicle")
    static let van: Resource.ID = name("van")
    static let van2: Resource.ID = name("van-2")

    private(set) var ledger = Ledger()
    private(set) var now = Timestamp("2026-01-31T09:00:00.000Z")!
    private(set) var federation = Federation.ID(raw: 0)
    private(set) var events: [Event] = []
    private var seed: UInt64 = 0

    let admin = LedgerScenario.admin
    let lenderSide = LedgerScenario.operatorOf(World.lender)
    let borrowerSide = LedgerScenario.operatorOf(World.borrower)
    let thirdSide = LedgerScenario.operatorOf(World.third)
    var coordinator: Principal {
        Principal(subject: "coordinator", roles: [.federationCoordinator], federations: [federation])
    }

    /// - Parameters:
    ///   - lender, borrower: the isolation levels of the two.
    ///   - handover: of the lender's van.
    init(
        lender: IsolationLevel = .low, borrower: IsolationLevel = .none, handover: Handover = .automatic,
        capacity: Int64 = 1, buffer: Seconds = 0, policy: FederationPolicy = FederationPolicy()
    ) throws {
        for fleet in [Self.lender, Self.borrower, Self.third] {
            try act(as: admin) { ledger, context throws(FleetError) in
                try ledger.register(FleetDraft(id: fleet, name: "Fleet", organization: "Org"), &context)
            }
        }
        try register(Self.van, handover: handover, capacity: capacity, buffer: buffer)
        federation = try found(
            [(Self.lender, lender), (Self.borrower, borrower), (Self.third, .none)], policy: policy)
    }

    var vanKey: Resource.Key { Resource.Key(fleet: Self.lender, resource: Self.van) }

    func register(
        _ resource: Resource.ID, handover: Handover = .automatic, capacity: Int64 = 1, buffer: Seconds = 0
    ) throws {
        var draft = ResourceDraft(key: Resource.Key(fleet: Self.lender, resource: resource), type: Self.vehicle)
        draft.handover = handover
        draft.capacity = capacity
        draft.buffer = buffer
        try act(as: admin) { [draft] ledger, context throws(FleetError) in try ledger.register(draft, &context) }
    }

    func found(
        _ members: [(fleet: Fleet.ID, level: IsolationLevel)], policy: FederationPolicy = FederationPolicy()
    ) throws -> Federation.ID {
        let draft = FederationDraft(name: "Federation", description: "", policy: policy)
        let made = try act(as: admin) { ledger, context throws(FleetError) in try ledger.create(draft, &context) }
        guard case .federation(let federation)? = made else { throw FleetError(.internalError, "no federation") }
        for (fleet, level) in members {
            let member = MemberDraft(fleet: fleet, isolationLevel: level, resourceSharing: true)
            try act(as: admin) { ledger, context throws(FleetError) in
                try ledger.add(member, to: federation.id, &context)
            }
        }
        return federation.id
    }

    /// Runs one command as the writer does: a refused one leaves nothing behind.
    @discardableResult
    func act(as principal: Principal, _ decide: @escaping LedgerCommand.Decide) throws(FleetError) -> Entity? {
        seed += 1
        let context = Context(
            principal: principal, now: now, requestID: "test", ids: IDSource(seed: seed, random: 0))
        let command = LedgerCommand(name: "test", context: context, decide: decide)
        let step = command.run(on: &ledger)
        events += step.events
        if let refusal = step.refusal { throw refusal }
        return step.entity
    }

    /// Lets time pass; the clock looks at every instant at which something is due, as a prompt one does.
    func wait(_ seconds: Seconds) {
        let end = now + seconds
        while let next = ledger.nextDue, next <= end {
            now = max(now, next)
            look()
        }
        now = end
        look()
    }

    /// Lets time pass while nobody looks at the clock, as over an outage.
    func sleep(_ seconds: Seconds) {
        now = now + seconds
        look()
    }

    private func look() {
        _ = try? act(as: Principal(subject: Event.clock, roles: [])) { ledger, context throws(FleetError) in
            ledger.advance(&context)
            return nil
        }
    }

    /// Ends up to `limit` leases that an intent put up for ending; whether that was all.
    func drain(_ limit: Int = leaseSlice) -> Bool {
        seed += 1
        var context = Context(
            principal: Principal(subject: Event.clock, roles: []), now: now, requestID: "drain",
            ids: IDSource(seed: seed, random: 0))
        let count = ledger.recorded.count
        let isDone = ledger.drainLeases(limit: limit, &context)
        events += ledger.recorded[count...]
        return isDone
    }
}

// MARK: - What tests ask for

extension World {
    /// The borrower's request for the van for an hour from now, with `change` made to it.
    func ask(_ change: (inout SharingRequest) -> Void = { _ in }) -> SharingRequest {
        var request = SharingRequest(
            source: Self.lender, target: Self.borrower, resourceType: Self.vehicle, resource: Self.van,
            duration: 3600, federation: federation)
        change(&request)
        return request
    }

    @discardableResult
    func request(_ request: SharingRequest? = nil, as principal: Principal? = nil) throws(FleetError) -> Lease {
        let request = request ?? ask()
        return try lease(
            act(as: principal ?? borrowerSide) { ledger, context throws(FleetError) in
                try ledger.request(request, &context)
            })
    }

    /// Why the request is refused; nil when it is not.
    func refusal(of request: SharingRequest? = nil, as principal: Principal? = nil) -> FleetError? {
        do throws(FleetError) {
            try self.request(request, as: principal)
            return nil
        } catch {
            return error
        }
    }

    @discardableResult
    func take(_ action: LeaseAction, _ lease: Lease, as principal: Principal) throws(FleetError) -> Lease {
        try self.lease(
            act(as: principal) { ledger, context throws(FleetError) in try ledger.act(action, on: lease.id, &context) })
    }

    /// The code of the refusal that `decide` meets; nil when it is carried out.
    func code(as principal: Principal, _ decide: @escaping LedgerCommand.Decide) -> ErrorCode? {
        do throws(FleetError) {
            try act(as: principal, decide)
            return nil
        } catch {
            return error.code
        }
    }

    func code(_ action: LeaseAction, _ lease: Lease, as principal: Principal) -> ErrorCode? {
        code(as: principal) { ledger, context throws(FleetError) in try ledger.act(action, on: lease.id, &context) }
    }

    func patch(_ fleet: Fleet.ID, as principal: Principal, _ change: (inout MemberDraft) -> Void) throws {
        var draft = MemberDraft(fleet: fleet)
        change(&draft)
        let key = Member.Key(federation: federation, fleet: fleet)
        try act(as: principal) { [draft] ledger, context throws(FleetError) in try ledger.patch(key, draft, &context) }
    }

    func patchVan(_ change: (inout ResourcePatch) -> Void) throws {
        var patch = ResourcePatch()
        change(&patch)
        let key = vanKey
        try act(as: lenderSide) { [patch] ledger, context throws(FleetError) in try ledger.patch(key, patch, &context) }
    }

    func suspend(_ fleet: Fleet.ID, as principal: Principal) throws {
        let key = Member.Key(federation: federation, fleet: fleet)
        try act(as: principal) { ledger, context throws(FleetError) in try ledger.act(.suspend, on: key, &context) }
    }

    func member(_ fleet: Fleet.ID) -> Member? { ledger.members[Member.Key(federation: federation, fleet: fleet)] }

    /// The lease as its last event left it.
    func now(_ lease: Lease) -> Lease? { events.last { $0.entity.asLease?.id == lease.id }?.entity.asLease }

    private func lease(_ entity: Entity?) throws(FleetError) -> Lease {
        guard let lease = entity?.asLease else { throw FleetError(.internalError, "no lease") }
        return lease
    }
}
