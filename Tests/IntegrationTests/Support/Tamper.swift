import CSQLite

/// Writes to a database past the service.
enum Tamper {
    struct Failure: Error {
        let message: String
    }

    static func execute(_ statements: String, on path: String) throws {
        var handle: OpaquePointer?
        defer { sqlite3_close_v2(handle) }
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Failure(message: "cannot open \(path)") }
        sqlite3_busy_timeout(handle, 5000)
        guard sqlite3_exec(handle, statements, nil, nil, nil) == SQLITE_OK else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)))
        }
    }
}
