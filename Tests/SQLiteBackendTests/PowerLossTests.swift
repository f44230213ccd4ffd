import CPowerLossVFS
import FleetDomain
import FleetStore
import FleetTestSupport
import Foundation
import SQLiteBackend
import Testing

/// Serialized: the VFS that loses power keeps its state for the process.
@Suite("Power loss", .serialized)
struct PowerLossTests {
    private static let points = Effort.isThorough ? 200 : 30

    @Test("keeps every acknowledged batch whole, at any operation, under FULL")
    func full() async throws {
        let outcome = try await losePower(.full)
        #expect(outcome.lostAcknowledged == 0)
        #expect(outcome.lossesWhileCommitting > Self.points / 2)
    }

    @Test("loses acknowledged batches under NORMAL, which shows that the test above can fail")
    func normal() async throws {
        let outcome = try await losePower(.normal)
        #expect(outcome.lostAcknowledged > 0)
    }

    private struct Outcome {
        /// Points at which a batch that was acknowledged is gone.
        var lostAcknowledged = 0
        /// Points at which the loss came after some batch and before the last one.
        var lossesWhileCommitting = 0
    }

    private func losePower(_ synchronous: Synchronous) async throws -> Outcome {
        let seed =
            ProcessInfo.processInfo.environment["POWER_LOSS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...999_999)
        print("power loss under \(synchronous): POWER_LOSS_SEED=\(seed)")
        #expect(powerloss_register() == 0)
        var random = SeededGenerator(state: seed)
        let operations = try await countOperations(synchronous)
        var outcome = Outcome()
        for point in 0..<Self.points {
            let directory = try ScratchDirectory()
            let loss = UInt64.random(in: 1...operations, using: &random)
            powerloss_arm(loss, random.next())
            let acknowledged = try await commitBatches(directory.database, synchronous)
            #expect(powerloss_is_lost() == 1)
            #expect(powerloss_revert() == 0)
            try? FileManager.default.removeItem(atPath: directory.database + "-shm")
            let found = try await recover(directory.database, "point \(point), operation \(loss), seed \(seed)")
            if found < acknowledged { outcome.lostAcknowledged += 1 }
            if (1..<Batch.count).contains(acknowledged) { outcome.lossesWhileCommitting += 1 }
        }
        print("\(outcome) in \(Self.points) points of \(operations) operations")
        return outcome
    }

    /// A run without loss: as many operations can be the last.
    private func countOperations(_ synchronous: Synchronous) async throws -> UInt64 {
        let directory = try ScratchDirectory()
        powerloss_arm(0, 0)
        #expect(try await commitBatches(directory.database, synchronous) == Batch.count)
        return powerloss_operations()
    }

    /// Commits batches until all are done or one fails, and answers how many were acknowledged.
    private func commitBatches(_ path: String, _ synchronous: Synchronous) async throws -> Int {
        let database: SQLiteDatabase
        do throws(StoreError) {
            // A small log, so that it is copied and begun anew several times.
            database = try await SQLiteDatabase.open(
                path: path, readers: 1, vfs: POWERLOSS_VFS_NAME, synchronous: synchronous, checkpointPages: 40,
                onFsyncFailure: { fatalError("simulated power loss is not an fsync error") })
        } catch {
            return 0
        }
        var acknowledged = 0
        do throws(StoreError) {
            try await database.commit(Batch.schema)
            for number in 1...Batch.count {
                try await database.commit(Batch(number: number).statements)
                acknowledged = number
            }
        } catch {
            #expect(powerloss_is_lost() == 1, "\(error)")
        }
        await database.close()
        return acknowledged
    }

    /// Opens what is left with the usual VFS and answers how many batches are there, all of them whole.
    private func recover(_ path: String, _ point: Comment) async throws -> Int {
        let database = try await SQLiteDatabase.open(path: path, readers: 1)
        let check = try await database.read(SQL("test.check", "PRAGMA integrity_check"))
        #expect(check == [SQLRow([.text("ok")])], point)
        try await database.commit(Batch.schema)
        let rows = try await database.read(SQL("test.rows", "SELECT batch, part, body FROM parts ORDER BY batch, part"))
        let totals = try await database.read(SQL("test.totals", "SELECT batch FROM last"))
        await database.close()
        let found = try rows.map {
            Batch.Part(number: try $0.integer(0), part: try $0.integer(1), body: try $0.bytes(2))
        }
        let count = Int(found.last?.number ?? 0)
        let wanted = count == 0 ? [] : (1...count).flatMap { Batch(number: $0).parts }
        #expect(found == wanted, point)
        #expect(try totals.map { try $0.integer(0) } == (count == 0 ? [] : [Int64(count)]), point)
        return count
    }
}

/// The batches that are committed, each known from its number.
private struct Batch {
    static let count = 60
    static let schema = [
        SQL(
            "test.create",
            """
            CREATE TABLE IF NOT EXISTS parts (batch INTEGER, part INTEGER, body BLOB, PRIMARY KEY (batch, part))
            """),
        SQL("test.create", "CREATE TABLE IF NOT EXISTS last (k INTEGER PRIMARY KEY, batch INTEGER)"),
    ]

    struct Part: Equatable {
        let number: Int64
        let part: Int64
        let body: [UInt8]
    }

    let number: Int

    var parts: [Part] {
        (0...number % 5).map { part in
            let size = (number * 7919 + part * 104_729) % 9000
            return Part(number: Int64(number), part: Int64(part), body: Array(repeating: UInt8(number), count: size))
        }
    }

    /// New rows, and one row that every batch rewrites.
    var statements: [SQL] {
        parts.map {
            SQL(
                "test.insert",
                "INSERT INTO parts (batch, part, body) VALUES (\($0.number), \($0.part), \(SQLValue.bytes($0.body)))")
        } + [
            SQL(
                "test.last",
                "INSERT INTO last (k, batch) VALUES (1, \(number)) ON CONFLICT (k) DO UPDATE SET batch = \(number)")
        ]
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
