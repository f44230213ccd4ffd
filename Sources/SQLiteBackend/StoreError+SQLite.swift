import CSQLite
import FleetStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension StoreError {
    /// The engine's refusal as the port speaks of it.
    ///
    /// - Parameters:
    ///   - code: the extended result code.
    ///   - message: `sqlite3_errmsg`, which must be read before the statement is reset.
    ///   - errno: `sqlite3_system_errno`.
    static func sqlite(code: Int32, message: String, errno: Int32, statement: StaticString) -> StoreError {
        let text = "\(statement): \(message) (\(code)\(errno == 0 ? "" : ", errno \(errno)"))"
        switch ResultCode.primary(code) {
        case SQLITE_CONSTRAINT: return .conflict(constraint: constraint(code: code, message: message))
        case SQLITE_FULL: return .full
        case SQLITE_IOERR where isFull(code: code, errno: errno): return .full
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt(text)
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CANTOPEN: return .unavailable(text)
        default: return .failed(text)
        }
    }

    /// `table.column` of "UNIQUE constraint failed: table.column"; a trigger's own words are left whole.
    private static func constraint(code: Int32, message: String) -> String {
        guard code != ResultCode.triggerRaised, let mark = message.firstRange(of: "failed: ") else {
            return message
        }
        return String(message[mark.upperBound...])
    }

    /// Growth of the shared-memory file fails for want of space alone, and keeps no errno.
    private static func isFull(code: Int32, errno: Int32) -> Bool {
        switch code {
        case ResultCode.sharedMemoryGrowthFailed: true
        case ResultCode.writeFailed: errno == ENOSPC || errno == EDQUOT
        default: false
        }
    }
}
