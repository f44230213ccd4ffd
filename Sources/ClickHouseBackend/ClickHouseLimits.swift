/// How long is waited, and how much is taken.
package struct ClickHouseLimits: Sendable {
    /// For a read: who asks can have it from the SQL database instead.
    package var read = Duration.seconds(5)
    /// For an insert: what waits for it waits in the log.
    package var insert = Duration.seconds(30)
    /// For a change of the tables.
    package var change = Duration.seconds(60)
    package var connect = Duration.seconds(1)
    /// Connections to one address.
    package var connections = 8
    /// Rows and bytes of an answer: what is more is no summary.
    package var rowsMax = 1_000_000
    package var bytesMax = 64 << 20

    package init() {}
}
