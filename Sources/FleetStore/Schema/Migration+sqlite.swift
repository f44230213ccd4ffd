extension Migration {
    private static let holding = "('pending', 'granted', 'active', 'revoking')"
    static let live = "('pending', 'granted', 'active', 'revoking', 'overdue')"
    private static let overlap = overlap(of: holding)

    /// Whether another promise of the same unit reaches into the new row's window. Promises of a unit do not
    /// overlap, so the one before and the one after are enough to look at.
    static func overlap(of holding: String) -> String { overlap(where: "status IN \(live) AND status IN \(holding)") }

    /// - Parameter condition: which rows hold their window; it says `live` in the words of the index.
    static func overlap(where condition: String) -> String {
        """
        SELECT RAISE(ABORT, 'resource_sharing_overlap') WHERE EXISTS (
            SELECT 1 FROM (
                SELECT ends_at + buffer_seconds * 1000 AS until FROM resource_sharing
                WHERE source_fleet_id = NEW.source_fleet_id AND resource_id = NEW.resource_id
                    AND \(condition)
                    AND starts_at <= NEW.starts_at AND sharing_id <> NEW.sharing_id
                ORDER BY starts_at DESC LIMIT 1
            ) WHERE until > NEW.starts_at
        ) OR EXISTS (
            SELECT 1 FROM resource_sharing
            WHERE source_fleet_id = NEW.source_fleet_id AND resource_id = NEW.resource_id
                AND \(condition)
                AND starts_at > NEW.starts_at AND starts_at < NEW.ends_at + NEW.buffer_seconds * 1000
                AND sharing_id <> NEW.sharing_id
        );
        """
    }

    static let sqliteFoundation: [String] = [
        """
        CREATE TABLE events (
            position INTEGER PRIMARY KEY,
            event_id BLOB NOT NULL,
            type TEXT NOT NULL,
            actor TEXT NOT NULL,
            acting_fleet_id TEXT,
            request_id TEXT NOT NULL,
            at INTEGER NOT NULL,
            audience TEXT NOT NULL,
            data TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE idempotency_keys (
            key_hash BLOB PRIMARY KEY,
            fingerprint BLOB NOT NULL,
            position INTEGER NOT NULL,
            at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_keys_by_at ON idempotency_keys (at)",
        """
        CREATE TABLE service_settings (
            name TEXT PRIMARY KEY,
            value BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE fleets (
            fleet_id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            organization TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('active', 'retired')),
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE resources (
            fleet_id TEXT NOT NULL,
            resource_id TEXT NOT NULL,
            resource_type TEXT NOT NULL,
            capacity INTEGER NOT NULL CHECK (capacity >= 1),
            attributes TEXT NOT NULL,
            buffer_seconds INTEGER NOT NULL CHECK (buffer_seconds >= 0),
            handover TEXT NOT NULL CHECK (handover IN ('automatic', 'confirmed')),
            interruptible INTEGER NOT NULL,
            pooled INTEGER NOT NULL,
            on_lease_loss TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('available', 'maintenance', 'retired')),
            fencing_token INTEGER NOT NULL,
            cooling TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (fleet_id, resource_id)
        ) STRICT
        """,
        """
        CREATE TABLE fleet_federations (
            federation_id BLOB PRIMARY KEY,
            name TEXT NOT NULL,
            description TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'dissolving', 'dissolved')),
            policy TEXT NOT NULL,
            membership_epoch INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE fleet_federation_members (
            federation_id BLOB NOT NULL,
            fleet_id TEXT NOT NULL,
            isolation_level TEXT NOT NULL CHECK (isolation_level IN ('none', 'low', 'medium', 'high', 'sealed')),
            resource_sharing INTEGER NOT NULL,
            communication_enabled INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('coordinator', 'member', 'observer')),
            status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'suspended', 'leaving', 'left')),
            suspended_by TEXT,
            is_recalled INTEGER NOT NULL,
            sharing_rules TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (federation_id, fleet_id)
        ) STRICT
        """,
        "CREATE INDEX fleet_federation_members_by_fleet ON fleet_federation_members (fleet_id, federation_id)",
        """
        CREATE TABLE resource_sharing (
            sharing_id BLOB PRIMARY KEY,
            federation_id BLOB NOT NULL,
            source_fleet_id TEXT NOT NULL,
            target_fleet_id TEXT NOT NULL,
            resource_type TEXT NOT NULL,
            resource_id TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity >= 1),
            starts_at INTEGER NOT NULL,
            duration INTEGER NOT NULL CHECK (duration >= 1),
            ends_at INTEGER NOT NULL CHECK (ends_at = starts_at + duration * 1000),
            ended_at INTEGER,
            priority TEXT NOT NULL,
            purpose TEXT,
            reason TEXT,
            status TEXT NOT NULL CHECK (status IN ('pending', 'granted', 'active', 'overdue', 'revoking', 'completed',
                'rejected', 'expired', 'cancelled', 'revoked', 'no_show')),
            requested_by TEXT NOT NULL CHECK (requested_by IN ('source', 'target')),
            status_reason TEXT,
            awaiting_return INTEGER NOT NULL,
            fencing_token INTEGER,
            handover TEXT NOT NULL,
            buffer_seconds INTEGER NOT NULL,
            is_unit INTEGER NOT NULL,
            no_show_after_seconds INTEGER NOT NULL,
            acknowledge_within_seconds INTEGER NOT NULL,
            deadline INTEGER,
            ready_at INTEGER,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX resource_sharing_by_source ON resource_sharing (source_fleet_id, sharing_id)",
        "CREATE INDEX resource_sharing_by_target ON resource_sharing (target_fleet_id, sharing_id)",
        """
        CREATE INDEX resource_sharing_live ON resource_sharing (source_fleet_id, resource_id, starts_at)
        WHERE status IN \(live)
        """,
        """
        CREATE TRIGGER resource_sharing_no_overlap_insert AFTER INSERT ON resource_sharing
        WHEN NEW.is_unit AND NEW.status IN \(holding)
        BEGIN \(overlap) END
        """,
        """
        CREATE TRIGGER resource_sharing_no_overlap_update AFTER UPDATE ON resource_sharing
        WHEN NEW.is_unit AND NEW.status IN \(holding)
            AND (OLD.status NOT IN \(holding) OR OLD.ends_at <> NEW.ends_at OR OLD.starts_at <> NEW.starts_at)
        BEGIN \(overlap) END
        """,
        """
        CREATE TRIGGER resource_sharing_fence AFTER UPDATE ON resource_sharing
        WHEN OLD.fencing_token IS NOT NULL
            AND (NEW.fencing_token IS NULL OR NEW.fencing_token < OLD.fencing_token)
        BEGIN SELECT RAISE(ABORT, 'resource_sharing_fence'); END
        """,
        """
        CREATE TABLE coordination_metrics (
            metric_id BLOB PRIMARY KEY,
            federation_id BLOB NOT NULL,
            metric_type TEXT NOT NULL,
            metric_value REAL NOT NULL,
            metric_unit TEXT NOT NULL,
            calculated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX coordination_metrics_by_federation ON coordination_metrics (federation_id, calculated_at)",
        """
        CREATE TABLE communication_logs (
            log_id BLOB PRIMARY KEY,
            message_id BLOB NOT NULL,
            federation_id BLOB NOT NULL,
            source_fleet_id TEXT NOT NULL,
            target_fleet_id TEXT NOT NULL,
            message_type TEXT NOT NULL,
            status TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE api_keys (
            key_id BLOB PRIMARY KEY,
            name TEXT NOT NULL,
            digest BLOB NOT NULL,
            roles TEXT NOT NULL,
            fleet_ids TEXT NOT NULL,
            federation_ids TEXT NOT NULL,
            scopes TEXT NOT NULL,
            created_by TEXT NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE UNIQUE INDEX api_keys_by_digest ON api_keys (digest) WHERE revoked_at IS NULL",
    ]

    /// What platform administrators did is told apart from then on; an overdue lease keeps the buffer behind its window.
    static let sqlitePrivilege = [
        "ALTER TABLE events ADD COLUMN is_privileged INTEGER NOT NULL DEFAULT 0",
        "DROP TRIGGER resource_sharing_no_overlap_insert", "DROP TRIGGER resource_sharing_no_overlap_update",
        """
        CREATE TRIGGER resource_sharing_no_overlap_insert AFTER INSERT ON resource_sharing
        WHEN NEW.is_unit AND NEW.status IN \(live)
        BEGIN \(overlap(of: live)) END
        """,
        """
        CREATE TRIGGER resource_sharing_no_overlap_update AFTER UPDATE ON resource_sharing
        WHEN NEW.is_unit AND NEW.status IN \(live)
            AND (OLD.status NOT IN \(live) OR OLD.ends_at <> NEW.ends_at OR OLD.starts_at <> NEW.starts_at)
        BEGIN \(overlap(of: live)) END
        """,
    ]
}
