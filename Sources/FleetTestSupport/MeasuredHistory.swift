package import FleetDomain
package import FleetService
package import FleetStore
import SQLiteBackend

/// What is asked of the calculator.
package struct MetricsQuestion: Sendable {
    package var scope: MetricsScope
    package var window: Window
    package var step: Seconds?
    /// Of what is read; the answer does not depend on it.
    package var pageSize: Int

    package init(scope: MetricsScope, window: Window, step: Seconds? = nil, pageSize: Int = 1000) {
        self.scope = scope
        self.window = window
        self.step = step
        self.pageSize = pageSize
    }
}

/// A random history, committed batch by batch, with denied crossings in it.
package struct MeasuredHistory: Sendable {
    package let store: Store
    private var scenario: LedgerScenario
    private var shadow = Ledger()
    private let start: Timestamp

    package init(seed: UInt64) async throws {
        store = Store(database: try await SQLiteDatabase.openInMemory())
        _ = try await store.migrate(now: VirtualClock.start)
        scenario = LedgerScenario(seed: seed)
        start = scenario.now
        try await commit(scenario.log)
    }

    /// Keys are left out: the scenario's have one digest, and metrics none.
    private mutating func commit(_ events: [Event]) async throws {
        let events = events.filter { $0.entity.kind != .apiKey }
        for event in events { shadow.apply(event) }
        try await store.commit(Batch(events: events, changes: shadow.unconfirmed.changes))
        shadow.confirm()
    }

    package mutating func run(commands: Int) async throws {
        for _ in 0..<commands {
            let step = scenario.random.chance(4) ? scenario.run(denial()) : scenario.step()
            try await commit(step.events)
        }
    }

    private mutating func denial() -> LedgerCommand {
        let crossing = Crossing(
            principal: "somebody", protected: scenario.random.pick(LedgerScenario.fleets), action: "fleet:read",
            object: "/fleets", count: scenario.random.int(in: 1...3), dryRun: false)
        let context = Context(
            principal: LedgerScenario.admin, now: scenario.ledger.lastTime, requestID: "denied",
            ids: IDSource(seed: scenario.random.next(), random: 1))
        return LedgerCommand(name: "denied", context: context) { ledger, context throws(FleetError) in
            ledger.record(.violationBlocked, .crossing(crossing), &context)
            return nil
        }
    }

    package var federations: [Federation.ID] { scenario.ledger.federations.keys.sorted() }
    package var log: [Event] { scenario.log }
    package var now: Timestamp { scenario.now }
    package var window: Window { Window(start: start, end: scenario.now + 1) }

    /// Of a part of the history, or more than that.
    package mutating func question() -> MetricsQuestion {
        let length = (scenario.now.milliseconds - start.milliseconds) / 1000 + 100
        let from = start + scenario.random.int(in: -50...length - 2)
        let to = from + scenario.random.int(in: 1...length)
        let own = Set(LedgerScenario.fleets.filter { _ in scenario.random.chance(30) })
        return MetricsQuestion(
            scope: scenario.random.chance(50) ? .federation : .fleets(own, audited: own),
            window: Window(start: from, end: to),
            step: scenario.random.chance(50) ? max(60, length / 5) : nil,
            pageSize: Int(scenario.random.pick([1, 2, 7, 1000])))
    }

    package func federation(_ id: Federation.ID) -> Federation? { scenario.ledger.federations[id] }

    /// - Parameter source: nil is the SQL database.
    package func report(
        on id: Federation.ID, _ question: MetricsQuestion, from source: (any MetricsSource)? = nil
    ) async throws -> MetricsReport {
        guard let federation = scenario.ledger.federations[id],
            let period = MetricsPeriod(question.window, step: question.step, asOf: scenario.now)
        else { throw ContractViolation("there is no such federation, or too many steps") }
        return try await MetricsCalculator(store: store, source: source, pageSize: question.pageSize).report(
            on: federation, for: LedgerScenario.admin, question.scope, period)
    }
}
