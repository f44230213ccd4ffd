import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("SQLite keeps the store contract")
struct StoreContractTests {
    @Test("in memory", arguments: StoreContract.checks)
    func inMemory(_ check: StoreContract.Check) async throws {
        try await StoreContract { try await SQLiteDatabase.openInMemory() }.run(check)
    }

    @Test("on a file", arguments: StoreContract.checks)
    func onFile(_ check: StoreContract.Check) async throws {
        let directory = try ScratchDirectory()
        try await StoreContract { try await SQLiteDatabase.open(path: directory.database) }.run(check)
    }
}
