import FleetDomain
import FleetStore

extension StoreContract {
    static let reads = [
        Check("find answers the rows under a key, and sees what was committed") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_find"),
                SQL("contract.create", "CREATE TABLE contract_find (k BIGINT PRIMARY KEY, t TEXT)"),
            ])
            for key in 1...20 {
                let query = SQL("contract.find", "SELECT t FROM contract_find WHERE k = \(key)")
                try expectEqual(try await database.find(query), [], "the row before its commit")
                try await database.commit([
                    SQL("contract.insert", "INSERT INTO contract_find (k, t) VALUES (\(key), \("t\(key)"))")
                ])
                try expectEqual(
                    try await database.find(query), [SQLRow([.text("t\(key)")])], "the row after its commit")
            }
        },
        Check("answers are in the order of the queries") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_order"),
                SQL("contract.create", "CREATE TABLE contract_order (k BIGINT PRIMARY KEY)"),
                SQL("contract.insert", "INSERT INTO contract_order (k) VALUES (1), (2), (3)"),
            ])
            let answers = try await database.read([
                SQL("contract.descending", "SELECT k FROM contract_order ORDER BY k DESC"),
                SQL("contract.none", "SELECT k FROM contract_order WHERE k = \(9)"),
                SQL("contract.one", "SELECT k FROM contract_order WHERE k = \(2)"),
            ])
            let keys = try answers.map { try $0.map { try $0.integer(0) } }
            try expectEqual(keys, [[3, 2, 1], [], [2]], "the answers")
        },
        Check("a query that fails leaves the reader usable") { database in
            let error = try await failure(of: "a query of no table") { () throws(StoreError) in
                _ = try await database.read([
                    SQL("contract.one", "SELECT 1"), SQL("contract.defect", "SELECT * FROM contract_no_such_table"),
                ])
            }
            guard case .failed = error else { throw ContractViolation("a query of no table: \(error)") }
            let rows = try await database.read(SQL("contract.one", "SELECT 1"))
            try expectEqual(try rows.first?.integer(0), 1, "the answer")
        },
        Check("the queries of one read see one state while others commit") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_snapshot"),
                SQL("contract.create", "CREATE TABLE contract_snapshot (k BIGINT PRIMARY KEY, i BIGINT)"),
                SQL("contract.insert", "INSERT INTO contract_snapshot (k, i) VALUES (1, 0), (2, 0)"),
            ])
            try await withThrowingTaskGroup { group in
                for _ in 0..<3 { group.addTask { try await readSnapshots(of: database) } }
                for amount in 1...100 {
                    try await database.commit([
                        SQL("contract.give", "UPDATE contract_snapshot SET i = i - \(amount) WHERE k = 1"),
                        SQL("contract.take", "UPDATE contract_snapshot SET i = i + \(amount) WHERE k = 2"),
                    ])
                }
                try await group.waitForAll()
            }
        },
    ]

    /// Each batch moves an amount from one row to another: their sum is 0 in every committed state.
    private static func readSnapshots(of database: any SQLDatabase) async throws {
        let slow: SQL.Fragment =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT COUNT(*) FROM n"
        for _ in 0..<30 {
            let answers = try await database.read([
                SQL("contract.first", "SELECT i FROM contract_snapshot WHERE k = \(1)"),
                SQL("contract.slow", slow),
                SQL("contract.second", "SELECT i FROM contract_snapshot WHERE k = \(2)"),
            ])
            let found = try answers.map { rows in try rows.first?.integer(0) ?? 0 }
            try expectEqual(found[0] + found[2], 0, "the sum of a snapshot")
            let rows = try await database.find(
                SQL("contract.both", "SELECT CAST(SUM(i) AS BIGINT) FROM contract_snapshot"))
            try expectEqual(try rows.first?.integer(0), 0, "the sum of one query")
        }
    }
}
