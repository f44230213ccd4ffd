import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("A dry run")
struct DryRunTests {
    private static let steps = 40

    @Test("Invariant 8: a dry run changes no domain state, and with nothing in between equals the real decision")
    func equalsReal() async throws {
        var outcomes = (granted: 0, refused: 0)
        for seed in Generator.seeds(Effort.seeds(8, slow: 200)) {
            let start = LedgerScenario(seed: seed)
            let clock = VirtualClock(at: start.now, seed: seed)
            outcomes = try await RunningWriter.run(clock: clock) { [outcomes] writer in
                var (scenario, outcomes) = (start, outcomes)
                try await writer.found(scenario)
                for _ in 0..<Self.steps {
                    let isGranted = try await writer.tryAndDo(&scenario)
                    if isGranted { outcomes.granted += 1 } else { outcomes.refused += 1 }
                }
                try await writer.expectSound("seed \(seed)")
                return outcomes
            }
        }
        #expect(outcomes.granted > 50 && outcomes.refused > 50 || Generator.areFew, "\(outcomes)")
    }

    @Test("A dry run sees what was decided before it in its batch, and leaves nothing to those after it")
    func withinABatch() async throws {
        try await RunningWriter.run { writer in
            let tasks = try await writer.holdBatch(
                after: "first",
                [
                    .register("a"), .register("b", dryRun: true), .rename("b"), .rename("a", dryRun: true),
                    .rename("a"), .register("b"),
                ])
            writer.database.openGate()
            var answers: [Answer] = []
            for task in tasks { answers.append(await task.value) }
            #expect(answers.map(\.code) == [nil, nil, .fleetNotFound, nil, nil, nil])
            #expect(answers[3].fleet == answers[4].fleet)
            // The position is that of the log, in which a dry run has none of its own.
            #expect(answers.map(\.position) == [2, 2, nil, 2, 3, 4])
            #expect(try await writer.log().count == 4)
        }
    }
}

extension RunningWriter {
    /// Has the writer go through the beginnings of the scenario's world.
    fileprivate func found(_ scenario: LedgerScenario) async throws {
        let log = scenario.log
        let answer = await submit(
            .admin("found") { ledger, context throws(FleetError) in
                for event in log { ledger.record(event.type, event.entity, &context) }
                return nil
            })
        #expect(answer.code == nil)
    }

    /// Tries the scenario's next command and then does it. - Returns: whether it was granted.
    fileprivate func tryAndDo(_ scenario: inout LedgerScenario) async throws -> Bool {
        scenario.goOn(from: try await ledger())
        let next = scenario.nextCommand()
        clock.advance(by: (scenario.now.milliseconds - clock.now.milliseconds) / 1000)
        // What time and intents change by themselves is recorded before, so that it is not between the two.
        await settle()
        let before = try await ledger()
        let position = try await store.endOfLog()
        let comment: Comment = "seed \(scenario.seed): \(next.name)"

        let tried = await submit(command(next, dryRun: true))
        let after = try await ledger()
        let crossings = try await store.events(after: position, limit: 1000)
        #expect(crossings.allSatisfy { $0.entity.crossing?.dryRun == true }, comment)
        // A denied crossing is in the log, but is no state.
        let differences = after.differences(from: before).filter { difference in
            crossings.isEmpty || !["position", "lastTime"].contains { difference.hasPrefix($0) }
        }
        #expect(differences.isEmpty, "seed \(scenario.seed): \(next.name): \(differences)")

        let done = await submit(command(next, dryRun: false))
        switch (tried, done) {
        case (.success(.decided(let one, _)), .success(.decided(let other, _))): #expect(one == other, comment)
        case (.failure(let one), .failure(let other)): #expect(one == other, comment)
        default: Issue.record("\(comment): \(tried) is not \(done)")
        }
        return done.code == nil
    }

    private func settle() async {
        var position: Int64 = -1
        while position != orchestrator.committed.position {
            position = orchestrator.committed.position
            await orchestrator.tick()
        }
    }

    /// The scenario's command with its own time and ids, which are then the same for both tries.
    private func command(_ command: LedgerCommand, dryRun: Bool) -> Command {
        Command(
            operation: command.name, principal: command.context.principal, requestID: "test", dryRun: dryRun
        ) { ledger, _ throws(FleetError) in
            var context = command.context
            return Decision(try command.decide(&ledger, &context))
        }
    }
}

extension Entity {
    fileprivate var crossing: Crossing? { if case .crossing(let crossing) = self { crossing } else { nil } }
}
