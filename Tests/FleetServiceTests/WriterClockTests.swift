import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("The writer's clock")
struct WriterClockTests {
    private static let leases = 600

    @Test("What time changes at once is committed in slices of 256")
    func slices() async throws {
        try await RunningWriter.run { writer in
            try await writer.book(Self.leases)
            let booked = writer.commits.all.count
            writer.clock.advance(by: 3600)
            await writer.orchestrator.tick()
            #expect(writer.commits.all[booked...].map(\.events) == [256, 256, 88])
            #expect(writer.commits.all[booked...].allSatisfy { $0.commands == 0 })
            #expect(try await writer.statuses() == [.active: Self.leases])
            writer.clock.advance(by: 3600)
            await writer.orchestrator.tick()
            #expect(try await writer.statuses() == [:])
            try await writer.expectSound()
        }
    }

    @Test("A command is decided on what time has made true, and committed with the last slice")
    func commandAfterTime() async throws {
        try await RunningWriter.run { writer in
            try await writer.book(300)
            let booked = writer.commits.all.count
            writer.clock.advance(by: 3600)
            #expect(await writer.submit(.register("later")).code == nil)
            #expect(writer.commits.all[booked...].map(\.events) == [256, 45])
            #expect(try await writer.log().last?.type == .fleetRegistered)
        }
    }

    @Test("An intent that touches many leases is drained in slices of 256")
    func drain() async throws {
        try await RunningWriter.run { writer in
            let federation = try await writer.book(Self.leases)
            let booked = writer.commits.all.count
            let answer = await writer.submit(
                .admin("federation.delete") { ledger, context throws(FleetError) in
                    try ledger.delete(federation, force: true, &context)
                })
            #expect(answer.code == nil)
            for _ in 0..<3 { await writer.orchestrator.tick() }
            let ended = try await writer.log().count { $0.type == .sharingRevoked }
            #expect(ended == Self.leases)
            #expect(writer.commits.all[booked...].allSatisfy { $0.events <= leaseSlice + 8 })
            #expect(try await writer.statuses() == [:])
            try await writer.expectSound()
        }
    }

    @Test("A slice that cannot be committed is taken back and recorded later, whatever the failure was")
    func failedSlice() async throws {
        let errors: [StoreError] = [
            .full, .unavailable("gone"), .busy("slow"), .outcomeUnknown("lost"), .failed("no"),
        ]
        for error in Effort.one(of: errors) {
            for happened in error == .outcomeUnknown("lost") ? [false, true] : [false] {
                try await RunningWriter.run { writer in
                    try await writer.book(Self.leases)
                    if happened { writer.database.loseSuccess() } else { writer.database.failNext(with: error) }
                    writer.clock.advance(by: 3600)
                    for _ in 0..<3 { await writer.orchestrator.tick() }
                    #expect(await writer.submit(.register("later")).code == nil, "\(error)")
                    #expect(try await writer.statuses() == [.active: Self.leases], "\(error)")
                    let begun = try await writer.log().count { $0.type == .sharingActivated }
                    #expect(begun == Self.leases, "\(error)")
                    try await writer.expectSound("\(error), happened: \(happened)")
                }
            }
        }
    }

    @Test("A lease that cannot be stored is set aside: time goes on for all others, and for it after the next start")
    func poisonedLease() async throws {
        try await RunningWriter.run { writer in
            try await writer.book(Self.leases)
            let poisoned = try #require(try await writer.ledger().leases.values.map(\.id).sorted().dropFirst(300).first)
            writer.database.setFault { batch in
                batch.contains { $0.values.contains(.id(poisoned.raw)) } ? .conflict(constraint: "no") : nil
            }
            writer.clock.advance(by: 3600)
            for _ in 0..<4 { await writer.orchestrator.tick() }
            #expect(try await writer.statuses() == [.active: Self.leases - 1, .granted: 1])
            #expect(await writer.submit(.register("later")).code == nil)
            writer.clock.advance(by: 3600)
            for _ in 0..<4 { await writer.orchestrator.tick() }
            #expect(try await writer.statuses() == [.granted: 1])
            try await writer.expectSound()
            writer.database.heal()
            var loaded = try await writer.store.loadLedger()
            var context = Context(
                principal: Principal(subject: Event.clock, roles: []), now: writer.clock.now, requestID: "start",
                ids: IDSource(seed: 1, random: 1))
            loaded.advance(&context)
            #expect(loaded.leases[poisoned]?.status != .granted)
        }
    }

    @Test("A silence that cannot be stored is set aside, and the others are told")
    func poisonedSilence() async throws {
        try await RunningWriter.run { writer in
            for fleet in ["a", "b"] {
                let id: Fleet.ID = name(fleet)
                let found = Command.admin("federation.create") { ledger, context throws(FleetError) in
                    let draft = FederationDraft(
                        name: fleet, description: "", policy: FederationPolicy(), foundingFleet: id)
                    return try ledger.create(draft, &context)
                }
                let beat = Command.admin("fleet.heartbeat") { ledger, context throws(FleetError) in
                    try ledger.heartbeat(id, interval: 30, isTrial: false, &context)
                }
                for command in [.register(fleet), found, beat] {
                    let answer = await writer.submit(command)
                    #expect(answer.code == nil)
                }
            }
            writer.database.setFault { batch in
                batch.contains { $0.values.contains(.text("a")) } ? .conflict(constraint: "no") : nil
            }
            writer.clock.advance(by: 30)
            for _ in 0..<3 { await writer.orchestrator.tick() }
            let later = await writer.submit(.register("later"))
            #expect(later.code == nil)
            let told = try await writer.log().filter { $0.type == .presenceUnreachable }
            let fleets = told.map { event -> Fleet.ID? in
                guard case .member(let member) = event.entity else { return nil }
                return member.key.fleet
            }
            #expect(fleets == [name("b")])
            try await writer.expectSound()
        }
    }

    @Test("An intent goes on past a lease that cannot be stored")
    func poisonedDrain() async throws {
        try await RunningWriter.run { writer in
            let federation = try await writer.book(40)
            let poisoned = try #require(try await writer.ledger().leases.values.map(\.id).sorted().dropFirst(3).first)
            writer.database.setFault { batch in
                batch.contains { $0.values.contains(.id(poisoned.raw)) } ? .conflict(constraint: "no") : nil
            }
            let answer = await writer.submit(
                .admin("federation.delete") { ledger, context throws(FleetError) in
                    try ledger.delete(federation, force: true, &context)
                })
            #expect(answer.code == nil)
            for _ in 0..<3 { await writer.orchestrator.tick() }
            #expect(try await writer.statuses() == [.granted: 1])
            try await writer.expectSound()
        }
    }

    @Test("Time does not run backwards: an event is never earlier than the one before it")
    func monotonic() async throws {
        try await RunningWriter.run { writer in
            _ = await writer.submit(.register("a"))
            writer.clock.advance(by: 100)
            _ = await writer.submit(.register("b"))
            writer.clock.advance(by: -500)
            _ = await writer.submit(.register("c"))
            let times = try await writer.log().map(\.at)
            #expect(times == times.sorted())
            #expect(times.last == VirtualClock.start + 100)
        }
    }
}

extension RunningWriter {
    /// Books `count` leases of a pool, from one hour to two hours from now.
    @discardableResult
    fileprivate func book(_ count: Int) async throws -> Federation.ID {
        let (lender, borrower): (Fleet.ID, Fleet.ID) = (name("lender"), name("borrower"))
        let pool = Resource.Key(fleet: lender, resource: name("pool"))
        let start = clock.now + 3600
        let answer = await submit(
            .admin("world") { ledger, context throws(FleetError) in
                for fleet in [lender, borrower] {
                    _ = try ledger.register(FleetDraft(id: fleet, name: "Fleet", organization: "Org"), &context)
                }
                var draft = ResourceDraft(key: pool, type: name("charger"))
                draft.capacity = Int64(count)
                _ = try ledger.register(draft, &context)
                return try ledger.create(
                    FederationDraft(name: "Federation", description: "", policy: FederationPolicy()), &context)
            })
        guard case .federation(let federation)? = answer.decision?.entity else { throw Overdue(what: "a federation") }
        let booked = await submit(
            .admin("book") { ledger, context throws(FleetError) in
                for fleet in [lender, borrower] {
                    let member = MemberDraft(fleet: fleet, isolationLevel: .low, resourceSharing: true)
                    _ = try ledger.add(member, to: federation.id, &context)
                }
                for _ in 0..<count {
                    _ = try ledger.request(
                        SharingRequest(
                            source: lender, target: borrower, resourceType: name("charger"), resource: pool.resource,
                            duration: 3600, federation: federation.id, startsAt: start), &context)
                }
                return nil
            })
        #expect(booked.code == nil)
        return federation.id
    }

    /// How many live leases there are of each status.
    fileprivate func statuses() async throws -> [LeaseStatus: Int] {
        try await orchestrator.inspect { ledger in
            ledger.leases.values.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
        }
    }
}
