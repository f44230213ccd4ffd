import FleetDomain
import FleetStore

extension StoreContract {
    static let batches = [
        Check("a batch whose last statement conflicts leaves nothing") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_last"),
                SQL("contract.create", "CREATE TABLE contract_last (k BIGINT PRIMARY KEY, i BIGINT)"),
                SQL("contract.insert", "INSERT INTO contract_last (k, i) VALUES (1, 10)"),
            ])
            try await expectConflict("a key given twice") { () throws(StoreError) in
                try await database.commit([
                    SQL("contract.insert", "INSERT INTO contract_last (k, i) VALUES (2, 20)"),
                    SQL("contract.update", "UPDATE contract_last SET i = 11 WHERE k = 1"),
                    SQL("contract.insert", "INSERT INTO contract_last (k, i) VALUES (1, 30)"),
                ])
            }
            let rows = try await database.read(SQL("contract.rows", "SELECT k, i FROM contract_last ORDER BY k"))
            try expectEqual(rows, [SQLRow([.integer(1), .integer(10)])], "the rows")
        },
        Check("a guard that fails first leaves nothing of what follows") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_guard"),
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_guarded"),
                SQL("contract.create", "CREATE TABLE contract_guard (batch TEXT PRIMARY KEY)"),
                SQL("contract.create", "CREATE TABLE contract_guarded (k BIGINT PRIMARY KEY)"),
            ])
            let first = [
                SQL("contract.guard", "INSERT INTO contract_guard (batch) VALUES (\("b1"))"),
                SQL("contract.insert", "INSERT INTO contract_guarded (k) VALUES (\(1))"),
            ]
            let again = [first[0], SQL("contract.insert", "INSERT INTO contract_guarded (k) VALUES (\(2))")]
            try await database.commit(first)
            try await expectConflict("the guard") { () throws(StoreError) in try await database.commit(again) }
            let keys = try await database.read(SQL("contract.keys", "SELECT k FROM contract_guarded"))
            try expectEqual(keys, [SQLRow([.integer(1)])], "the guarded rows")
        },
        Check("each kind of constraint is a conflict") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_child"),
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_parent"),
                SQL(
                    "contract.create",
                    """
                    CREATE TABLE contract_parent (k BIGINT PRIMARY KEY, u BIGINT UNIQUE, n BIGINT NOT NULL, \
                    c BIGINT CONSTRAINT contract_positive CHECK (c > 0))
                    """),
                SQL("contract.create", "CREATE TABLE contract_child (k BIGINT REFERENCES contract_parent (k))"),
                SQL("contract.insert", "INSERT INTO contract_parent (k, u, n, c) VALUES (1, 1, 1, 1)"),
            ])
            let refused = [
                SQL("contract.primary", "INSERT INTO contract_parent (k, u, n, c) VALUES (1, 2, 1, 1)"),
                SQL("contract.unique", "INSERT INTO contract_parent (k, u, n, c) VALUES (2, 1, 1, 1)"),
                SQL("contract.not_null", "INSERT INTO contract_parent (k, u, n, c) VALUES (2, 2, NULL, 1)"),
                SQL("contract.check", "INSERT INTO contract_parent (k, u, n, c) VALUES (2, 2, 1, 0)"),
                SQL("contract.foreign", "INSERT INTO contract_child (k) VALUES (7)"),
            ]
            for sql in refused {
                try await expectConflict("\(sql.name)") { () throws(StoreError) in try await database.commit([sql]) }
            }
        },
        Check("a statement that the engine does not understand is a defect, and leaves nothing") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_defect"),
                SQL("contract.create", "CREATE TABLE contract_defect (k BIGINT PRIMARY KEY)"),
            ])
            let error = try await failure(of: "a defect") { () throws(StoreError) in
                try await database.commit([
                    SQL("contract.insert", "INSERT INTO contract_defect (k) VALUES (1)"),
                    SQL("contract.defect", "INSERT INTO contract_defect (no_such_column) VALUES (1)"),
                ])
            }
            guard case .failed = error else { throw ContractViolation("a defect: \(error)") }
            let keys = try await database.read(SQL("contract.keys", "SELECT k FROM contract_defect"))
            try expectEqual(keys, [], "the rows")
        },
        Check("an empty batch is fine") { database in
            try await database.commit([])
            let answers = try await database.read([])
            try expectEqual(answers.count, 0, "answers to no queries")
        },
        Check("batches of several tasks are each committed once") { database in
            try await database.commit([
                SQL("contract.drop", "DROP TABLE IF EXISTS contract_counter"),
                SQL("contract.create", "CREATE TABLE contract_counter (k BIGINT PRIMARY KEY, i BIGINT)"),
                SQL("contract.insert", "INSERT INTO contract_counter (k, i) VALUES (1, 0)"),
            ])
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await database.commit([
                                SQL("contract.update", "UPDATE contract_counter SET i = i + 1 WHERE k = 1")
                            ])
                        }
                    }
                }
                try await group.waitForAll()
            }
            let total = try await count(SQL("contract.count", "SELECT i FROM contract_counter"), in: database)
            try expectEqual(total, 80, "the counter")
        },
    ]
}
