/// Leases, messages and webhooks: a part of `postgresFoundation`.
extension Migration {
    static let postgresSharing: [String] = [
        """
        CREATE TABLE resource_sharing (
            sharing_id UUID PRIMARY KEY,
            federation_id UUID NOT NULL,
            source_fleet_id \(text) NOT NULL,
            target_fleet_id \(text) NOT NULL,
            resource_type \(text) NOT NULL,
            resource_id \(text),
            quantity BIGINT NOT NULL CHECK (quantity >= 1),
            starts_at TIMESTAMPTZ NOT NULL,
            duration BIGINT NOT NULL CHECK (duration >= 1),
            ends_at TIMESTAMPTZ NOT NULL CHECK (ends_at = starts_at + duration * INTERVAL '1 second'),
            granted_at TIMESTAMPTZ,
            activated_at TIMESTAMPTZ,
            ended_at TIMESTAMPTZ,
            priority \(text) NOT NULL,
            purpose \(text),
            reason \(text),
            status \(text) NOT NULL CHECK (status IN ('queued', 'pending', 'granted', 'active', 'overdue', 'revoking',
                'preempting', 'completed', 'rejected', 'expired', 'cancelled', 'revoked', 'preempted', 'no_show')),
            requested_by \(text) NOT NULL CHECK (requested_by IN ('source', 'target')),
            status_reason \(text),
            awaiting_return BOOLEAN NOT NULL,
            fencing_token BIGINT,
            handover \(text) NOT NULL,
            buffer_seconds BIGINT NOT NULL,
            is_unit BOOLEAN NOT NULL,
            no_show_after_seconds BIGINT NOT NULL,
            acknowledge_within_seconds BIGINT NOT NULL,
            deadline TIMESTAMPTZ,
            ready_at TIMESTAMPTZ,
            allocation_id UUID,
            was_approved BOOLEAN NOT NULL,
            arrival BIGINT,
            preemptions BIGINT NOT NULL,
            unit_terms \(text),
            binds_at TIMESTAMPTZ,
            version BIGINT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL,
            CHECK (resource_id IS NOT NULL OR unit_terms IS NOT NULL AND binds_at IS NOT NULL),
            -- A unit is promised once at a time. Of those that are bound late only once handed over: until then they may be
            -- moved. In UTC, because an index wants an expression that no setting changes.
            CONSTRAINT resource_sharing_overlap EXCLUDE USING gist (
                source_fleet_id WITH =, resource_id WITH =,
                tsrange(starts_at AT TIME ZONE 'UTC',
                    (ends_at AT TIME ZONE 'UTC') + buffer_seconds * INTERVAL '1 second') WITH &&)
                WHERE (is_unit AND status IN \(live)
                    AND (unit_terms IS NULL OR status NOT IN ('pending', 'granted')))
        )
        """,
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
        CREATE FUNCTION refuse_lower_fence() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'resource_sharing_fence',
                MESSAGE = 'a fencing token only rises';
        END $$
        """,
        """
        CREATE TRIGGER resource_sharing_fence AFTER UPDATE ON resource_sharing FOR EACH ROW
        WHEN (OLD.fencing_token IS NOT NULL
            AND (NEW.fencing_token IS NULL OR NEW.fencing_token < OLD.fencing_token))
        EXECUTE FUNCTION refuse_lower_fence()
        """,
    ]

    static let postgresMessaging: [String] = [
        """
        CREATE TABLE messages (
            message_id UUID NOT NULL,
            source_fleet_id \(text) NOT NULL,
            federation_id UUID NOT NULL,
            target_fleet_id \(text),
            message_type \(text) NOT NULL,
            class \(text) NOT NULL,
            ordering_key \(text),
            created_at TIMESTAMPTZ NOT NULL,
            expires_at TIMESTAMPTZ NOT NULL,
            position BIGINT NOT NULL,
            PRIMARY KEY (message_id, source_fleet_id)
        )
        """,
        """
        CREATE TABLE communication_logs (
            position BIGINT NOT NULL,
            target_fleet_id \(text) NOT NULL,
            log_id UUID NOT NULL,
            message_id UUID NOT NULL,
            federation_id UUID NOT NULL,
            source_fleet_id \(text) NOT NULL,
            message_type \(text) NOT NULL,
            class \(text) NOT NULL,
            ordering_key \(text),
            is_broadcast BOOLEAN NOT NULL,
            is_concealed BOOLEAN NOT NULL,
            status \(text) NOT NULL CHECK (status IN ('accepted', 'delivered', 'acknowledged', 'rejected', 'expired',
                'dead_lettered')),
            status_reason \(text),
            attempts BIGINT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL,
            expires_at TIMESTAMPTZ NOT NULL,
            delivered_at TIMESTAMPTZ,
            resolved_at TIMESTAMPTZ,
            PRIMARY KEY (position, target_fleet_id)
        )
        """,
        """
        CREATE INDEX communication_logs_inbox ON communication_logs (target_fleet_id, position)
        WHERE status IN ('accepted', 'delivered')
        """,
        "CREATE INDEX communication_logs_by_target ON communication_logs (target_fleet_id, position)",
        "CREATE INDEX communication_logs_by_source ON communication_logs (source_fleet_id, position)",
        "CREATE INDEX communication_logs_by_federation ON communication_logs (federation_id, created_at)",
        """
        CREATE INDEX communication_logs_dead ON communication_logs (position, target_fleet_id)
        WHERE status = 'dead_lettered'
        """,
        "CREATE UNIQUE INDEX communication_logs_by_id ON communication_logs (log_id) WHERE status = 'dead_lettered'",
        """
        CREATE FUNCTION refuse_change_of_final() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'communication_logs_final',
                MESSAGE = 'final is final';
        END $$
        """,
        // A dead letter may be put back on its way, and further in the same batch.
        """
        CREATE TRIGGER communication_logs_final AFTER UPDATE ON communication_logs FOR EACH ROW
        WHEN (OLD.status NOT IN ('accepted', 'delivered', 'dead_lettered') AND OLD.status <> NEW.status)
        EXECUTE FUNCTION refuse_change_of_final()
        """,
        """
        CREATE TABLE webhooks (
            webhook_id UUID PRIMARY KEY,
            fleet_id \(text) NOT NULL,
            url \(text) NOT NULL,
            event_types JSONB,
            status \(text) NOT NULL CHECK (status IN ('active', 'disabled', 'removed')),
            status_reason \(text),
            secret JSONB NOT NULL,
            previous_secret JSONB,
            previous_until TIMESTAMPTZ,
            public_key \(text) NOT NULL,
            starts_after BIGINT NOT NULL,
            created_by \(text) NOT NULL,
            version BIGINT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL
        )
        """,
        """
        CREATE TABLE event_replays (
            replay_id UUID PRIMARY KEY,
            webhook_id UUID,
            fleet_id \(text),
            from_position BIGINT NOT NULL,
            to_position BIGINT NOT NULL,
            status \(text) NOT NULL CHECK (status IN ('running', 'completed', 'cancelled')),
            status_reason \(text),
            requested_by \(text) NOT NULL,
            version BIGINT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL,
            ended_at TIMESTAMPTZ,
            CHECK ((webhook_id IS NULL) = (fleet_id IS NULL))
        )
        """,
        """
        CREATE TABLE webhook_pushes (
            sink \(text) NOT NULL,
            position BIGINT NOT NULL,
            webhook_id UUID NOT NULL,
            event_id UUID NOT NULL,
            event_type \(text) NOT NULL,
            lane \(text) NOT NULL,
            status \(text) NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'dropped')),
            attempts BIGINT NOT NULL,
            next_at TIMESTAMPTZ,
            http_status BIGINT,
            error \(text),
            created_at TIMESTAMPTZ NOT NULL,
            updated_at TIMESTAMPTZ NOT NULL,
            PRIMARY KEY (sink, position)
        )
        """,
        "CREATE INDEX webhook_pushes_pending ON webhook_pushes (sink, position) WHERE status = 'pending'",
        "CREATE INDEX webhook_pushes_by_webhook ON webhook_pushes (webhook_id, position, sink)",
        "CREATE INDEX webhook_pushes_by_status ON webhook_pushes (webhook_id, status, position, sink)",
        "CREATE INDEX webhook_pushes_ended ON webhook_pushes (updated_at) WHERE status <> 'pending'",
    ]
}
