import FleetJSON
import FleetTestSupport
import Foundation
import Synchronization
import Testing

@Suite("kill -9")
struct CrashTests {
    /// Lives on one database: a start has to read what earlier ones wrote, and many rows make it slow.
    private static let livesPerDatabase = Effort.isThorough ? 100 : 10
    private static let clients = 4
    /// Answers after which the kill comes, at most: enough for several batches, few enough for a short life.
    private static let answersMax: Int64 = 30

    @Test("Invariant 10: kill -9 under load loses nothing acknowledged, and a repeated write has one effect")
    func killUnderLoad() async throws {
        for seed in Generator.seeds(Effort.seeds(1, slow: 10)) {
            print("kill -9 under load: seed \(seed)")
            let start = ContinuousClock.now
            let counts = try await oneDatabase(Generator(seed: seed))
            print("\(Self.livesPerDatabase) lives in \(ContinuousClock.now - start): \(counts)")
        }
    }

    private func oneDatabase(_ source: Generator) async throws -> String {
        var generator = source
        let directory = try ScratchDirectory()
        var open = Attempts()
        var all = Attempts()
        for life in 0..<Self.livesPerDatabase {
            let service = try await ServiceProcess.start(in: directory, ["LOG_LEVEL": "error"])
            try await settle(open, with: service, seed: source.seed)
            all.merge(open)
            open = try await load(service, "\(source.seed)-\(life)", &generator)
        }
        let service = try await ServiceProcess.start(in: directory, ["LOG_LEVEL": "error"])
        try await settle(open, with: service, seed: source.seed)
        all.merge(open)

        let names = try await service.federationNames()
        let wanted = Set(all.acknowledged.keys).union(all.unanswered)
        #expect(names.count == Set(names).count, "seed \(source.seed): a write had two effects")
        #expect(Set(names) == wanted, "seed \(source.seed)")
        #expect(all.acknowledged.count > Self.livesPerDatabase, "seed \(source.seed): hardly any load")
        #expect(!all.unanswered.isEmpty, "seed \(source.seed): no kill met a request")
        let (status, output, _) = try await ServiceProcess.run(in: directory, [:], ["events", "rebuild"])
        #expect(status == .exited(0), "seed \(source.seed): \(output)")
        return "\(all.acknowledged.count) acknowledged, \(all.unanswered.count) unanswered"
    }

    /// What was acknowledged is there; what was not answered is sent again, twice, under its key.
    private func settle(_ attempts: Attempts, with service: ServiceProcess, seed: UInt64) async throws {
        for (name, id) in attempts.acknowledged {
            let reply = try await service.send("GET", "/federations/\(id)")
            #expect(reply["name"]?.stringValue == name, "seed \(seed): \(reply.text)")
        }
        for name in attempts.unanswered {
            let first = try await service.create(name, idempotencyKey: key(of: name))
            let second = try await service.create(name, idempotencyKey: key(of: name))
            #expect(first.status == 201 && second.status == 201, "seed \(seed): \(first.text)")
            #expect(first["federation_id"] == second["federation_id"], "seed \(seed)")
            #expect(second.headers["idempotency-replayed"] == "true", "seed \(seed)")
        }
    }

    /// Several clients write until the service is killed, which is at a moment that the generator chooses.
    private func load(
        _ service: ServiceProcess, _ prefix: String, _ generator: inout Generator
    ) async throws -> Attempts {
        let moment = Int(generator.int(in: 0...Self.answersMax))
        let delay = Duration.microseconds(generator.int(in: 0...4000))
        let answers = Counter()
        let attempts = await withTaskGroup(of: Attempts.self) { group in
            for client in 0..<Self.clients {
                group.addTask {
                    var attempts = Attempts()
                    for number in 0... {
                        let name = "\(prefix)-\(client)-\(number)"
                        attempts.unanswered.insert(name)
                        guard let reply = try? await service.create(name, idempotencyKey: key(of: name)) else { break }
                        attempts.unanswered.remove(name)
                        attempts.acknowledged[name] = reply["federation_id"]?.stringValue ?? reply.text
                        let count = answers.next()
                        if count == moment { try? await Task.sleep(for: delay) }
                        if count >= moment { service.child.send(SIGKILL) }
                    }
                    return attempts
                }
            }
            return await group.reduce(into: Attempts()) { $0.merge($1) }
        }
        #expect(try await service.child.exit() == .signalled(SIGKILL))
        return attempts
    }

    private func key(of name: String) -> String { "idempotency-key-\(name)" }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// What the clients of one life were told.
private struct Attempts: Sendable {
    /// Ids by names.
    var acknowledged: [String: String] = [:]
    var unanswered: Set<String> = []

    mutating func merge(_ other: Attempts) {
        acknowledged.merge(other.acknowledged) { $1 }
        unanswered.formUnion(other.unanswered)
    }
}
