extension Migration {
    /// Text that is compared byte by byte, whatever the database's own order is.
    static let text = "TEXT COLLATE \"C\""

    /// The schema whole, as version 1 of this engine: the schema that SQLite reached in ten steps.
    ///
    /// `JSON` is kept where the text must come back as it was written: in the log, because the audit tree is made of its
    /// bytes, and where callers wrote it; `JSONB` everywhere else.
    static let postgresFoundation: [String] =
        [
            // A trusted extension: whoever may create in the database may create it.
            "CREATE EXTENSION IF NOT EXISTS btree_gist",
            """
            CREATE TABLE events (
                position BIGINT PRIMARY KEY CHECK (position >= 1),
                event_id UUID NOT NULL,
                type \(text) NOT NULL,
                actor \(text) NOT NULL,
                acting_fleet_id \(text),
                request_id \(text) NOT NULL,
                at TIMESTAMPTZ NOT NULL,
                audience JSON NOT NULL,
                data JSON NOT NULL,
                is_privileged BOOLEAN NOT NULL
            )
            """,
            "CREATE INDEX events_by_id ON events (event_id)",
            "CREATE INDEX events_measured ON events (at, position, type) WHERE type IN \(measuredEvents)",
            """
            CREATE TABLE idempotency_keys (
                key_hash UUID PRIMARY KEY,
                fingerprint UUID NOT NULL,
                position BIGINT NOT NULL,
                at TIMESTAMPTZ NOT NULL
            )
            """,
            "CREATE INDEX idempotency_keys_by_at ON idempotency_keys (at)",
            "CREATE TABLE service_settings (name \(text) PRIMARY KEY, value BYTEA NOT NULL)",
            """
            CREATE TABLE fleets (
                fleet_id \(text) PRIMARY KEY,
                name \(text) NOT NULL,
                organization \(text) NOT NULL,
                status \(text) NOT NULL CHECK (status IN ('active', 'retired')),
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL,
                contact JSONB,
                key_generation BIGINT NOT NULL,
                heartbeat_interval_seconds BIGINT,
                signing_key JSONB
            )
            """,
            """
            CREATE TABLE resources (
                fleet_id \(text) NOT NULL,
                resource_id \(text) NOT NULL,
                resource_type \(text) NOT NULL,
                capacity BIGINT NOT NULL CHECK (capacity >= 1),
                attributes JSON NOT NULL,
                buffer_seconds BIGINT NOT NULL CHECK (buffer_seconds >= 0),
                handover \(text) NOT NULL CHECK (handover IN ('automatic', 'confirmed')),
                interruptible BOOLEAN NOT NULL,
                pooled BOOLEAN NOT NULL,
                on_lease_loss \(text) NOT NULL,
                status \(text) NOT NULL CHECK (status IN ('available', 'maintenance', 'retired')),
                fencing_token BIGINT NOT NULL,
                cooling JSONB NOT NULL,
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL,
                PRIMARY KEY (fleet_id, resource_id)
            )
            """,
            """
            CREATE TABLE fleet_federations (
                federation_id UUID PRIMARY KEY,
                name \(text) NOT NULL,
                description \(text) NOT NULL,
                status \(text) NOT NULL CHECK (status IN ('active', 'suspended', 'dissolving', 'dissolved')),
                policy JSONB NOT NULL,
                membership_epoch BIGINT NOT NULL,
                created_by \(text) NOT NULL,
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL
            )
            """,
            """
            CREATE TABLE fleet_federation_members (
                federation_id UUID NOT NULL,
                fleet_id \(text) NOT NULL,
                isolation_level \(text) NOT NULL CHECK (isolation_level IN ('none', 'low', 'medium', 'high', 'sealed')),
                resource_sharing BOOLEAN NOT NULL,
                communication_enabled BOOLEAN NOT NULL,
                role \(text) NOT NULL CHECK (role IN ('coordinator', 'member', 'observer')),
                status \(text) NOT NULL CHECK (status IN ('invited', 'active', 'suspended', 'leaving', 'left')),
                suspended_by \(text),
                is_recalled BOOLEAN NOT NULL,
                sharing_rules JSONB NOT NULL,
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL,
                presence \(text) CHECK (presence IN ('reachable', 'unreachable')),
                PRIMARY KEY (federation_id, fleet_id)
            )
            """,
            "CREATE INDEX fleet_federation_members_by_fleet ON fleet_federation_members (fleet_id, federation_id)",
            """
            CREATE TABLE fleet_quotas (
                federation_id UUID NOT NULL,
                fleet_id \(text) NOT NULL,
                resource_type \(text) NOT NULL,
                nominal BIGINT NOT NULL CHECK (nominal >= 0),
                lending_limit BIGINT CHECK (lending_limit BETWEEN 0 AND nominal),
                borrowing_limit BIGINT CHECK (borrowing_limit >= 0),
                weight BIGINT NOT NULL CHECK (weight >= 0),
                is_removed BOOLEAN NOT NULL,
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL,
                PRIMARY KEY (federation_id, fleet_id, resource_type)
            )
            """,
            """
            CREATE TABLE fleet_balances (
                federation_id UUID NOT NULL,
                fleet_id \(text) NOT NULL,
                resource_type \(text) NOT NULL,
                lent BIGINT NOT NULL CHECK (lent >= 0),
                borrowed BIGINT NOT NULL CHECK (borrowed >= 0),
                as_of TIMESTAMPTZ NOT NULL,
                PRIMARY KEY (federation_id, fleet_id, resource_type)
            )
            """,
            """
            CREATE TABLE allocations (
                allocation_id UUID PRIMARY KEY,
                federation_id UUID NOT NULL,
                target_fleet_id \(text) NOT NULL,
                items JSONB NOT NULL,
                duration BIGINT NOT NULL CHECK (duration >= 1),
                earliest TIMESTAMPTZ NOT NULL,
                latest TIMESTAMPTZ NOT NULL CHECK (latest >= earliest),
                priority \(text) NOT NULL,
                accepts_part BOOLEAN NOT NULL,
                purpose \(text),
                reason \(text),
                status \(text) NOT NULL CHECK (status IN ('granted', 'partial', 'pending', 'queued', 'refused', 'cancelled',
                    'expired', 'ended')),
                lease_ids JSONB NOT NULL,
                is_part BOOLEAN NOT NULL,
                has_begun BOOLEAN NOT NULL,
                waiting JSONB,
                preemptions BIGINT NOT NULL,
                explanation JSON NOT NULL,
                version BIGINT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL,
                updated_at TIMESTAMPTZ NOT NULL
            )
            """,
            "CREATE INDEX allocations_by_target ON allocations (target_fleet_id, allocation_id)",
            "CREATE INDEX allocations_by_federation ON allocations (federation_id, updated_at) WHERE status <> 'refused'",
            """
            CREATE TABLE coordination_metrics (
                metric_id UUID PRIMARY KEY,
                federation_id UUID NOT NULL,
                metric_type \(text) NOT NULL,
                metric_value DOUBLE PRECISION NOT NULL,
                metric_unit \(text) NOT NULL,
                calculated_at TIMESTAMPTZ NOT NULL
            )
            """,
            "CREATE INDEX coordination_metrics_by_federation ON coordination_metrics (federation_id, calculated_at)",
            """
            CREATE TABLE api_keys (
                key_id UUID PRIMARY KEY,
                name \(text) NOT NULL,
                digest BYTEA NOT NULL,
                roles JSONB NOT NULL,
                fleet_ids JSONB NOT NULL,
                federation_ids JSONB NOT NULL,
                scopes JSONB NOT NULL,
                created_by \(text) NOT NULL,
                expires_at TIMESTAMPTZ,
                revoked_at TIMESTAMPTZ,
                created_at TIMESTAMPTZ NOT NULL
            )
            """,
            "CREATE UNIQUE INDEX api_keys_by_digest ON api_keys (digest) WHERE revoked_at IS NULL",
            "CREATE TABLE sink_cursors (sink \(text) PRIMARY KEY, position BIGINT NOT NULL)",
            """
            CREATE TABLE audit_tiles (
                level BIGINT NOT NULL,
                number BIGINT NOT NULL,
                hashes BYTEA NOT NULL,
                PRIMARY KEY (level, number)
            )
            """,
            """
            CREATE TABLE audit_checkpoints (
                tree_size BIGINT PRIMARY KEY,
                root_hash \(text) NOT NULL,
                note \(text) NOT NULL,
                made_at TIMESTAMPTZ NOT NULL
            )
            """,
            // Who decides, of all processes on this database.
            """
            CREATE TABLE writer (
                is_only BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (is_only),
                epoch BIGINT NOT NULL,
                holder \(text) NOT NULL,
                url \(text) NOT NULL,
                expires_at TIMESTAMPTZ NOT NULL
            )
            """,
            "INSERT INTO writer (epoch, holder, url, expires_at) VALUES (0, '', '', clock_timestamp())",
            // Which servers have carried the log on: `LogTimeline`.
            """
            CREATE TABLE log_timelines (
                timeline BIGINT PRIMARY KEY,
                server \(text) NOT NULL,
                starts_after BIGINT NOT NULL
            )
            """,
            // A server that was promoted counts on in its own timelines, and a copy that was made from a dump has an id of its
            // own.
            """
            CREATE FUNCTION server_timeline() RETURNS TEXT LANGUAGE sql VOLATILE AS $$
                SELECT CAST(system_identifier AS TEXT) || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
                FROM pg_control_system()
            $$
            """,
            // Begins whatever only who is elected may store. It raises, because a count of rows that is looked at afterwards
            // stops no batch that was sent whole; and it locks the row, so that nobody is elected in the middle of a batch.
            """
            CREATE FUNCTION guard_term(mine BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM 1 FROM writer WHERE epoch = mine FOR SHARE;
                IF NOT FOUND THEN
                    RAISE EXCEPTION USING ERRCODE = 'FC001', MESSAGE = 'another writer was elected';
                END IF;
                IF (SELECT server FROM log_timelines ORDER BY timeline DESC LIMIT 1) <> server_timeline() THEN
                    RAISE EXCEPTION USING ERRCODE = 'FC001', MESSAGE = 'another server carries the log on';
                END IF;
            END $$
            """,
            // Begins every batch of events.
            """
            CREATE FUNCTION guard_writer(mine BIGINT, log_end BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM guard_term(mine);
                IF COALESCE((SELECT MAX(position) FROM events), 0) <> log_end THEN
                    RAISE EXCEPTION USING ERRCODE = 'FC001', MESSAGE = 'the log does not end where the writer left it';
                END IF;
            END $$
            """,
        ] + postgresSharing + postgresMessaging + postgresRowSecurity
}
