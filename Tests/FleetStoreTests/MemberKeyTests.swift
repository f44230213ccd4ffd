import FleetDomain
import FleetStore
import FleetTestSupport
import Testing

@Suite("Memberships by their keys")
struct MemberKeyTests {
    @Test("are found however many are asked for at once")
    func many() async throws {
        let store = try await Store.inMemory()
        var scenario = LedgerScenario(seed: 1)
        for _ in 0..<50 { scenario.step() }
        var ledger = Ledger()
        for event in scenario.log { ledger.apply(event) }
        try await store.commit(ledger.unconfirmed)
        let federation = try #require(ledger.federations.keys.first)
        let absent = (0..<1500).map { Member.Key(federation: federation, fleet: name("absent-\($0)")) }
        let found = try await store.members(Set(ledger.members.keys).union(absent))
        #expect(found == ledger.members && !found.isEmpty)
        #expect(try await store.members([]).isEmpty)
        await store.database.close()
    }
}
