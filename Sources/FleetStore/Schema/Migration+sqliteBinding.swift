extension Migration {
    /// Leases of pooled units, which name no resource until they are bound to one.
    static let sqliteBinding = [
        """
        CREATE TABLE resource_sharing_next (
            sharing_id BLOB PRIMARY KEY,
            federation_id BLOB NOT NULL,
            source_fleet_id TEXT NOT NULL,
            target_fleet_id TEXT NOT NULL,
            resource_type TEXT NOT NULL,
            resource_id TEXT,
            quantity INTEGER NOT NULL CHECK (quantity >= 1),
            starts_at INTEGER NOT NULL,
            duration INTEGER NOT NULL CHECK (duration >= 1),
            ends_at INTEGER NOT NULL CHECK (ends_at = starts_at + duration * 1000),
            granted_at INTEGER,
            activated_at INTEGER,
            ended_at INTEGER,
            priority TEXT NOT NULL,
            purpose TEXT,
            reason TEXT,
            status TEXT NOT NULL CHECK (status IN ('queued', 'pending', 'granted', 'active', 'overdue', 'revoking',
                'preempting', 'completed', 'rejected', 'expired', 'cancelled', 'revoked', 'preempted', 'no_show')),
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
            allocation_id BLOB,
            was_approved INTEGER NOT NULL,
            arrival INTEGER,
            preemptions INTEGER NOT NULL,
            unit_terms TEXT,
            binds_at INTEGER,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            CHECK (resource_id IS NOT NULL OR unit_terms IS NOT NULL AND binds_at IS NOT NULL)
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO resource_sharing_next (
            sharing_id, federation_id, source_fleet_id, target_fleet_id, resource_type, resource_id, quantity,
            starts_at, duration, ends_at, granted_at, activated_at, ended_at, priority, purpose, reason,
            status, requested_by, status_reason, awaiting_return, fencing_token, handover, buffer_seconds,
            is_unit, no_show_after_seconds, acknowledge_within_seconds, deadline, ready_at, allocation_id,
            was_approved, arrival, preemptions, version, created_at, updated_at)
        SELECT
            sharing_id, federation_id, source_fleet_id, target_fleet_id, resource_type, resource_id, quantity,
            starts_at, duration, ends_at, granted_at, activated_at, ended_at, priority, purpose, reason,
            status, requested_by, status_reason, awaiting_return, fencing_token, handover, buffer_seconds,
            is_unit, no_show_after_seconds, acknowledge_within_seconds, deadline, ready_at, allocation_id,
            was_approved, arrival, preemptions, version, created_at, updated_at
        FROM resource_sharing
        """,
        "DROP TABLE resource_sharing",
        "ALTER TABLE resource_sharing_next RENAME TO resource_sharing",
        "CREATE INDEX resource_sharing_by_source ON resource_sharing (source_fleet_id, sharing_id)",
        "CREATE INDEX resource_sharing_by_target ON resource_sharing (target_fleet_id, sharing_id)",
        """
        CREATE INDEX resource_sharing_live ON resource_sharing (source_fleet_id, resource_id, starts_at)
        WHERE status IN \(live)
        """,
        """
        CREATE INDEX resource_sharing_by_allocation ON resource_sharing (allocation_id)
        WHERE allocation_id IS NOT NULL
        """,
        "CREATE INDEX resource_sharing_by_federation ON resource_sharing (federation_id, ended_at)",
        """
        CREATE TRIGGER resource_sharing_no_overlap_insert AFTER INSERT ON resource_sharing
        WHEN NEW.is_unit AND \(settled("NEW."))
        BEGIN \(overlapOfSettled) END
        """,
        """
        CREATE TRIGGER resource_sharing_no_overlap_update AFTER UPDATE ON resource_sharing
        WHEN NEW.is_unit AND \(settled("NEW."))
            AND (NOT (\(settled("OLD."))) OR OLD.ends_at <> NEW.ends_at OR OLD.starts_at <> NEW.starts_at
                OR OLD.resource_id IS NOT NEW.resource_id)
        BEGIN \(overlapOfSettled) END
        """,
        """
        CREATE TRIGGER resource_sharing_fence AFTER UPDATE ON resource_sharing
        WHEN OLD.fencing_token IS NOT NULL
            AND (NEW.fencing_token IS NULL OR NEW.fencing_token < OLD.fencing_token)
        BEGIN SELECT RAISE(ABORT, 'resource_sharing_fence'); END
        """,
    ]

    /// Whether a row's window is promised of the very resource that it names: one that is pooled may still become
    /// another until it is handed over.
    private static func settled(_ row: String) -> String {
        "\(row)status IN \(live) AND (\(row)unit_terms IS NULL OR \(row)status NOT IN ('pending', 'granted'))"
    }

    private static let overlapOfSettled = overlap(where: settled(""))
}
