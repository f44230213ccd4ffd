extension Migration {
    /// What a fleet's people write, sealed.
    static let sqliteSealing = [
        "ALTER TABLE fleets ADD COLUMN contact TEXT",
        "ALTER TABLE fleets ADD COLUMN key_generation INTEGER NOT NULL DEFAULT 0",
    ]
}
