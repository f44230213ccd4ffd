extension Migration {
    /// Webhooks, replays to them, and what was pushed; and dead letters may go on their way again.
    static let sqliteWebhooks = [
        """
        CREATE TABLE webhooks (
            webhook_id BLOB NOT NULL PRIMARY KEY,
            fleet_id TEXT NOT NULL,
            url TEXT NOT NULL,
            event_types TEXT,
            status TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'removed')),
            status_reason TEXT,
            secret TEXT NOT NULL,
            previous_secret TEXT,
            previous_until INTEGER,
            public_key TEXT NOT NULL,
            starts_after INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE event_replays (
            replay_id BLOB NOT NULL PRIMARY KEY,
            webhook_id BLOB NOT NULL,
            fleet_id TEXT NOT NULL,
            from_position INTEGER NOT NULL,
            to_position INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'cancelled')),
            status_reason TEXT,
            requested_by TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            ended_at INTEGER
        ) STRICT, WITHOUT ROWID
        """,
        // How far each sink has read the log: no projection, the log does not speak of it.
        """
        CREATE TABLE sink_cursors (
            sink TEXT NOT NULL PRIMARY KEY,
            position INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE webhook_pushes (
            sink TEXT NOT NULL,
            position INTEGER NOT NULL,
            webhook_id BLOB NOT NULL,
            event_id BLOB NOT NULL,
            event_type TEXT NOT NULL,
            lane TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'dropped')),
            attempts INTEGER NOT NULL,
            next_at INTEGER,
            http_status INTEGER,
            error TEXT,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (sink, position)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX webhook_pushes_pending ON webhook_pushes (sink, position) WHERE status = 'pending'",
        "CREATE INDEX webhook_pushes_by_webhook ON webhook_pushes (webhook_id, position, sink)",
        "CREATE INDEX webhook_pushes_by_status ON webhook_pushes (webhook_id, status, position, sink)",
        "CREATE INDEX webhook_pushes_ended ON webhook_pushes (updated_at) WHERE status <> 'pending'",
        """
        CREATE INDEX communication_logs_dead ON communication_logs (position, target_fleet_id)
        WHERE status = 'dead_lettered'
        """,
        "CREATE UNIQUE INDEX communication_logs_by_id ON communication_logs (log_id) WHERE status = 'dead_lettered'",
        "DROP TRIGGER communication_logs_final",
        // Final is final, whatever decides; but a dead letter may be put back on its way, and further in the same batch.
        """
        CREATE TRIGGER communication_logs_final AFTER UPDATE ON communication_logs
        WHEN OLD.status NOT IN ('accepted', 'delivered', 'dead_lettered') AND OLD.status <> NEW.status
        BEGIN SELECT RAISE(ABORT, 'communication_logs_final'); END
        """,
    ]
}
