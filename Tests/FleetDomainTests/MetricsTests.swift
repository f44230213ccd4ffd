import FleetDomain
import FleetTestSupport
import Testing

@Suite("What metrics are made of")
struct MetricsTests {
    @Test("Jain's index is 1 for equal shares and k/n when k of n are served equally (Jain, Chiu, Hawe 1984)")
    func jain() throws {
        for n in 1...20 {
            #expect(jainIndex(Array(repeating: 2.5, count: n)) == 1)
            for k in 1...n {
                let shares = (0..<n).map { $0 < k ? 3.0 : 0 }
                let index = try #require(jainIndex(shares))
                #expect(abs(index - Double(k) / Double(n)) < 1e-12, "\(k) of \(n)")
            }
        }
        #expect(jainIndex([]) == nil && jainIndex([0, 0]) == nil)
    }

    @Test("Percentiles are of the nearest rank: of 15, 20, 35, 40 and 50 the median is 35 and the 95th is 50")
    func percentiles() throws {
        let world = try World(lender: .medium)
        var tally = Self.tally(of: world, lasting: 86_400)
        // Each is held for its approval so many seconds.
        for (index, delay) in ([40, 15, 50, 35, 20] as [Seconds]).enumerated() {
            let start = world.now + 100 * 3600 + Int64(index) * 7200
            let lease = try world.request(world.ask { $0.startsAt = start })
            world.wait(delay)
            let approved = try world.take(.approve, lease, as: world.lenderSide)
            tally.add(approved)
        }
        let latency = tally.report(weights: [:]) { _ in true }.summary.decisionLatency
        #expect(latency?.p50 == 35 && latency?.p95 == 50 && latency?.p99 == 50)
        let median = Self.tally(of: world, lasting: 60).report(weights: [:]) { _ in true }.summary.decisionLatency
        #expect(median == nil)
    }

    @Test("A lease that is fetched late and returned late is idle, active and overdue in turn, and lent throughout")
    func spans() throws {
        let world = try World(handover: .confirmed)
        let start = world.now
        let lease = try world.request()
        #expect(lease.idleSpan(world.now) == nil && lease.activeSpan(world.now) == nil)
        world.wait(300)
        #expect(world.now(lease) == lease)
        #expect(lease.idleSpan(world.now) == Window(start: start, end: start + 300))
        try world.take(.activate, lease, as: world.borrowerSide)
        world.wait(3900)
        for isReturned in [false, true] {
            if isReturned { try world.take(.return, lease, as: world.borrowerSide) }
            let last = try #require(world.now(lease))
            #expect(last.status == (isReturned ? .completed : .overdue))
            #expect(last.idleSpan(world.now) == Window(start: start, end: start + 300))
            #expect(last.activeSpan(world.now) == Window(start: start + 300, end: start + 3600))
            #expect(last.overdueSpan(world.now) == Window(start: start + 3600, end: start + 4200))
            #expect(last.lentSpan(world.now) == Window(start: start, end: start + 4200))
        }
        #expect(world.now(lease)?.outcome == .satisfied(start + 300))
    }

    @Test("An automatic lease ran over its window, however late the clock came round to it")
    func outage() throws {
        let world = try World()
        let lease = try world.request(world.ask { $0.startsAt = world.now + 600 })
        world.sleep(86_400)
        let last = try #require(world.now(lease))
        #expect(last.activeSpan(world.now) == lease.window && last.lentSpan(world.now) == lease.window)
        #expect(last.idleSpan(world.now) == nil && last.overdueSpan(world.now) == nil)
        #expect(last.outcome == .satisfied(lease.startsAt))
    }

    @Test("A lease that was granted towards a sealed fleet is a violation, and so is one without its approval")
    func violations() throws {
        for level in IsolationLevel.allCases {
            let world = try World()
            let lease = try world.request()
            var member = try #require(world.member(World.lender))
            member.isolationLevel = level
            var tally = Self.tally(of: world, lasting: 60, lender: MembershipHistory(member))
            tally.add(lease)
            var unapproved = lease
            unapproved.wasApproved = false
            tally.add(unapproved)
            let summary = tally.report(weights: [:]) { _ in true }.summary
            #expect(summary.checks == 2)
            #expect(summary.violations == (level == .sealed ? 2 : level >= .medium ? 1 : 0), "\(level)")
            #expect(summary.isolationCompliance == 1 - Double(summary.violations) / 2)
        }
    }

    @Test("A level that changed within the millisecond of a grant accuses nobody")
    func doubt() throws {
        let world = try World()
        let lease = try world.request()
        let member = try #require(world.member(World.lender))
        var sealed = member
        sealed.isolationLevel = .sealed
        let history = try #require(
            MembershipHistory([
                MembershipHistory.State(since: world.now - 1, position: 1, member),
                MembershipHistory.State(since: world.now, position: 2, sealed),
            ]))
        var tally = Self.tally(of: world, lasting: 60, lender: history)
        tally.add(lease)
        #expect(tally.report(weights: [:]) { _ in true }.summary.violations == 0)
    }

    @Test("A period has at most a thousand steps, of a minute or more, and the last ends with it")
    func periods() throws {
        let start = VirtualClock.start
        func period(_ length: Seconds, _ step: Seconds?) -> MetricsPeriod? {
            MetricsPeriod(Window(start: start, end: start + length), step: step, asOf: start + length)
        }
        #expect(period(86_400, nil)?.count == 1)
        #expect(period(86_400, 59) == nil && period(86_400, 60) == nil)
        #expect(period(60_000, 60)?.count == 1000 && period(60_001, 60) == nil)
        let uneven = try #require(period(250, 100))
        #expect(uneven.count == 3)
        #expect(uneven.window(of: 2) == Window(start: start + 200, end: start + 250))
        #expect(period(10, 100)?.window(of: 0) == Window(start: start, end: start + 10))
    }

    /// From now on, with the members as they are, except for the lender if another history is given.
    private static func tally(
        of world: World, lasting length: Seconds, lender: MembershipHistory? = nil
    ) -> MetricsTally {
        let window = Window(start: world.now, end: world.now + length)
        guard let period = MetricsPeriod(window, asOf: window.end) else { preconditionFailure("it has one step") }
        let members = world.ledger.members.values.map(MembershipHistory.init)
        let others = members.filter { $0.fleet != lender?.fleet }
        return MetricsTally(period, .federation, members: others + (lender.map { [$0] } ?? []))
    }
}
