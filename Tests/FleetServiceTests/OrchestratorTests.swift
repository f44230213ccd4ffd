import FleetDomain
import FleetTestSupport
import Testing

@Suite struct OrchestratorTests {
    @Test func aVirtualClockStandsStill() {
        let clock = VirtualClock()
        #expect(clock.now == VirtualClock.start)
        clock.advance(by: 5)
        #expect(clock.now == VirtualClock.start + 5)
    }
}
