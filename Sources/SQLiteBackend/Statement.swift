import CSQLite

/// A prepared statement in a connection's cache.
final class Statement {
    let handle: OpaquePointer
    let parameterCount: Int
    let columnCount: Int32
    let isReadOnly: Bool
    /// The cache's count of look-ups when this was last wanted.
    var lastUse: UInt64 = 0

    init(handle: OpaquePointer) {
        self.handle = handle
        parameterCount = Int(sqlite3_bind_parameter_count(handle))
        columnCount = sqlite3_column_count(handle)
        isReadOnly = sqlite3_stmt_readonly(handle) != 0
    }

    deinit { sqlite3_finalize(handle) }
}
