import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite struct MigrationTests {
    @Test func aFreshDatabaseTakesEveryStepOnce() async throws {
        let store = Store(database: try await SQLiteDatabase.openInMemory())
        #expect(try await store.migrate(now: VirtualClock.start).map(\.version) == [1])
        #expect(try await store.migrate(now: VirtualClock.start).isEmpty)
        try await store.requireCurrentSchema()
        await store.database.close()
    }
}
