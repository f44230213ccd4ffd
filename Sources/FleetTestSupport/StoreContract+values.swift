import FleetDomain
import FleetStore

extension StoreContract {
    static let values = [
        Check("every kind of value comes back as it was") { database in
            try await makeValues(in: database)
            let id = ID<Check>(raw: 0x0198_0000_0000_7fff_8000_0000_0000_00ff)
            let time = Timestamp(milliseconds: 1_769_850_000_123)
            try await database.commit([
                SQL(
                    "contract.insert",
                    """
                    INSERT INTO contract_values (k, i, r, t, b, u, at, j) VALUES (1, \(42), \(0.1), \("text"), \
                    \(SQLValue.bytes([0, 255, 128, 39])), \(id), \(time), \(SQLValue.json(#"{"a":[1,"é"]}"#)))
                    """)
            ])
            let row = try await values(1, in: database)
            try expectEqual(try row.integer(0), 42, "integer")
            try expectEqual(try row.real(1), 0.1, "real")
            try expectEqual(try row.text(2), "text", "text")
            try expectEqual(try row.bytes(3), [0, 255, 128, 39], "bytes")
            try expectEqual(try row.id(4), id, "id")
            try expectEqual(try row.timestamp(5), time, "timestamp")
            try expectEqual(try row.text(6), #"{"a":[1,"é"]}"#, "json")
        },
        Check("null is null in every column, and no value of any kind") { database in
            try await makeNulls(in: database)
            try await database.commit([SQL("contract.insert", "INSERT INTO contract_nulls (k) VALUES (1)")])
            let query = SQL("contract.nulls", "SELECT i, r, t, b, u, at FROM contract_nulls WHERE k = \(1)")
            guard let row = try await database.find(query).first else { throw ContractViolation("the row is missing") }
            for index in 0..<6 { try expect(row.isNull(index), "column \(index) is not null") }
            let error = try await failure(of: "reading null") { () throws(StoreError) in _ = try row.integer(0) }
            guard case .corrupt = error else { throw ContractViolation("reading null: \(error)") }
        },
        Check("integers come back at their extremes") { database in
            try await makeNumbers(in: database)
            let extremes: [Int64] = [.min, -1, 0, 1, 1 << 53 + 1, .max]
            try await database.commit(
                extremes.enumerated().map { index, value in
                    SQL("contract.insert", "INSERT INTO contract_numbers (k, i) VALUES (\(index), \(value))")
                })
            let rows = try await database.read(
                SQL("contract.numbers", "SELECT i FROM contract_numbers ORDER BY k"))
            try expectEqual(try rows.map { try $0.integer(0) }, extremes, "integers")
        },
        Check("reals come back bit by bit") { database in
            try await makeReals(in: database)
            let reals = [0.1, -1.5e-300, .greatestFiniteMagnitude, .leastNormalMagnitude, 1.0 / 3]
            try await database.commit(
                reals.enumerated().map { index, value in
                    SQL("contract.insert", "INSERT INTO contract_reals (k, r) VALUES (\(index), \(value))")
                })
            let rows = try await database.read(SQL("contract.reals", "SELECT r FROM contract_reals ORDER BY k"))
            try expectEqual(try rows.map { try $0.real(0).bitPattern }, reals.map(\.bitPattern), "reals")
        },
        Check("text comes back byte by byte, and is compared so") { database in
            try await makeTexts(in: database)
            // The second and third are one character to Swift and two texts to a database.
            let texts = ["", "\u{e9}", "e\u{301}", "日本 🚁 \u{10ffff}", "'; DROP TABLE x; --\n\t\"\\", long]
            try await database.commit(
                texts.enumerated().map { index, value in
                    SQL("contract.insert", "INSERT INTO contract_texts (k, t) VALUES (\(index), \(value))")
                })
            let rows = try await database.read(SQL("contract.texts", "SELECT t FROM contract_texts ORDER BY k"))
            try expectEqual(try rows.map { Array(try $0.text(0).utf8) }, texts.map { Array($0.utf8) }, "texts")
            for (index, text) in texts.enumerated() {
                let found = try await count(
                    SQL("contract.find_text", "SELECT k FROM contract_texts WHERE t = \(text)"), in: database)
                try expectEqual(found, Int64(index), "the row of text \(index)")
            }
        },
        Check("bytes come back, none and many") { database in
            try await makeBytes(in: database)
            let blobs: [[UInt8]] = [[], [0], Array(0...255), Array(repeating: 7, count: 100_000)]
            try await database.commit(
                blobs.enumerated().map { index, value in
                    SQL(
                        "contract.insert",
                        "INSERT INTO contract_bytes (k, b) VALUES (\(index), \(SQLValue.bytes(value)))")
                })
            let rows = try await database.read(SQL("contract.bytes", "SELECT b FROM contract_bytes ORDER BY k"))
            try expectEqual(try rows.map { try $0.bytes(0) }, blobs, "bytes")
        },
        Check("ids are ordered as they are in Swift") { database in
            try await makeIDs(in: database)
            let ids = [0, 1, UInt128(1) << 64, UInt128(1) << 127, .max].map { ID<Check>(raw: $0) }
            try await database.commit(
                ids.reversed().map { SQL("contract.insert", "INSERT INTO contract_ids (u) VALUES (\($0))") })
            let rows = try await database.read(SQL("contract.ids", "SELECT u FROM contract_ids ORDER BY u"))
            try expectEqual(try rows.map { try $0.id(0) }, ids, "ids")
            let found = try await database.find(
                SQL("contract.find_id", "SELECT u FROM contract_ids WHERE u = \(ids[3])"))
            try expectEqual(try found.first?.id(0), ids[3], "the id found by itself")
        },
        Check("a list finds its members, an empty list nothing") { database in
            try await makeLists(in: database)
            try await database.commit(
                (1...5).map { SQL("contract.insert", "INSERT INTO contract_lists (k) VALUES (\($0))") })
            for wanted in [[], [3], [2, 4, 9], Array(1...5)] {
                let rows = try await database.read(
                    SQL(
                        "contract.list",
                        "SELECT k FROM contract_lists WHERE k IN \(list: wanted.map { $0 as any SQLEncodable }) ORDER BY k"
                    ))
                try expectEqual(
                    try rows.map { try $0.integer(0) }, wanted.filter { $0 <= 5 }.map(Int64.init), "members")
            }
        },
    ]

    private static let long = String(repeating: "0123456789abcdef", count: 5000)

    private static func values(_ key: Int, in database: any SQLDatabase) async throws -> SQLRow {
        let query = SQL("contract.values", "SELECT i, r, t, b, u, at, j FROM contract_values WHERE k = \(key)")
        guard let row = try await database.find(query).first else { throw ContractViolation("row \(key) is missing") }
        return row
    }
}

// MARK: Tables

extension StoreContract {
    private static func makeValues(in database: any SQLDatabase) async throws {
        let types = ColumnTypes(database.dialect)
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_values"),
            SQL(
                "contract.create",
                """
                CREATE TABLE contract_values (k BIGINT PRIMARY KEY, i BIGINT, r \(types.real), t TEXT, \
                b \(types.bytes), u \(types.id), at \(types.timestamp), j \(types.json))
                """),
        ])
    }

    private static func makeNulls(in database: any SQLDatabase) async throws {
        let types = ColumnTypes(database.dialect)
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_nulls"),
            SQL(
                "contract.create",
                """
                CREATE TABLE contract_nulls (k BIGINT PRIMARY KEY, i BIGINT, r \(types.real), t TEXT, \
                b \(types.bytes), u \(types.id), at \(types.timestamp))
                """),
        ])
    }

    private static func makeNumbers(in database: any SQLDatabase) async throws {
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_numbers"),
            SQL("contract.create", "CREATE TABLE contract_numbers (k BIGINT PRIMARY KEY, i BIGINT)"),
        ])
    }

    private static func makeReals(in database: any SQLDatabase) async throws {
        let types = ColumnTypes(database.dialect)
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_reals"),
            SQL("contract.create", "CREATE TABLE contract_reals (k BIGINT PRIMARY KEY, r \(types.real))"),
        ])
    }

    private static func makeTexts(in database: any SQLDatabase) async throws {
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_texts"),
            SQL(
                "contract.create",
                "CREATE TABLE contract_texts (k BIGINT PRIMARY KEY, t \(ColumnTypes(database.dialect).text))"),
        ])
    }

    private static func makeBytes(in database: any SQLDatabase) async throws {
        let types = ColumnTypes(database.dialect)
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_bytes"),
            SQL("contract.create", "CREATE TABLE contract_bytes (k BIGINT PRIMARY KEY, b \(types.bytes))"),
        ])
    }

    private static func makeIDs(in database: any SQLDatabase) async throws {
        let types = ColumnTypes(database.dialect)
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_ids"),
            SQL("contract.create", "CREATE TABLE contract_ids (u \(types.id) PRIMARY KEY)"),
        ])
    }

    private static func makeLists(in database: any SQLDatabase) async throws {
        try await database.commit([
            SQL("contract.drop", "DROP TABLE IF EXISTS contract_lists"),
            SQL("contract.create", "CREATE TABLE contract_lists (k BIGINT PRIMARY KEY)"),
        ])
    }
}
