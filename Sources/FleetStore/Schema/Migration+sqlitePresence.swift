extension Migration {
    /// Signs of life, and who gave none in time.
    static let sqlitePresence = [
        "ALTER TABLE fleets ADD COLUMN heartbeat_interval_seconds INTEGER",
        """
        ALTER TABLE fleet_federation_members ADD COLUMN presence TEXT CHECK (presence IN ('reachable', 'unreachable'))
        """,
    ]
}
