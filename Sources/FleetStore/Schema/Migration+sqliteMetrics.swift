extension Migration {
    /// The events that metrics are made from besides the tables: few of all, and found without reading the others.
    /// A query says this list in the same words, for only then may the engine use the index.
    static let measuredEvents = """
        ('member.invited', 'member.joined', 'member.updated', 'member.suspended', 'member.resumed', 'member.leaving', \
        'member.left', 'resource.registered', 'resource.updated', 'resource.retired', \
        'isolation.violation_blocked')
        """

    /// What the metrics of a federation are read by; a part of the step that adds the queue.
    static let sqliteMetrics = [
        "CREATE INDEX resource_sharing_by_federation ON resource_sharing (federation_id, ended_at)",
        """
        CREATE INDEX allocations_by_federation ON allocations (federation_id, updated_at) WHERE status <> 'refused'
        """,
        "CREATE INDEX events_measured ON events (at, position, type) WHERE type IN \(measuredEvents)",
    ]
}
