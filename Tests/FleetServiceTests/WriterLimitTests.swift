import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import Testing

@Suite("The writer's limits")
struct WriterLimitTests {
    @Test("Many commands that wait are committed in few batches, none larger than the limit")
    func groupCommit() async throws {
        try await RunningWriter.run { writer in
            let first = try await writer.holdCommit("first")
            let tasks = (0..<600).map { number in Task { await writer.submit(.register("fleet-\(number)")) } }
            try await eventually("all wait") { writer.orchestrator.queueDepth == 600 }
            writer.database.openGate()
            _ = await first.value
            for task in tasks { #expect(await task.value.code == nil) }
            #expect(writer.commits.all.map(\.commands) == [1, 256, 256, 88])
            #expect(writer.commits.all.map(\.events) == [1, 256, 256, 88])
            #expect(writer.commits.operations.count == 601)
            try await writer.expectSound()
        }
    }

    @Test(
        "Commands that have no effect cost no commit",
        // Where another process may have been elected, what is told of the state is confirmed by one.
        .enabled(if: TestDatabase.postgresURL == nil))
    func noCommit() async throws {
        try await RunningWriter.run { writer in
            writer.database.setFault { _ in .full }
            #expect(await writer.submit(.rename("absent")).code == .fleetNotFound)
            #expect(await writer.submit(.register("a", dryRun: true)).code == nil)
            #expect(writer.commits.all.isEmpty)
        }
    }

    @Test("A command beyond what may wait is turned away at once with overloaded")
    func overload() async throws {
        var limits = FederationOrchestrator.Limits()
        limits.mailbox = 4
        try await RunningWriter.run(limits: limits) { writer in
            let first = try await writer.holdCommit("first")
            let tasks = try await writer.enqueue((0..<4).map { .register("fleet-\($0)") })
            #expect(await writer.submit(.register("late")).code == .overloaded)
            #expect(writer.orchestrator.queueDepth == 4)
            writer.database.openGate()
            for task in [first] + tasks { #expect(await task.value.code == nil) }
            #expect(await writer.submit(.register("late")).code == nil)
            #expect(writer.orchestrator.queueDepth == 0)
        }
    }

    @Test("A command that waited past its deadline is dropped undecided with deadline_exceeded")
    func deadline() async throws {
        var limits = FederationOrchestrator.Limits()
        limits.patience = 10
        try await RunningWriter.run(limits: limits) { writer in
            let first = try await writer.holdCommit("first")
            let early = try await writer.enqueue([.register("early"), .register("dry", dryRun: true)])
            writer.clock.advance(by: 5)
            let late = try await writer.enqueue([.register("late")])
            writer.clock.advance(by: 5)
            writer.database.openGate()
            // What was decided before is not taken back.
            #expect(await first.value.code == nil)
            for task in early { #expect(await task.value.code == .deadlineExceeded) }
            for task in late { #expect(await task.value.code == nil) }
            #expect(try await writer.store.fleet(name("early")) == nil)
            #expect(try await writer.store.fleet(name("late")) != nil)
        }
    }

    @Test("A writer that cannot read its state leaves nobody waiting", .timeLimit(.minutes(1)))
    func cannotLoad() async throws {
        let database = try await RunningWriter.freshDatabase()
        let clock = VirtualClock()
        let orchestrator = FederationOrchestrator(
            store: Store(database: database), environment: clock.environment, observer: CommitRecord().observer,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        // Nobody migrated the schema: there is nothing to read.
        let early = Task { try await orchestrator.inspect { $0.position } }
        await #expect(throws: StoreError.self) { try await orchestrator.run() }
        await #expect(throws: FleetError.self) { try await early.value }
        await #expect(throws: FleetError.self) { try await orchestrator.inspect { $0.position } }
        await database.close()
    }

    @Test("A graceful stop finishes what was accepted, and refuses what comes later with shutting_down")
    func gracefulStop() async throws {
        let database = try await RunningWriter.freshDatabase()
        try await RunningWriter.run(on: database) { writer in
            let first = try await writer.holdCommit("first")
            let accepted = try await writer.enqueue((0..<300).map { .register("fleet-\($0)") })
            await writer.stop()
            // Until the stop has arrived these are accepted, too; they wait, and change nothing.
            try await eventually("the writer refuses") {
                Task { await writer.submit(.rename("absent")) }
                return writer.commits.operations.contains("fleet.patch")
            }
            #expect(await writer.submit(.register("late")).code == .shuttingDown)
            writer.database.openGate()
            for task in [first] + accepted { #expect(await task.value.code == nil) }
        }
        let store = Store(database: database)
        #expect(try await store.endOfLog() == 301)
        #expect(try await store.fleet(name("late")) == nil)
        await database.close()
    }
}
