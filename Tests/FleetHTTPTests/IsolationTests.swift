import FleetDomain
import FleetTestSupport
import Testing

@Suite("Isolation", .timeLimit(.minutes(Effort.minutes(5))))
struct IsolationTests {
    private static let phases = Int(Effort.seeds(1, slow: 4))

    @Test(
        "Invariant 11: two worlds that differ only outside a reader's view answer it alike",
        arguments: Effort.one(of: IsolationDifference.allCases), Generator.seeds(Effort.seeds(1, slow: 12)))
    func twins(difference: IsolationDifference, seed: UInt64) async throws {
        try await IsolationTwin.run(label: "\(difference.rawValue), seed \(seed)") { twin in
            var world = try await IsolationWorld(twin, difference, seed: seed)
            for _ in 0..<Self.phases {
                for _ in 0..<16 {
                    try await world.step()
                    try await world.stepAside()
                }
                for reader in difference.readers { try await world.readEverything(as: reader) }
            }
            #expect(twin.comparisons > 500, "seed \(seed): little was compared")
        }
    }
}
