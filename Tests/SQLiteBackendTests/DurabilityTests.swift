import CPowerLossVFS
import FleetDomain
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("Durability")
struct DurabilityTests {
    @Test("the write connection is set to WAL and FULL, and says so")
    func settings() async throws {
        let directory = try ScratchDirectory()
        let database = try await SQLiteDatabase.open(path: directory.database)
        let settings = try await database.settings()
        await database.close()
        #expect(settings.journalMode == "wal")
        #expect(settings.synchronous == 2)
        #expect(settings.foreignKeys)
        #expect(!settings.secureDelete)
        #expect(!settings.trustedSchema)
        #expect(settings.pageCacheKiB == 131_072)
        #expect(settings.journalSizeLimit == 67_108_864)
    }

    @Test("they hold also for a file that was already in WAL mode")
    func settingsOfSecondOpen() async throws {
        let directory = try ScratchDirectory()
        for _ in 0..<2 {
            let database = try await SQLiteDatabase.open(path: directory.database)
            let settings = try await database.settings()
            try await database.commit([SQL("test.create", "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY)")])
            await database.close()
            #expect(settings.synchronous == 2)
            #expect(settings.journalMode == "wal")
        }
    }

    @Test("closing copies the log into the file")
    func close() async throws {
        let directory = try ScratchDirectory()
        let database = try await SQLiteDatabase.open(path: directory.database)
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY)")])
        #expect(try size(of: directory.database + "-wal") > 0)
        await database.close()
        #expect(try size(of: directory.database + "-wal") == 0)
    }

    @Test("a full log is copied into the file while it is served")
    func checkpoint() async throws {
        let directory = try ScratchDirectory()
        let database = try await SQLiteDatabase.open(path: directory.database, checkpointPages: 10)
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB)")])
        for key in 0..<100 {
            let bytes = SQLValue.bytes(Array(repeating: 1, count: 8192))
            try await database.commit([SQL("test.insert", "INSERT INTO t (k, b) VALUES (\(key), \(bytes))")])
        }
        #expect(try size(of: directory.database + "-wal") < 200_000)
        #expect(try size(of: directory.database) > 600_000)
        await database.close()
    }

    @Test("an fsync error during a commit ends the process")
    func fsyncFailureOfCommit() async throws {
        let directory = try ScratchDirectory()
        let result = await #expect(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) {
            [path = directory.database as String] in
            #expect(powerloss_register() == 0)
            powerloss_arm(0, 0)
            let database = try await SQLiteDatabase.open(path: path, vfs: POWERLOSS_VFS_NAME)
            powerloss_fail_sync()
            try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY)")])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("fsync failed"))
    }

    @Test("an fsync error during a checkpoint, which SQLite would hide, ends the process")
    func fsyncFailureOfCheckpoint() async throws {
        let directory = try ScratchDirectory()
        await #expect(processExitsWith: .exitCode(74)) { [path = directory.database as String] in
            #expect(powerloss_register() == 0)
            powerloss_arm(0, 0)
            let database = try await SQLiteDatabase.open(
                path: path, vfs: POWERLOSS_VFS_NAME, synchronous: .normal, checkpointPages: 3)
            try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB)")])
            powerloss_fail_sync()
            let bytes = SQLValue.bytes(Array(repeating: 1, count: 40960))
            // Under NORMAL this commit syncs nothing; the checkpoint after it does.
            try await database.commit([SQL("test.insert", "INSERT INTO t (k, b) VALUES (1, \(bytes))")])
            await database.close()
        }
    }

    @Test("where deletion is secure, what was deleted is in no file once that is answered", arguments: [true, false])
    func secureDelete(isSecure: Bool) async throws {
        let directory = try Scratch()
        let database = try await SQLiteDatabase.open(path: directory.path + "/keys.db", secureDelete: isSecure)
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY, b BLOB)")])
        let secret = Array("a secret of some length".utf8)
        try await database.commit([SQL("test.insert", "INSERT INTO t (k, b) VALUES (1, \(SQLValue.bytes(secret)))")])
        #expect(try !directory.files(holding: "a secret").isEmpty)
        try await database.commit([SQL("test.delete", "DELETE FROM t")])
        #expect(try directory.files(holding: "a secret").isEmpty == isSecure)
        await database.close()
    }
}
