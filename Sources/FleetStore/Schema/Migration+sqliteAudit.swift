extension Migration {
    /// The Merkle tree over the log, in tiles, and its checkpoints; a record is found by its id.
    static let sqliteAudit = [
        """
        CREATE TABLE audit_tiles (
            level INTEGER NOT NULL,
            number INTEGER NOT NULL,
            hashes BLOB NOT NULL,
            PRIMARY KEY (level, number)
        ) STRICT
        """,
        """
        CREATE TABLE audit_checkpoints (
            tree_size INTEGER PRIMARY KEY,
            root_hash TEXT NOT NULL,
            note TEXT NOT NULL,
            made_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX events_by_id ON events (event_id)",
    ]
}
