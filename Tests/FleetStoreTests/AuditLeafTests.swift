import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("A leaf of the audit log's tree")
struct AuditLeafTests {
    /// As docs/audit.md gives it to those who compute it themselves.
    private static let documented = SQL(
        "test.leaf",
        """
        SELECT json_array(lower(hex(event_id)), type, actor, acting_fleet_id, request_id, at, audience, data, is_privileged) \
        FROM events ORDER BY position
        """)

    @Test("is what SQLite's own json_array makes of the row")
    func documented() async throws {
        for seed in Generator.seeds(3) {
            var history = try await CommittedHistory(seed: seed, in: try await SQLiteDatabase.openInMemory())
            try await history.commitBatches(10)
            let leaves = try await history.store.auditLeaves(after: 0, limit: 100_000)
            let rows = try await history.store.database.read(Self.documented)
            #expect(leaves.map { String(decoding: $0.bytes, as: UTF8.self) } == (try rows.map { try $0.text(0) }))
            #expect(leaves.map(\.position) == leaves.indices.map { Int64($0) + 1 })
            #expect(leaves.map(\.id) == (try await history.store.events(after: 0, limit: 100_000).map(\.id)))
            await history.store.database.close()
        }
    }

    @Test("shows every byte of the row", arguments: ["\u{1}\u{8}\u{c}\n\r\t\"\\/'", "\u{7f}é😀\u{2028}", ""])
    func bytes(text: String) async throws {
        let store = try await Store.inMemory()
        let statement = SQL(
            "test.insert",
            """
            INSERT INTO events (position, event_id, type, actor, request_id, at, audience, data) \
            VALUES (1, x'0a', 't', \(text), 'r', -5, '{}', 'd')
            """)
        try await store.database.commit([statement])
        let leaf = try await store.auditLeaves(after: 0, limit: 1)[0]
        let row = try await store.database.read(Self.documented)[0]
        #expect(String(decoding: leaf.bytes, as: UTF8.self) == (try row.text(0)))
        await store.database.close()
    }

    @Test("differs where a text has bytes that are no UTF-8")
    func invalid() async throws {
        let store = try await Store.inMemory()
        var seen: Set<[UInt8]> = []
        for (position, actor) in (["x'ff'", "x'fe'", "x'efbfbd'"] as [SQL.Fragment]).enumerated() {
            try await store.database.commit([
                SQL(
                    "test.insert",
                    """
                    INSERT INTO events (position, event_id, type, actor, request_id, at, audience, data) \
                    VALUES (\(position + 1), x'0a', 't', CAST(\(actor) AS TEXT), 'r', 0, '{}', 'd')
                    """)
            ])
        }
        for leaf in try await store.auditLeaves(after: 0, limit: 3) { seen.insert(leaf.bytes) }
        #expect(seen.count == 3)
        await store.database.close()
    }
}
