extension Migration {
    /// Replays may go to the bus, and are then no fleet's.
    static let sqliteBus = [
        """
        CREATE TABLE event_replays_next (
            replay_id BLOB NOT NULL PRIMARY KEY,
            webhook_id BLOB,
            fleet_id TEXT,
            from_position INTEGER NOT NULL,
            to_position INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'cancelled')),
            status_reason TEXT,
            requested_by TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            ended_at INTEGER,
            CHECK ((webhook_id IS NULL) = (fleet_id IS NULL))
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO event_replays_next (
            replay_id, webhook_id, fleet_id, from_position, to_position, status, status_reason, requested_by, version,
            created_at, ended_at)
        SELECT replay_id, webhook_id, fleet_id, from_position, to_position, status, status_reason, requested_by, version,
            created_at, ended_at
        FROM event_replays
        """,
        "DROP TABLE event_replays",
        "ALTER TABLE event_replays_next RENAME TO event_replays",
    ]
}
