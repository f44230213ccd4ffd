extension Migration {
    private static let onItsWay = "('accepted', 'delivered')"

    /// Messages, without their contents, and their deliveries. The log of communication was there before and empty.
    static let sqliteMessaging = [
        """
        CREATE TABLE messages (
            message_id BLOB NOT NULL,
            source_fleet_id TEXT NOT NULL,
            federation_id BLOB NOT NULL,
            target_fleet_id TEXT,
            message_type TEXT NOT NULL,
            class TEXT NOT NULL,
            ordering_key TEXT,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (message_id, source_fleet_id)
        ) STRICT, WITHOUT ROWID
        """,
        "DROP TABLE communication_logs",
        """
        CREATE TABLE communication_logs (
            position INTEGER NOT NULL,
            target_fleet_id TEXT NOT NULL,
            log_id BLOB NOT NULL,
            message_id BLOB NOT NULL,
            federation_id BLOB NOT NULL,
            source_fleet_id TEXT NOT NULL,
            message_type TEXT NOT NULL,
            class TEXT NOT NULL,
            ordering_key TEXT,
            is_broadcast INTEGER NOT NULL,
            is_concealed INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('accepted', 'delivered', 'acknowledged', 'rejected', 'expired',
                'dead_lettered')),
            status_reason TEXT,
            attempts INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            delivered_at INTEGER,
            resolved_at INTEGER,
            PRIMARY KEY (position, target_fleet_id)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE INDEX communication_logs_inbox ON communication_logs (target_fleet_id, position)
        WHERE status IN \(onItsWay)
        """,
        "CREATE INDEX communication_logs_by_target ON communication_logs (target_fleet_id, position)",
        "CREATE INDEX communication_logs_by_source ON communication_logs (source_fleet_id, position)",
        "CREATE INDEX communication_logs_by_federation ON communication_logs (federation_id, created_at)",
        // Final is final, whatever decides.
        """
        CREATE TRIGGER communication_logs_final AFTER UPDATE ON communication_logs
        WHEN OLD.status NOT IN \(onItsWay) AND OLD.status <> NEW.status
        BEGIN SELECT RAISE(ABORT, 'communication_logs_final'); END
        """,
    ]
}
