import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("When a commit fails")
struct CommitFailureTests {
    @Test("A command that the database refuses fails alone with internal_error, and its neighbours succeed")
    func poison() async throws {
        for error in [StoreError.failed("no"), .conflict(constraint: "some"), .corrupt("bytes")] {
            try await RunningWriter.run { writer in
                writer.database.setFault { $0.contains { $0.mentions("poison") } ? error : nil }
                let names = ["a", "b", "poison", "c", "poison", "d"]
                let tasks = try await writer.holdBatch(after: "first", names.map { .register($0) })
                writer.database.openGate()
                for (name, task) in zip(names, tasks) {
                    let code = await task.value.code
                    #expect(code == (name == "poison" ? .internalError : nil), "\(name) after \(error)")
                }
                #expect(try await writer.store.fleet(FleetTestSupport.name("poison")) == nil)
                writer.database.heal()
                #expect(await writer.submit(.register("poison")).code == nil)
                try await writer.expectSound()
            }
        }
    }

    @Test("What the failed batch had seen is decided again: nobody is told of the one that failed")
    func decidedAgain() async throws {
        try await RunningWriter.run { writer in
            writer.database.setFault { $0.contains { $0.mentions("poison") } ? .failed("no") : nil }
            // Both saw the fleet that never came to be.
            let tasks = try await writer.holdBatch(
                after: "first", [.register("poison"), .rename("poison", dryRun: true), .rename("poison")])
            writer.database.openGate()
            var codes: [ErrorCode?] = []
            for task in tasks { codes.append(await task.value.code) }
            #expect(codes == [.internalError, .fleetNotFound, .fleetNotFound])
        }
    }

    @Test(
        "A full disk is storage_full, what needs no space goes on, and it heals",
        // Here every commit fails; on PostgreSQL what is told of the state is confirmed by one.
        .enabled(if: TestDatabase.postgresURL == nil))
    func full() async throws {
        try await RunningWriter.run { writer in
            writer.database.setFault { _ in .full }
            let tasks = try await writer.holdBatchUnderFault([
                .register("a"), .register("b"), .rename("absent"), .register("c", dryRun: true),
            ])
            var codes: [ErrorCode?] = []
            for task in tasks { codes.append(await task.value.code) }
            #expect(codes == [.storageFull, .storageFull, .fleetNotFound, nil])
            #expect(try await writer.log().isEmpty)
            writer.database.heal()
            #expect(await writer.submit(.register("a")).position == 1)
            try await writer.expectSound()
        }
    }

    @Test("A database that cannot be reached is storage_unavailable for all, and the writer goes on when it is back")
    func unavailable() async throws {
        try await RunningWriter.run { writer in
            writer.database.setFault { _ in .unavailable("gone") }
            let tasks = try await writer.holdBatchUnderFault([
                .register("a"), .register("a"), .rename("a", dryRun: true),
            ])
            for task in tasks { #expect(await task.value.code == .storageUnavailable) }
            writer.database.heal()
            #expect(await writer.submit(.register("a")).position == 1)
            try await writer.expectSound()
        }
    }

    @Test("An unknown outcome is outcome_unknown; the writer reads the log and goes on from what is there")
    func unknown() async throws {
        for happened in [false, true] {
            try await RunningWriter.run { writer in
                if happened {
                    writer.database.loseSuccess()
                } else {
                    writer.database.failNext(with: .outcomeUnknown("lost"))
                }
                #expect(await writer.submit(.register("a")).code == .outcomeUnknown)
                #expect(try await writer.store.endOfLog() == (happened ? 1 : 0))
                #expect(await writer.submit(.register("a")).code == (happened ? .fleetExists : nil))
                #expect(await writer.submit(.register("b")).position == 2)
                try await writer.expectSound("happened: \(happened)")
            }
        }
    }

    @Test("The outcome of a command that is committed alone may be unknown, too")
    func unknownAlone() async throws {
        for happened in [false, true] {
            try await RunningWriter.run { writer in
                let tasks = try await writer.holdBatch(
                    after: "first", [.register("a"), .register("b"), .register("c")])
                // The batch fails and its commands go one by one; of the first, nobody hears.
                writer.database.failNext(with: .conflict(constraint: "some"))
                let isSecond = Countdown(1)
                let fault: FaultyDatabase.Fault = {
                    $0.contains { $0.mentions("\"a\"") } && isSecond.take() ? .outcomeUnknown("lost") : nil
                }
                if happened {
                    writer.database.setFaultAfterCommit(fault)
                } else {
                    let isFirst = Countdown(1)
                    writer.database.setFault { isFirst.take() ? .conflict(constraint: "some") : fault($0) }
                }
                writer.database.openGate()
                var codes: [ErrorCode?] = []
                for task in tasks { codes.append(await task.value.code) }
                #expect(codes == [.outcomeUnknown, nil, nil], "happened: \(happened)")
                #expect(try await writer.log().count == (happened ? 4 : 3))
                try await writer.expectSound("happened: \(happened)")
            }
        }
    }

    @Test("While the log cannot be read again nothing is decided on what the writer remembered")
    func unreadable() async throws {
        try await RunningWriter.run { writer in
            writer.database.loseSuccess()
            writer.database.setReadFault(.unavailable("gone"))
            #expect(await writer.submit(.register("a")).code == .outcomeUnknown)
            // The fleet is there, so that its absence would be a lie.
            #expect(await writer.submit(.rename("a", dryRun: true)).code == .storageUnavailable)
            #expect(await writer.submit(.register("b")).code == .storageUnavailable)
            writer.database.heal()
            #expect(await writer.submit(.rename("a", dryRun: true)).code == nil)
            #expect(await writer.submit(.register("b")).position == 2)
            try await writer.expectSound()
        }
    }
}

extension RunningWriter {
    /// One batch of `commands` whose commit meets whatever fault is set.
    fileprivate func holdBatchUnderFault(_ commands: [Command]) async throws -> [Task<Answer, Never>] {
        database.closeGate()
        let first = Task { await submit(.register("first")) }
        try await waitForHeldCommit()
        let tasks = try await enqueue(commands)
        database.openGate()
        #expect(await first.value.code != nil)
        return tasks
    }
}
