import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("Settings that all processes share")
struct SettingTests {
    @Test("A setting is made once: the first value stays, and nobody makes a second")
    func madeOnce() async throws {
        let store = try await Store.inMemory()
        #expect(try await store.setting("key") { [1] } == [1])
        let again = try await store.setting("key") {
            Issue.record("made again")
            return [2]
        }
        #expect(again == [1])
        #expect(try await store.setting("other") { [] } == [])
        await store.database.close()
    }

    @Test("All who ask at once get the same value")
    func race() async throws {
        let store = try await Store.inMemory()
        let values = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for caller in UInt8(0)..<16 { group.addTask { try await store.setting("key") { [caller] } } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(values.count == 1)
        #expect(try await store.count(SQL("test.count", "SELECT COUNT(*) FROM service_settings")) == 1)
        await store.database.close()
    }
}
