import FleetService
import FleetTestSupport
import Testing

@Suite("A process that stands aside for another")
struct StandAsideTests {
    @Test("lets fleets wait for their inboxes again, as nobody does at one that stops")
    func inboxes() async throws {
        try await RunningWriter.run { writer in
            let inboxes = writer.orchestrator.committed.inboxes
            #expect(!inboxes.isClosed)
            await writer.stop()
            try await eventually("nobody waits") { inboxes.isClosed }
            writer.orchestrator.standAside()
            #expect(!inboxes.isClosed)
        }
    }
}
