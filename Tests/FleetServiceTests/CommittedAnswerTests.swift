import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

@Suite("What the writer answers")
struct CommittedAnswerTests {
    @Test("Invariant 15: no answer, refusal and dry run included, leaves before the commit of the state that it saw")
    func answersWait() async throws {
        try await RunningWriter.run { writer in
            let tasks = try await writer.holdBatch(
                after: "first",
                [.register("new"), .register("new"), .rename("new", dryRun: true), .rename("absent")])
            // All four are decided; whoever was answered would have told the observer by now.
            for _ in 0..<1000 { await Task.yield() }
            #expect(writer.commits.operations == ["fleet.register"])
            #expect(try await writer.store.fleet(name("new")) == nil)
            writer.database.openGate()
            var codes: [ErrorCode?] = []
            for task in tasks { codes.append(await task.value.code) }
            #expect(codes == [nil, .fleetExists, nil, .fleetNotFound])
        }
    }

    @Test("Invariant 15: no answer speaks of state that was not committed, whatever becomes of the commits")
    func answersAreTrue() async throws {
        for seed in Generator.seeds(Effort.seeds(12, slow: 300)) {
            var random = Generator(seed: seed)
            let rounds = (0..<6).map { round in Round(round, &random) }
            try await RunningWriter.run { writer in
                for round in rounds { try await round.run(writer, "seed \(seed)") }
                try await writer.expectSound("seed \(seed)")
            }
        }
    }
}

/// One batch of random commands about a few fleets, and what becomes of its commit.
private struct Round: Sendable {
    enum Ending: CaseIterable {
        case committed, refused, full, unavailable, lost, doneButLost
    }

    enum Step: Sendable, CaseIterable {
        case register, dryRegister, rename, dryRename
    }

    let number: Int
    let steps: [(step: Step, fleet: String)]
    let ending: Ending

    init(_ number: Int, _ random: inout Generator) {
        self.number = number
        ending = random.pick(Ending.allCases)
        // Few fleets, so that commands of one batch see what the others did.
        steps = (0..<random.int(in: 2...9)).map { _ in
            (random.pick(Step.allCases), "fleet-\(random.int(in: 0...5))")
        }
    }

    private func command(_ step: Step, _ fleet: String) -> Command {
        switch step {
        case .register: .register(fleet)
        case .dryRegister: .register(fleet, dryRun: true)
        case .rename: .rename(fleet)
        case .dryRename: .rename(fleet, dryRun: true)
        }
    }

    func run(_ writer: RunningWriter, _ seed: Comment) async throws {
        // One that surely has an effect, so that there is a commit to hold.
        let commands = [Command.register("marker-\(number)")] + steps.map { command($0.step, $0.fleet) }
        let tasks = try await writer.holdBatch(after: "first-\(number)", commands)
        let before = try await writer.log()
        meet(writer.database)
        writer.database.openGate()
        for (index, task) in tasks.enumerated() {
            let answer = await task.value
            let step = index == 0 ? (step: .register, fleet: "marker-\(number)") : steps[index - 1]
            try await check(answer, step, before, writer, "\(seed), round \(number): \(step) in \(ending)")
        }
        writer.database.heal()
        // Goes on from what is true.
        #expect(await writer.submit(.register("last-\(number)")).code == nil, seed)
    }

    private func meet(_ database: FaultyDatabase) {
        switch ending {
        case .committed: break
        case .refused: database.failNext(with: .conflict(constraint: "some"))
        case .full: database.failNext(with: .full)
        case .unavailable: database.failNext(with: .unavailable("gone"))
        case .lost: database.failNext(with: .outcomeUnknown("lost"))
        case .doneButLost: database.loseSuccess()
        }
    }

    /// What is said must stand in the log at the moment when it is said.
    private func check(
        _ answer: Answer, _ said: (step: Step, fleet: String), _ before: [Event], _ writer: RunningWriter,
        _ comment: Comment
    ) async throws {
        let log = try await writer.log()
        let stored = log.last { $0.entity.fleet?.id == name(said.fleet) }?.entity.fleet
        if let position = answer.position { #expect(position <= log.count, comment) }
        switch (ending, answer.code) {
        case (.unavailable, let code): #expect(code == .storageUnavailable, comment)
        case (.lost, let code), (.doneButLost, let code): #expect(code == .outcomeUnknown, comment)
        case (_, .fleetExists): #expect(stored != nil, comment)
        case (_, .fleetNotFound): #expect(!before.contains { $0.entity.fleet?.id == name(said.fleet) }, comment)
        case (_, nil): try check(answer, said.step, stored, comment)
        case (_, let code): Issue.record("\(comment): \(String(describing: code))")
        }
    }

    private func check(_ answer: Answer, _ step: Step, _ stored: Fleet?, _ comment: Comment) throws {
        let seen = try #require(answer.fleet, comment)
        switch step {
        case .register, .rename: #expect(seen.version <= stored?.version ?? 0, comment)
        // What it would become is one version ahead of what is there.
        case .dryRename: #expect(seen.version <= (stored?.version ?? 0) + 1 && stored != nil, comment)
        case .dryRegister: #expect(seen.version == 1, comment)
        }
    }
}

extension Entity {
    fileprivate var fleet: Fleet? { if case .fleet(let fleet) = self { fleet } else { nil } }
}
