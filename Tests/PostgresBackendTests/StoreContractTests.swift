import FleetStore
import FleetTestSupport
import Testing

/// These need a server, which `make test-integration` starts.
@Suite("PostgreSQL keeps the store contract", .enabled(if: TestDatabase.postgresURL != nil))
struct StoreContractTests {
    @Test(arguments: StoreContract.checks)
    func check(_ check: StoreContract.Check) async throws {
        try await StoreContract { try await TestDatabase.openOnPostgres() }.run(check)
    }
}
