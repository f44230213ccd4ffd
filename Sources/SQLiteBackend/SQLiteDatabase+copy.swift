import CSQLite
package import FleetStore

extension SQLiteDatabase {
    /// Copies the database at `source`, as it is at one instant, to a new file; the process that serves it goes on.
    package static func copy(from source: String, to target: String) throws(StoreError) {
        let from = try handle(source, SQLITE_OPEN_READONLY)
        defer { sqlite3_close_v2(from) }
        let to = try handle(target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
        defer { sqlite3_close_v2(to) }
        guard let backup = sqlite3_backup_init(to, "main", from, "main") else {
            throw .failed(String(cString: sqlite3_errmsg(to)))
        }
        // All pages in one step: one read transaction, so one instant.
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else {
            throw .sqlite(
                code: code, message: String(cString: sqlite3_errstr(code)), errno: sqlite3_system_errno(to),
                statement: "sqlite.copy")
        }
    }

    private static func handle(_ path: String, _ flags: Int32) throws(StoreError) -> OpaquePointer {
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            sqlite3_close_v2(handle)
            throw .unavailable("\(path) cannot be opened: \(String(cString: sqlite3_errstr(code)))")
        }
        sqlite3_busy_timeout(handle, 5000)
        return handle
    }
}
