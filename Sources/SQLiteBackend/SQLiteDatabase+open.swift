import CSQLite
package import FleetStore
import NIOCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension SQLiteDatabase {
    /// A commit that leaves this many pages in the log is followed by a checkpoint; SQLite's own choice. More
    /// made the slowest commits slower and none faster.
    package static let checkpointPagesDefault: Int32 = 1000

    /// Opens the file at `path`, made if need be, for serving: this process alone may have it open so.
    ///
    /// - Parameters:
    ///   - readers: threads, and connections, for `read`.
    ///   - vfs: the name of a registered SQLite VFS; nil is the usual one.
    ///   - secureDelete: what is deleted is overwritten, in the file and in its log, before its commit is answered.
    ///   - onFsyncFailure: runs when the disk did not take what it was given. It must end the process: what a
    ///     later fsync covers is unknown.
    /// - Throws: `.unavailable` when another process serves it, when it cannot be opened, or when its commits
    ///   would not be durable; `.corrupt` when it is no database.
    package static func open(
        path: String, readers: Int = 4, vfs: String? = nil, synchronous: Synchronous = .full,
        checkpointPages: Int32 = checkpointPagesDefault, secureDelete: Bool = false,
        onFsyncFailure: @escaping @Sendable () -> Never = endProcess
    ) async throws(StoreError) -> SQLiteDatabase {
        precondition(readers > 0, "a database needs a reader")
        let lock = try ServingLock(for: path)
        func connection() throws(StoreError) -> sending SQLiteConnection {
            try SQLiteConnection(
                path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs: vfs, onFsyncFailure: onFsyncFailure)
        }
        let writer = try connection()
        try writer.configureAsWriter(synchronous)
        if secureDelete { try writer.overwriteWhatIsDeleted() }
        let writing = ConnectionPool([ConnectionPool.Slot(writer)])
        func pool(_ count: Int) throws(StoreError) -> ConnectionPool {
            try ConnectionPool(count: count) { () throws(StoreError) in
                let reader = try connection()
                try reader.configureAsReader()
                return reader
            }
        }
        return SQLiteDatabase(
            writer: writing, readers: try pool(readers), readerThreads: readers, finders: try pool(finderCount),
            lock: lock, checkpointPages: checkpointPages, secureDelete: secureDelete)
    }

    /// Opens the file at `path` for reading beside the process that serves it. `commit` throws.
    ///
    /// - Parameter alone: nobody serves it meanwhile.
    /// - Throws: `.unavailable` when it cannot be opened, or when it is to be alone and another process serves it.
    package static func openReadOnly(
        path: String, readers: Int = 1, alone: Bool = false
    ) async throws(StoreError) -> SQLiteDatabase {
        precondition(readers > 0, "a database needs a reader")
        let pool = try ConnectionPool(count: readers) { () throws(StoreError) in
            let reader = try SQLiteConnection(
                path: path, flags: SQLITE_OPEN_READONLY, vfs: nil, onFsyncFailure: endProcess)
            try reader.configureAsReader()
            return reader
        }
        // After it was opened: for a file that is not there no lock is made.
        return SQLiteDatabase(
            writer: nil, readers: pool, readerThreads: readers, finders: pool,
            lock: alone ? try ServingLock(for: path) : nil,
            checkpointPages: checkpointPagesDefault, secureDelete: false)
    }

    /// A database of its own in memory, gone when it is closed.
    package static func openInMemory() async throws(StoreError) -> SQLiteDatabase {
        let pool = try ConnectionPool(count: 1) { () throws(StoreError) in
            let connection = try SQLiteConnection(
                path: ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs: nil,
                onFsyncFailure: endProcess)
            try connection.configure()
            return connection
        }
        return SQLiteDatabase(
            writer: pool, readers: pool, readerThreads: 1, finders: pool, lock: nil,
            checkpointPages: checkpointPagesDefault, secureDelete: false)
    }

    /// `find` runs on the callers' threads, of which there are as many as cores: nobody waits for a connection.
    private static var finderCount: Int { min(max(System.coreCount, 1), 64) }

    /// Says why on standard error and ends with EX_IOERR. Without exit handlers: they might write.
    @Sendable package static func endProcess() -> Never {
        let line = "fatal: fsync failed: what was written may not be on the disk; restart to recover from the log\n"
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        _exit(EX_IOERR)
    }
}

extension ConnectionPool {
    fileprivate convenience init(
        count: Int, _ open: () throws(StoreError) -> sending SQLiteConnection
    ) throws(StoreError) {
        var slots: [Slot] = []
        for _ in 0..<count { slots.append(Slot(try open())) }
        self.init(slots)
    }
}
