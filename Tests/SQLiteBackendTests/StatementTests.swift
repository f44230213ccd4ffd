import FleetDomain
import FleetStore
import SQLiteBackend
import Testing

@Suite("Statements on SQLite")
struct StatementTests {
    @Test("a constraint is named by table and column")
    func constraintNames() async throws {
        try await withDatabase("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE, c INTEGER NOT NULL)") {
            database in
            try await database.commit([SQL("test.insert", "INSERT INTO t (a, b, c) VALUES (1, 'x', 1)")])
            let refusals: [(SQL, String)] = [
                (SQL("test.primary", "INSERT INTO t (a, b, c) VALUES (1, 'y', 1)"), "t.a"),
                (SQL("test.unique", "INSERT INTO t (a, b, c) VALUES (2, 'x', 1)"), "t.b"),
                (SQL("test.not_null", "INSERT INTO t (a, b, c) VALUES (2, 'y', NULL)"), "t.c"),
            ]
            for (sql, name) in refusals {
                await #expect(throws: StoreError.conflict(constraint: name)) { try await database.commit([sql]) }
            }
        }
    }

    @Test("a trigger's message is the conflict, and undoes the whole batch")
    func trigger() async throws {
        try await withDatabase(
            "CREATE TABLE t (a INTEGER PRIMARY KEY)",
            "CREATE TRIGGER guard BEFORE INSERT ON t WHEN NEW.a < 0 BEGIN SELECT RAISE(ABORT, 'failed: stale epoch'); END"
        ) { database in
            await #expect(throws: StoreError.conflict(constraint: "failed: stale epoch")) {
                try await database.commit([
                    SQL("test.insert", "INSERT INTO t (a) VALUES (1)"),
                    SQL("test.insert", "INSERT INTO t (a) VALUES (-1)"),
                ])
            }
            let rows = try await database.read(SQL("test.all", "SELECT a FROM t"))
            #expect(rows == [])
        }
    }

    @Test("NULL and values of another kind are errors, never a crash")
    func wrongKinds() async throws {
        try await withDatabase("CREATE TABLE t (v)") { database in
            try await database.commit([
                SQL("test.insert", "INSERT INTO t (v) VALUES (NULL), (1), (1.5), ('x'), (x'00ff'), ('')")
            ])
            for row in try await database.read(SQL("test.all", "SELECT v FROM t")) {
                for read in readers where !matches(row, read.kind) {
                    #expect("\(read.kind) of \(row)") {
                        try read.body(row)
                    } throws: { error in
                        if case StoreError.corrupt = error { true } else { false }
                    }
                }
            }
        }
    }

    @Test("text that is not UTF-8 is corrupt")
    func invalidText() async throws {
        try await withDatabase("CREATE TABLE t (v)") { database in
            try await database.commit([SQL("test.insert", "INSERT INTO t (v) VALUES (CAST(x'61ff62' AS TEXT))")])
            await #expect(throws: StoreError.corrupt("test.all: column 0 is not UTF-8")) {
                try await database.read(SQL("test.all", "SELECT v FROM t"))
            }
            await #expect(throws: StoreError.corrupt("test.all: column 0 is not UTF-8")) {
                try await database.find(SQL("test.all", "SELECT v FROM t"))
            }
        }
    }

    @Test("text keeps a NUL within it")
    func embeddedNUL() async throws {
        try await withDatabase("CREATE TABLE t (v)") { database in
            try await database.commit([SQL("test.insert", "INSERT INTO t (v) VALUES (\("a\0b"))")])
            #expect(try await database.find(SQL("test.all", "SELECT v FROM t")).first?.text(0) == "a\0b")
        }
    }

    @Test("a statement that would lose a part of itself is refused")
    func malformed() async throws {
        try await withDatabase("CREATE TABLE t (v)") { database in
            await #expect(throws: StoreError.failed("test.two has text after its first statement")) {
                try await database.commit([
                    SQL("test.two", "INSERT INTO t (v) VALUES (1); INSERT INTO t (v) VALUES (2)")
                ])
            }
            await #expect(throws: StoreError.failed("test.none is empty")) {
                try await database.commit([SQL("test.none", "")])
            }
            await #expect(throws: StoreError.failed("test.unbound has 1 parameters, not 0")) {
                try await database.commit([SQL("test.unbound", "INSERT INTO t (v) VALUES (?)")])
            }
            let rows = try await database.read(SQL("test.all", "SELECT v FROM t"))
            #expect(rows == [])
        }
    }

    @Test("a query sees columns that were added after it was prepared")
    func schemaChange() async throws {
        try await withDatabase("CREATE TABLE t (a INTEGER)") { database in
            let query = SQL("test.all", "SELECT * FROM t")
            try await database.commit([SQL("test.insert", "INSERT INTO t (a) VALUES (1)")])
            #expect(try await database.find(query) == [SQLRow([.integer(1)])])
            try await database.commit([SQL("test.alter", "ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 2")])
            #expect(try await database.find(query) == [SQLRow([.integer(1), .integer(2)])])
        }
    }

    @Test("more statements than the cache holds, and large values between small ones")
    func cacheAndBuffer() async throws {
        try await withDatabase("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)") { database in
            let sizes = [10, 3_000_000, 0, 5000, 1_500_000, 1]
            for (key, size) in sizes.enumerated() {
                let text = String(repeating: "é", count: size)
                try await database.commit([SQL("test.insert", "INSERT INTO t (k, v) VALUES (\(key), \(text))")])
                let rows = try await database.find(SQL("test.find", "SELECT v FROM t WHERE k = \(key)"))
                #expect(try rows.first?.text(0) == text)
            }
            for round in 0..<2 {
                for count in 1...400 {
                    let list = Array(0..<count).map { $0 as any SQLEncodable }
                    let rows = try await database.read(
                        SQL("test.list", "SELECT COUNT(*) FROM t WHERE k IN \(list: list)"))
                    #expect(try rows[0].integer(0) == Int64(min(count, sizes.count)), "round \(round)")
                }
            }
        }
    }

    @Test("a long read keeps its snapshot while batches are committed, and holds up none")
    func snapshotDuringCommits() async throws {
        let directory = try ScratchDirectory()
        let database = try await SQLiteDatabase.open(path: directory.database)
        let count = SQL("test.count", "SELECT COUNT(*) FROM t")
        let slow = SQL(
            "test.slow",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT COUNT(*) FROM n")
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY)")])
        var commitsDuringReads: Int64 = 0
        for _ in 0..<100 where commitsDuringReads == 0 {
            let before = try await database.find(count).first?.integer(0) ?? 0
            async let answers = database.read([count, slow, count])
            for _ in 0..<20 { try await database.commit([SQL("test.insert", "INSERT INTO t DEFAULT VALUES")]) }
            let seen = try await answers.map { try $0[0].integer(0) }
            #expect(seen[0] == seen[2])
            commitsDuringReads = before + 20 - seen[2]
        }
        #expect(commitsDuringReads > 0, "no commit fell into a read")
        await database.close()
    }

    private let readers: [(kind: String, body: @Sendable (SQLRow) throws -> Void)] = [
        ("integer", { _ = try $0.integer(0) }),
        ("real", { _ = try $0.real(0) }),
        ("text", { _ = try $0.text(0) }),
        ("bytes", { _ = try $0.bytes(0) }),
        ("id", { _ = try $0.id(0) as ID<Self> }),
        ("timestamp", { _ = try $0.timestamp(0) }),
    ]

    private func matches(_ row: SQLRow, _ kind: String) -> Bool {
        switch row.values[0] {
        case .integer: kind == "integer" || kind == "real" || kind == "timestamp"
        case .real: kind == "real"
        case .text: kind == "text"
        case .bytes: kind == "bytes"
        default: false
        }
    }

    private func withDatabase(
        _ schema: SQL.Fragment..., body: (SQLiteDatabase) async throws -> Void
    ) async throws {
        let database = try await SQLiteDatabase.openInMemory()
        try await database.commit(schema.map { SQL("test.schema", $0) })
        do {
            try await body(database)
        } catch {
            Issue.record(error)
        }
        await database.close()
    }
}
