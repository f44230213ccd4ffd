/// What the write connection says of itself, for tests and for a report of health.
package struct SQLiteSettings: Sendable, Equatable {
    /// `wal` for a file, `memory` in memory.
    package let journalMode: String
    /// 2 is FULL: the only value under which an acknowledged commit survives power loss.
    package let synchronous: Int64
    package let foreignKeys: Bool
    package let secureDelete: Bool
    package let trustedSchema: Bool
    package let pageCacheKiB: Int64
    package let journalSizeLimit: Int64
}
