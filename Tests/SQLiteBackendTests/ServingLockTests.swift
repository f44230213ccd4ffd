import FleetDomain
import FleetStore
import Foundation
import SQLiteBackend
import Testing

/// One after the other: a child that one test starts has, for an instant, the locks of the others.
@Suite("One process serves a file", .serialized)
struct ServingLockTests {
    @Test("a second open is refused until the first is closed")
    func secondOpen() async throws {
        let directory = try ScratchDirectory()
        let first = try await SQLiteDatabase.open(path: directory.database)
        await #expect(throws: StoreError.unavailable("\(directory.database) is in use by another process")) {
            try await SQLiteDatabase.open(path: directory.database)
        }
        await first.close()
        let second = try await SQLiteDatabase.open(path: directory.database)
        await second.close()
    }

    @Test("another name of the same file is the same file")
    func symbolicLink() async throws {
        let directory = try ScratchDirectory()
        let first = try await SQLiteDatabase.open(path: directory.database)
        let link = directory.path + "/link.db"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: directory.database)
        await #expect(throws: StoreError.unavailable("\(link) is in use by another process")) {
            try await SQLiteDatabase.open(path: link)
        }
        await first.close()
    }

    @Test("an open that fails gives the lock back")
    func failedOpen() async throws {
        let directory = try ScratchDirectory()
        try Data(repeating: 65, count: 4096).write(to: URL(fileURLWithPath: directory.database))
        for _ in 0..<2 {
            await #expect {
                try await SQLiteDatabase.open(path: directory.database)
            } throws: { error in
                if case StoreError.corrupt = error { true } else { false }
            }
        }
    }

    @Test("the kernel releases the lock of a process that was killed")
    func killedHolder() async throws {
        let directory = try ScratchDirectory()
        let holder = Process()
        let output = Pipe()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        holder.arguments = [
            "-c",
            """
            import fcntl, sys, time
            f = open(sys.argv[1], "a")
            fcntl.flock(f, fcntl.LOCK_EX)
            print("locked", flush=True)
            time.sleep(600)
            """, directory.database + ".lock",
        ]
        holder.standardOutput = output
        try holder.run()
        defer { kill(holder.processIdentifier, SIGKILL) }
        #expect(!output.fileHandleForReading.availableData.isEmpty)
        await #expect(throws: StoreError.unavailable("\(directory.database) is in use by another process")) {
            try await SQLiteDatabase.open(path: directory.database)
        }
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        let database = try await SQLiteDatabase.open(path: directory.database)
        await database.close()
    }

    @Test("another program reads beside the one that serves, and cannot write")
    func readOnly() async throws {
        let directory = try ScratchDirectory()
        let database = try await SQLiteDatabase.open(path: directory.database)
        let insert = SQL("test.insert", "INSERT INTO t (k) VALUES (1)")
        let query = SQL("test.count", "SELECT COUNT(*) FROM t")
        try await database.commit([SQL("test.create", "CREATE TABLE t (k INTEGER PRIMARY KEY)")])
        let tool = try await SQLiteDatabase.openReadOnly(path: directory.database)
        #expect(try await tool.find(query).first?.integer(0) == 0)
        try await database.commit([insert])
        #expect(try await tool.read(query) == [SQLRow([.integer(1)])])
        await #expect(throws: StoreError.failed("the database is open for reading only")) {
            try await tool.commit([insert])
        }
        await #expect(throws: StoreError.failed("test.insert writes, and is not a query")) {
            try await tool.read(insert)
        }
        await database.close()
        #expect(try await tool.find(query).first?.integer(0) == 1)
        await tool.close()
    }

    @Test("a file that is not there is not made by reading it")
    func readOnlyMissing() async throws {
        let directory = try ScratchDirectory()
        await #expect {
            try await SQLiteDatabase.openReadOnly(path: directory.database)
        } throws: { error in
            if case StoreError.unavailable = error { true } else { false }
        }
        #expect(!FileManager.default.fileExists(atPath: directory.database))
    }
}
