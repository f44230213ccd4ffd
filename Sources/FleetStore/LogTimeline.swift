/// A stretch of the log that one server carries on. Its number is when it began, and something at random: it is greater than
/// those before, and two servers that carry on the same log, of which one knows nothing of the other, do not take the same.
///
/// After a fail-over or a restore the log goes on on another server, perhaps without its last events: a position of an
/// earlier timeline means the same event only up to where a later one starts. A log that no server may take over, as a file,
/// has none.
package struct LogTimeline: Sendable, Equatable {
    package let number: Int64
    /// Events up to this position are those of the timeline before.
    package let startsAfter: Int64

    package init(number: Int64, startsAfter: Int64) {
        self.number = number
        self.startsAfter = startsAfter
    }
}

extension LogTimeline {
    /// Whether a position that was given out on a timeline still means what it meant.
    ///
    /// - Parameters:
    ///   - number: of the timeline. One that is not known was lost with what came on it, or is of before the first; there it
    ///     means the same in any case.
    ///   - timelines: all that are known, in any order.
    package static func holds(_ position: Int64, of number: Int64, in timelines: [LogTimeline]) -> Bool {
        let isKnown = timelines.has(number)
        return timelines.allSatisfy { isKnown && $0.number <= number || position <= $0.startsAfter }
    }
}

extension [LogTimeline] {
    /// Whether the timeline of this number is one of them.
    package func has(_ number: Int64) -> Bool { contains { $0.number == number } }

    /// The number of the one on which this position of the log was come to; 0 before the first.
    package func number(at position: Int64) -> Int64 {
        filter { $0.startsAfter < position }.map(\.number).max() ?? 0
    }
}

/// A place in the log.
package struct LogPlace: Sendable, Equatable {
    package let position: Int64
    /// The number of the timeline on which the position was come to; 0 when there was none.
    package let timeline: Int64

    package init(position: Int64, timeline: Int64) {
        self.position = position
        self.timeline = timeline
    }
}

extension Store {
    /// Begins a timeline when the server that answers is another than carried the log on before, or was promoted since. Until
    /// that is noted `guard_writer` lets no batch through there, so that nothing is between the timelines.
    ///
    /// - Parameter epoch: of who is elected; for anybody else nothing is begun.
    package func beginTimeline(epoch: Int64) async throws(StoreError) {
        guard isShared else { return }
        do throws(StoreError) {
            try await database.commit([
                // Two who are both elected, one after the other, begin one.
                SQL("timelines.lock", "SELECT 1 FROM writer FOR UPDATE"),
                SQL(
                    "timelines.begin",
                    """
                    INSERT INTO log_timelines (timeline, server, starts_after) \
                    SELECT GREATEST(COALESCE(MAX(timeline), 0) + 1, \
                    CAST(floor(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT) * 1000000) \
                    + CAST(floor(random() * 1000000) AS BIGINT), server_timeline(), \
                    COALESCE((SELECT MAX(position) FROM events), 0) FROM log_timelines \
                    HAVING (SELECT server FROM log_timelines ORDER BY timeline DESC LIMIT 1) \
                    IS DISTINCT FROM server_timeline() AND EXISTS (SELECT 1 FROM writer WHERE epoch = \(epoch))
                    """),
            ])
        } catch {
            // Another process noted the same.
            guard case .conflict = error else { throw error }
        }
    }

    /// That the server says which one it is.
    ///
    /// - Throws: `.forbidden` when the user may not be told.
    package func requireServerIdentity() async throws(StoreError) {
        guard isShared else { return }
        _ = try await database.read(
            SQL(
                "server.identity",
                """
                SELECT CAST(system_identifier AS TEXT) || '/' || pg_walfile_name(pg_current_wal_insert_lsn()) \
                FROM pg_control_system()
                """))
    }

    package func timelines() async throws(StoreError) -> [LogTimeline] {
        guard isShared else { return [] }
        let rows = try await database.read(
            SQL("timelines.all", "SELECT timeline, starts_after FROM log_timelines ORDER BY timeline"))
        return try rows.map { (row) throws(StoreError) in
            LogTimeline(number: try row.integer(0), startsAfter: try row.integer(1))
        }
    }

    /// Where the log ends.
    package func logEnd() async throws(StoreError) -> LogPlace {
        guard isShared else { return LogPlace(position: try await endOfLog(), timeline: 0) }
        let rows = try await database.find(
            SQL(
                "timelines.end",
                """
                SELECT COALESCE((SELECT MAX(position) FROM events), 0), \
                COALESCE((SELECT MAX(timeline) FROM log_timelines), 0)
                """
            ).urgent)
        guard let row = rows.first else { throw .corrupt("the log has no end") }
        return LogPlace(position: try row.integer(0), timeline: try row.integer(1))
    }

    /// Whether an acknowledged write is on another server, too; nil where no server takes over.
    package func replication() async throws(StoreError) -> Replication? {
        guard isShared else { return nil }
        let rows = try await database.find(
            SQL(
                "replication.find",
                """
                SELECT CASE WHEN current_setting('synchronous_standby_names') <> '' THEN 'synchronous' \
                WHEN EXISTS (SELECT 1 FROM pg_stat_replication) THEN 'asynchronous' ELSE 'none' END
                """
            ).urgent)
        guard let mode = try rows.first.flatMap({ (row) throws(StoreError) in Replication(rawValue: try row.text(0)) })
        else { throw .corrupt("the server says nothing of its standbys") }
        return mode
    }
}

/// What a PostgreSQL does for its standbys before it says that a write is durable.
package enum Replication: String, Sendable, CaseIterable {
    /// It waits for one at least.
    case synchronous
    /// There is one that may be behind.
    case asynchronous
    case none
}
