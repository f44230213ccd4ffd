import CSQLite
import FleetStore

/// One connection: statements run on it one after another, never from two threads at once.
///
/// It is not `Sendable`; a `Mutex` lends it out. The engine's own mutex is off for that reason.
final class SQLiteConnection {
    private let handle: OpaquePointer
    private let onFsyncFailure: @Sendable () -> Never
    private var statements = StatementCache()
    private var binds = BindBuffer()
    /// Pages in the write-ahead log after the last commit, written by the engine's hook.
    private let logPages = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// Opens `path` with SQLite's `flags`.
    /// - Throws: `.unavailable` when it cannot be opened, `.corrupt` when it is no database.
    init(
        path: String, flags: Int32, vfs: String?, onFsyncFailure: @escaping @Sendable () -> Never
    ) throws(StoreError) {
        self.onFsyncFailure = onFsyncFailure
        logPages.initialize(to: 0)
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, vfs)
        guard code == SQLITE_OK, let opened else {
            let message = String(cString: sqlite3_errmsg(opened))
            sqlite3_close(opened)
            logPages.deallocate()
            throw .unavailable("\(path) cannot be opened: \(message)")
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
    }

    deinit {
        statements.removeAll()
        sqlite3_close(handle)
        logPages.deallocate()
    }
}

// MARK: Transactions

extension SQLiteConnection {
    private static let beginWrite = SQL("sqlite.begin_write", "BEGIN IMMEDIATE")
    private static let beginRead = SQL("sqlite.begin_read", "BEGIN")
    private static let commit = SQL("sqlite.commit", "COMMIT")
    private static let rollback = SQL("sqlite.rollback", "ROLLBACK")

    /// Runs all of `batch` in one transaction, or nothing of it.
    func commit(_ batch: [SQL]) throws(StoreError) {
        guard !batch.isEmpty else { return }
        try transaction(Self.beginWrite) { () throws(StoreError) in
            for sql in batch { try execute(sql) }
        }
    }

    /// Runs `queries` on one snapshot; a single one is its own.
    func read(_ queries: [SQL]) throws(StoreError) -> [[SQLRow]] {
        guard queries.count > 1 else { return try queries.map { (query) throws(StoreError) in try rows(query) } }
        return try transaction(Self.beginRead) { () throws(StoreError) in
            try queries.map { (query) throws(StoreError) in try rows(query) }
        }
    }

    private func transaction<Answer>(
        _ begin: SQL, _ body: () throws(StoreError) -> Answer
    ) throws(StoreError) -> Answer {
        try execute(begin)
        do throws(StoreError) {
            let answer = try body()
            try end()
            return answer
        } catch {
            // After some failures (a full disk) the engine has rolled back already.
            if sqlite3_get_autocommit(handle) == 0 { try execute(Self.rollback) }
            throw error
        }
    }

    /// The disk may have taken a commit that it answered with an error: only the log can tell, once read again.
    private func end() throws(StoreError) {
        do throws(StoreError) {
            try execute(Self.commit)
        } catch {
            let isLost = ResultCode.primary(sqlite3_errcode(handle)) == SQLITE_IOERR
            if isLost, case .failed(let text) = error { throw .outcomeUnknown(text) }
            throw error
        }
    }
}

// MARK: Statements

extension SQLiteConnection {
    /// Runs a statement to its end; rows it may answer with are dropped.
    func execute(_ sql: SQL) throws(StoreError) {
        try run(sql) { (statement) throws(StoreError) in
            while try step(statement, of: sql) {}
        }
    }

    /// All rows of a query, or of a setting: the engine claims that to ask for one may write.
    func rows(_ query: SQL, isSetting: Bool = false) throws(StoreError) -> [SQLRow] {
        try run(query, isQuery: !isSetting) { (statement) throws(StoreError) in
            var rows: [SQLRow] = []
            while try step(statement, of: query) { rows.append(try statement.row(of: query.name)) }
            return rows
        }
    }

    private func run<Answer>(
        _ sql: SQL, isQuery: Bool = false, _ body: (Statement) throws(StoreError) -> Answer
    ) throws(StoreError) -> Answer {
        let statement = try statements.statement(for: sql) { (sql) throws(StoreError) in try prepare(sql) }
        guard statement.isReadOnly || !isQuery else { throw .failed("\(sql.name) writes, and is not a query") }
        guard statement.parameterCount == sql.values.count else {
            throw .failed("\(sql.name) has \(statement.parameterCount) parameters, not \(sql.values.count)")
        }
        defer { sqlite3_reset(statement.handle) }
        let code = statement.bind(sql.values, in: &binds)
        guard code == SQLITE_OK else { throw failure(code, of: sql.name) }
        return try body(statement)
    }

    /// True when there is a row.
    private func step(_ statement: Statement, of sql: SQL) throws(StoreError) -> Bool {
        let code = sqlite3_step(statement.handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        throw failure(code, of: sql.name)
    }

    private func prepare(_ sql: SQL) throws(StoreError) -> Statement {
        var text = sql.text
        var prepared: OpaquePointer?
        let (code, isWhole) = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var rest: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    handle, characters.baseAddress, Int32(characters.count), UInt32(SQLITE_PREPARE_PERSISTENT),
                    &prepared, &rest)
                return (code, rest == characters.baseAddress.map { $0 + characters.count })
            }
        }
        guard code == SQLITE_OK else { throw failure(code, of: sql.name) }
        guard let prepared else { throw .failed("\(sql.name) is empty") }
        let statement = Statement(handle: prepared)
        guard isWhole else { throw .failed("\(sql.name) has text after its first statement") }
        return statement
    }

    /// What the engine says of the call that has just failed. Does not return when the disk did not take what
    /// it was given: after that nobody knows what the next fsync would cover (design, "Batches").
    private func failure(_ code: Int32, of name: StaticString) -> StoreError {
        if Self.isFsyncFailure(code) { onFsyncFailure() }
        let message = String(cString: sqlite3_errmsg(handle))
        return .sqlite(code: code, message: message, errno: sqlite3_system_errno(handle), statement: name)
    }

    private static func isFsyncFailure(_ code: Int32) -> Bool {
        code == ResultCode.fsyncFailed || code == ResultCode.directoryFsyncFailed
    }
}

// MARK: The write-ahead log

extension SQLiteConnection {
    func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

    /// Takes checkpoints from the engine, which does them within a commit and drops their errors.
    func countLogPages() {
        let hook: @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = {
            context, _, _, pages in
            context?.assumingMemoryBound(to: Int32.self).pointee = pages
            return SQLITE_OK
        }
        sqlite3_wal_hook(handle, hook, logPages)
    }

    /// True when the log has `pages` pages to copy.
    func isCheckpointDue(at pages: Int32) -> Bool { logPages.pointee >= pages }

    /// Copies the log into the database, as far as readers let it.
    ///
    /// What fails here is tried again after the next commit and loses nothing, except an fsync.
    func checkpoint(truncating: Bool = false) {
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
        if Self.isFsyncFailure(code) { onFsyncFailure() }
    }
}
