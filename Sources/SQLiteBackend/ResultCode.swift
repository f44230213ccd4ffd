import CSQLite

/// The extended result codes that matter here: their C macros do not import.
enum ResultCode {
    static let writeFailed = SQLITE_IOERR | 3 << 8
    static let fsyncFailed = SQLITE_IOERR | 4 << 8
    static let directoryFsyncFailed = SQLITE_IOERR | 5 << 8
    static let sharedMemoryGrowthFailed = SQLITE_IOERR | 19 << 8
    static let triggerRaised = SQLITE_CONSTRAINT | 7 << 8

    /// The kind of an extended code.
    static func primary(_ code: Int32) -> Int32 { code & 0xff }
}
