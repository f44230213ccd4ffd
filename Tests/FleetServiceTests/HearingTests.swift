import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Testing

/// Where a database is shared, signs of life are refused while it cannot be asked.
@Suite("Fleets that cannot be heard", .enabled(if: TestDatabase.postgresURL != nil))
struct HearingTests {
    private static let red: Fleet.ID = name("red")

    private static let found = Command.admin("federation.create") { ledger, context throws(FleetError) in
        let draft = FederationDraft(name: "f", description: "", policy: FederationPolicy(), foundingFleet: red)
        return try ledger.create(draft, &context)
    }
    private static let beat = Command.admin("fleet.heartbeat") { ledger, context throws(FleetError) in
        try ledger.heartbeat(red, interval: 30, isTrial: false, &context)
    }

    @Test("are not called silent, and have their interval again once they can be")
    func outage() async throws {
        try await RunningWriter.run { writer in
            for command in [.register("red"), Self.found, Self.beat] {
                let answer = await writer.submit(command)
                #expect(answer.code == nil)
            }
            func isTold(after seconds: Seconds) async throws -> Bool {
                writer.clock.advance(by: seconds)
                await writer.orchestrator.tick()
                return try await writer.log().contains { $0.type == .presenceUnreachable }
            }
            writer.database.setFault { _ in .unavailable("away") }
            for _ in 0..<5 {
                writer.clock.advance(by: 10)
                await writer.orchestrator.tick()
            }
            writer.database.heal()
            var told: [Bool] = []
            for seconds in [0, 29, 1] as [Seconds] { told.append(try await isTold(after: seconds)) }
            #expect(told == [false, false, true])
        }
    }
}
