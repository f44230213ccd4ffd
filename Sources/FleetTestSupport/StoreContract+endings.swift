import FleetDomain
import FleetStore

extension StoreContract {
    static let endings = [
        Check("a closed database is unavailable, and may be closed again") { database in
            await database.close()
            try await expectUnavailable("commit") { () throws(StoreError) in
                try await database.commit([SQL("contract.any", "DROP TABLE IF EXISTS contract_closed")])
            }
            try await expectUnavailable("an empty commit") { () throws(StoreError) in try await database.commit([]) }
            try await expectUnavailable("read") { () throws(StoreError) in
                _ = try await database.read(SQL("contract.one", "SELECT 1"))
            }
            try await expectUnavailable("find") { () throws(StoreError) in
                _ = try await database.find(SQL("contract.one", "SELECT 1"))
            }
            await database.close()
        }
    ]
}
