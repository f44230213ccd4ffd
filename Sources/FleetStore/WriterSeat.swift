package import FleetDomain

/// Who decides, of all processes on one database.
///
/// Its epoch rises whenever another process takes it, and a batch of an earlier epoch fails whole (`guard_writer`): who
/// was frozen and thaws can write nothing.
package struct WriterSeat: Sendable, Equatable {
    package let epoch: Int64
    /// A name of the process, made at its start.
    package let holder: String
    /// Where the others find it.
    package let url: String
    /// Whether its time is not over, by the database's clock.
    package let isHeld: Bool
    /// Whether the server that answers is the one that carries the log on (`LogTimeline`).
    package let isOnTimeline: Bool
}

extension Store {
    /// Whether several processes may serve this store at once, and so have to elect the one that decides.
    package var isShared: Bool { database.dialect == .postgres }

    package func writerSeat() async throws(StoreError) -> WriterSeat {
        let rows = try await database.find(
            SQL(
                "writer.find",
                """
                SELECT epoch, holder, url, expires_at > clock_timestamp(), \
                (SELECT server FROM log_timelines ORDER BY timeline DESC LIMIT 1) IS NOT DISTINCT FROM server_timeline() \
                FROM writer
                """
            ).urgent)
        guard let row = rows.first else { throw .corrupt("the table writer is empty") }
        return WriterSeat(
            epoch: try row.integer(0), holder: try row.text(1), url: try row.text(2), isHeld: try row.bool(3),
            isOnTimeline: try row.bool(4))
    }

    /// Ends the sessions that hold on to a seat whose time is over, and from which the server waits for more: of a process that
    /// was frozen, or lost its network, in the middle of sending a batch. No time limit of the server runs then, and until its
    /// transaction is taken back nobody can be elected. It takes sessions of the same user only.
    package func endStalledBatches() async throws(StoreError) {
        _ = try await database.find(
            SQL(
                "writer.end_stalled",
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid IN (SELECT pid FROM pg_locks \
                WHERE relation = CAST('writer' AS regclass) AND mode <> 'AccessShareLock' AND granted) \
                AND usename = current_user AND wait_event = 'ClientRead' \
                AND xact_start < clock_timestamp() - INTERVAL '1 second'
                """
            ).urgent)
    }

    /// Takes the seat if nobody holds it, or keeps it, for some seconds from now by the database's clock. Epochs leap at
    /// random, so that of two who are elected on two servers, of which one knew nothing of the other, none takes the other's.
    ///
    /// - Returns: the seat as it is then, whoever has it.
    package func claimSeat(holder: String, url: String, for lease: Seconds) async throws(StoreError) -> WriterSeat {
        try await database.commit([
            SQL(
                "writer.claim",
                """
                UPDATE writer SET epoch = CASE WHEN holder = \(holder) THEN epoch ELSE epoch + 1 + CAST(floor(random() * 1000000000) AS BIGINT) END, \
                holder = \(holder), url = \(url), expires_at = clock_timestamp() + \(lease) * INTERVAL '1 second' \
                WHERE holder = \(holder) OR expires_at < clock_timestamp()
                """)
        ])
        return try await writerSeat()
    }

    /// Keeps the seat for some seconds from now, if it was not lost.
    package func renewSeat(holder: String, epoch: Int64, for lease: Seconds) async throws(StoreError) {
        try await database.commit([
            SQL(
                "writer.renew",
                """
                UPDATE writer SET expires_at = clock_timestamp() + \(lease) * INTERVAL '1 second' \
                WHERE holder = \(holder) AND epoch = \(epoch)
                """)
        ])
    }

    /// Gives the seat up, so that another need not wait until its time is over.
    package func leaveSeat(holder: String) async throws(StoreError) {
        try await database.commit([
            SQL("writer.leave", "UPDATE writer SET expires_at = clock_timestamp() WHERE holder = \(holder)")
        ])
    }

    /// What begins all else that is stored by what runs once for a database: the places of sinks, say. Who was replaced must
    /// not raise them over events that the log has lost.
    func guardTerm(_ epoch: Int64) -> [SQL] {
        isShared ? [SQL("writer.guard_term", "SELECT guard_term(\(epoch))")] : []
    }

    /// What begins a batch of the writer's.
    ///
    /// - Parameter end: where the log ends for the writer.
    func guardWriter(_ epoch: Int64, logEnd end: Int64) -> [SQL] {
        isShared ? [SQL("writer.guard", "SELECT guard_writer(\(epoch), \(end))")] : []
    }

    /// That the writer of this epoch still decides, and the log ends there; a file has no other.
    ///
    /// - Throws: `.superseded` when not.
    package func confirmWriter(_ epoch: Int64, logEnd end: Int64) async throws(StoreError) {
        guard isShared else { return }
        try await database.commit(guardWriter(epoch, logEnd: end))
    }
}
