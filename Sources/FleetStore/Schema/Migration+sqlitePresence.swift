extension Migration {
    /// Signs of life, and who gave none in time; and the keys that fleets sign with.
    static let sqlitePresence = [
        "ALTER TABLE fleets ADD COLUMN heartbeat_interval_seconds INTEGER",
        "ALTER TABLE fleets ADD COLUMN signing_key TEXT",
        """
        ALTER TABLE fleet_federation_members ADD COLUMN presence TEXT CHECK (presence IN ('reachable', 'unreachable'))
        """,
    ]
}
