extension Migration {
    /// What members are entitled to, what they have lent and borrowed, and what was asked of the engine.
    static let sqliteAllocation = [
        """
        CREATE TABLE fleet_quotas (
            federation_id BLOB NOT NULL,
            fleet_id TEXT NOT NULL,
            resource_type TEXT NOT NULL,
            nominal INTEGER NOT NULL CHECK (nominal >= 0),
            lending_limit INTEGER CHECK (lending_limit BETWEEN 0 AND nominal),
            borrowing_limit INTEGER CHECK (borrowing_limit >= 0),
            weight INTEGER NOT NULL CHECK (weight >= 0),
            is_removed INTEGER NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (federation_id, fleet_id, resource_type)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE fleet_balances (
            federation_id BLOB NOT NULL,
            fleet_id TEXT NOT NULL,
            resource_type TEXT NOT NULL,
            lent INTEGER NOT NULL CHECK (lent >= 0),
            borrowed INTEGER NOT NULL CHECK (borrowed >= 0),
            as_of INTEGER NOT NULL,
            PRIMARY KEY (federation_id, fleet_id, resource_type)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE allocations (
            allocation_id BLOB PRIMARY KEY,
            federation_id BLOB NOT NULL,
            target_fleet_id TEXT NOT NULL,
            items TEXT NOT NULL,
            duration INTEGER NOT NULL CHECK (duration >= 1),
            earliest INTEGER NOT NULL,
            latest INTEGER NOT NULL CHECK (latest >= earliest),
            priority TEXT NOT NULL,
            accepts_part INTEGER NOT NULL,
            purpose TEXT,
            reason TEXT,
            status TEXT NOT NULL CHECK (status IN ('granted', 'partial', 'pending', 'refused', 'cancelled', 'expired',
                'ended')),
            lease_ids TEXT NOT NULL,
            is_part INTEGER NOT NULL,
            has_begun INTEGER NOT NULL,
            explanation TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX allocations_by_target ON allocations (target_fleet_id, allocation_id)",
        "ALTER TABLE resource_sharing ADD COLUMN allocation_id BLOB",
        "ALTER TABLE resource_sharing ADD COLUMN was_approved INTEGER NOT NULL DEFAULT 1",
        """
        CREATE INDEX resource_sharing_by_allocation ON resource_sharing (allocation_id)
        WHERE allocation_id IS NOT NULL
        """,
    ]

    /// What waits, what was taken away by a stronger request, and when the borrower got it in its hands.
    static let sqliteQueue = [
        """
        CREATE TABLE resource_sharing_next (
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
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO resource_sharing_next (
            sharing_id, federation_id, source_fleet_id, target_fleet_id, resource_type, resource_id,
            quantity, starts_at, duration, ends_at, ended_at, priority, purpose, reason, status,
            requested_by, status_reason, awaiting_return, fencing_token, handover, buffer_seconds, is_unit,
            no_show_after_seconds, acknowledge_within_seconds, deadline, ready_at, allocation_id,
            was_approved, version, created_at, updated_at, preemptions)
        SELECT sharing_id, federation_id, source_fleet_id, target_fleet_id, resource_type, resource_id,
            quantity, starts_at, duration, ends_at, ended_at, priority, purpose, reason, status,
            requested_by, status_reason, awaiting_return, fencing_token, handover, buffer_seconds, is_unit,
            no_show_after_seconds, acknowledge_within_seconds, deadline, ready_at, allocation_id,
            was_approved, version, created_at, updated_at, 0
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
        """
        CREATE TRIGGER resource_sharing_fence AFTER UPDATE ON resource_sharing
        WHEN OLD.fencing_token IS NOT NULL
            AND (NEW.fencing_token IS NULL OR NEW.fencing_token < OLD.fencing_token)
        BEGIN SELECT RAISE(ABORT, 'resource_sharing_fence'); END
        """,
        """
        CREATE TABLE allocations_next (
            allocation_id BLOB PRIMARY KEY,
            federation_id BLOB NOT NULL,
            target_fleet_id TEXT NOT NULL,
            items TEXT NOT NULL,
            duration INTEGER NOT NULL CHECK (duration >= 1),
            earliest INTEGER NOT NULL,
            latest INTEGER NOT NULL CHECK (latest >= earliest),
            priority TEXT NOT NULL,
            accepts_part INTEGER NOT NULL,
            purpose TEXT,
            reason TEXT,
            status TEXT NOT NULL CHECK (status IN ('granted', 'partial', 'pending', 'queued', 'refused', 'cancelled',
                'expired', 'ended')),
            lease_ids TEXT NOT NULL,
            is_part INTEGER NOT NULL,
            has_begun INTEGER NOT NULL,
            waiting TEXT,
            preemptions INTEGER NOT NULL,
            explanation TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        INSERT INTO allocations_next (
            allocation_id, federation_id, target_fleet_id, items, duration, earliest, latest, priority,
            accepts_part, purpose, reason, status, lease_ids, is_part, has_begun, explanation, version,
            created_at, updated_at, preemptions)
        SELECT allocation_id, federation_id, target_fleet_id, items, duration, earliest, latest, priority,
            accepts_part, purpose, reason, status, lease_ids, is_part, has_begun, explanation, version,
            created_at, updated_at, 0
        FROM allocations
        """,
        "DROP TABLE allocations",
        "ALTER TABLE allocations_next RENAME TO allocations",
        "CREATE INDEX allocations_by_target ON allocations (target_fleet_id, allocation_id)",
    ]
}
