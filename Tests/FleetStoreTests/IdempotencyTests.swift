import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("Records of keyed requests")
struct IdempotencyTests {
    private let day = IdempotencyRecord.lifetime
    private let nothing = Batch(events: [], changes: [])

    private func record(_ key: UInt128, at: Timestamp, replacesExpired: Bool = false) -> IdempotencyRecord {
        IdempotencyRecord(
            key: key, fingerprint: key + 1, position: Int64(key), at: at, replacesExpired: replacesExpired)
    }

    @Test("A record comes back as it was written, the largest hash included")
    func roundTrip() async throws {
        let store = try await Store.inMemory()
        let records = [0, 1, 1 << 64, UInt128.max - 1].map { key in
            IdempotencyRecord(key: key, fingerprint: key + 1, position: 42, at: VirtualClock.start)
        }
        try await store.commit(nothing, idempotency: records)
        for record in records { #expect(try await store.idempotencyRecord(record.key) == record) }
        #expect(try await store.idempotencyRecord(2) == nil)
        await store.database.close()
    }

    @Test("Records that have outlived their day are swept, at most as many at once as asked, and no younger one")
    func sweep() async throws {
        let store = try await Store.inMemory()
        let start = VirtualClock.start
        let old = (1...7).map { record($0, at: start) }
        let young = (8...9).map { record($0, at: start + 1) }
        try await store.commit(nothing, idempotency: old + young)

        try await store.removeExpiredKeys(now: start + day - 1, limit: 100)
        #expect(try await count(store) == 9)
        try await store.removeExpiredKeys(now: start + day, limit: 3)
        #expect(try await count(store) == 6)
        try await store.removeExpiredKeys(now: start + day, limit: 100)
        #expect(try await count(store) == 2)
        for record in young { #expect(try await store.idempotencyRecord(record.key) == record) }
        await store.database.close()
    }

    @Test("A key may be used again when its record has outlived its day, and not a moment before")
    func replacesExpired() async throws {
        let store = try await Store.inMemory()
        let start = VirtualClock.start
        try await store.commit(nothing, idempotency: [record(1, at: start)])

        let early = record(1, at: start + day - 1, replacesExpired: true)
        let refused = await constraint { () throws(StoreError) in
            try await store.commit(nothing, idempotency: [early])
        }
        #expect(refused == "idempotency_keys.key_hash")

        try await store.commit(nothing, idempotency: [record(1, at: start + day, replacesExpired: true)])
        #expect(try await store.idempotencyRecord(1)?.at == start + day)
        #expect(try await count(store) == 1)
        await store.database.close()
    }

    private func count(_ store: Store) async throws -> Int64 {
        try await store.count(SQL("test.count", "SELECT COUNT(*) FROM idempotency_keys"))
    }
}
