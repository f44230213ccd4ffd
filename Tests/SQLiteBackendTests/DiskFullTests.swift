import FleetDomain
import FleetStore
import Foundation
import SQLiteBackend
import Testing

@Suite("A full disk")
struct DiskFullTests {
    @Test("refuses the batch, leaves reading alone, and heals")
    func fullDisk() async throws {
        let directory = try ScratchDirectory()
        guard try run("/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory.path) == 0 else {
            print("SKIPPED: the full-disk test may not mount a tmpfs here; run it as root")
            try #require(ProcessInfo.processInfo.environment["CI"] == nil, "what a merge requires is never skipped")
            return
        }
        defer { _ = try? run("/bin/umount", directory.path) }
        let ballast = directory.path + "/ballast"
        try Data(count: 300_000).write(to: URL(fileURLWithPath: ballast))
        let database = try await SQLiteDatabase.open(path: directory.database, readers: 1)
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB)")])

        let committed = try await fill(database)
        #expect(committed > 0)
        for _ in 0..<3 {
            await #expect(throws: StoreError.full) { try await database.commit(batch(committed)) }
            #expect(try await rows(of: database) == committed * 2)
        }
        try FileManager.default.removeItem(atPath: ballast)
        try await database.commit(batch(committed))
        #expect(try await rows(of: database) == committed * 2 + 2)
        let check = try await database.read(SQL("test.check", "PRAGMA integrity_check"))
        #expect(check == [SQLRow([.text("ok")])])
        await database.close()
    }

    /// Commits until the disk is full and answers how many batches that were.
    private func fill(_ database: SQLiteDatabase) async throws -> Int {
        for number in 0..<10_000 {
            do throws(StoreError) {
                try await database.commit(batch(number))
            } catch .full {
                return number
            }
        }
        throw StoreError.failed("the disk did not fill up")
    }

    private func batch(_ number: Int) -> [SQL] {
        let bytes = SQLValue.bytes(Array(repeating: 1, count: 6000))
        return [0, 1].map {
            SQL("test.insert", "INSERT INTO t (k, b) VALUES (\(number * 2 + $0), \(bytes))")
        }
    }

    private func rows(of database: SQLiteDatabase) async throws -> Int {
        Int(try await database.find(SQL("test.count", "SELECT COUNT(*) FROM t")).first?.integer(0) ?? -1)
    }
}
