import FleetDomain
import FleetTestSupport
import Foundation
import Testing

/// Invariants 1, 2, 4, 6, 7, 10 and 15 of the whole service below HTTP. `FLEET_SEED` repeats one history.
@Suite("A simulated service")
struct SimulationTests {
    private static let steps = 200
    /// Set by `make test-simulation`; the usual run is a sample.
    private static let seeds: [UInt64] = {
        let given = ProcessInfo.processInfo.environment["FLEET_SIMULATION_SEEDS"].flatMap { UInt64($0) }
        return Generator.seeds(given ?? 24, isExact: given != nil)
    }()
    /// Histories that run beside one another; one processor each is what CI has.
    private static let lanes: UInt64 = 2

    @Test("keeps its invariants under random commands, faults and restarts", arguments: 0..<lanes)
    func histories(lane: UInt64) async throws {
        var (faults, restarts, replays, preemptions, servings) = (0, 0, 0, 0, 0)
        for seed in Self.seeds where seed % Self.lanes == lane {
            let simulation: Simulation
            do {
                simulation = try await Simulation.run(seed: seed, steps: Self.steps)
            } catch {
                Place(seed: seed, step: "all").expect(false, "it ended with \(error)")
                continue
            }
            faults += simulation.faults
            restarts += simulation.restarts
            replays += simulation.replays
            preemptions += simulation.onlooker.preemptions
            servings += simulation.onlooker.servings
        }
        guard Self.seeds.count > 1 else { return }
        print(
            "simulation lane \(lane): \(faults) faults, \(restarts) restarts, \(replays) repeated keys,",
            "\(preemptions) preemptions, \(servings) served late")
        #expect(faults > 10 && restarts > 10 && replays > 10)
        #expect(preemptions > 0 && servings > 0)
    }

    @Test("does the same again from the same seed")
    func exact() async throws {
        let first = try await Simulation.run(seed: 4242, steps: 400)
        let second = try await Simulation.run(seed: 4242, steps: 400)
        let difference = zip(first.log, second.log).first { $0 != $1 }
        #expect(difference == nil, "\(String(describing: difference))")
        #expect(first.log.count == second.log.count)
        #expect(first.ledger.position > 100)
    }
}
