package import FleetDomain

/// Everything the service keeps, over whatever SQL engine serves it.
package struct Store: Sendable {
    package let database: any SQLDatabase

    package init(database: any SQLDatabase) { self.database = database }

    /// Commits what was decided: the events, the rows that show them and the records of keyed requests, as one.
    ///
    /// The first event's position is a primary key: two writers on one log cannot both succeed.
    ///
    /// - Parameter epoch: the writer's, where one is elected.
    /// - Throws: `.superseded` when another was elected since.
    package func commit(
        _ batch: Batch, idempotency: [IdempotencyRecord] = [], epoch: Int64 = 0
    ) async throws(StoreError) {
        var statements = batch.events.first.map { guardWriter(epoch, logEnd: $0.position - 1) } ?? []
        statements += batch.events.map(EventLog.insert)
        statements += Projection.statements(for: batch.changes)
        statements += idempotency.flatMap(\.statements)
        guard !statements.isEmpty else { return }
        try await database.commit(statements)
    }

    package func idempotencyRecord(_ key: UInt128) async throws(StoreError) -> IdempotencyRecord? {
        guard let row = try await database.find(IdempotencyRecord.find(key)).first else { return nil }
        return try IdempotencyRecord(row)
    }

    /// Removes up to `limit` records that have outlived their day.
    package func removeExpiredKeys(now: Timestamp, limit: Int) async throws(StoreError) {
        try await database.commit([
            SQL(
                "idempotency.expire",
                """
                DELETE FROM idempotency_keys WHERE key_hash IN (SELECT key_hash FROM idempotency_keys \
                WHERE at <= \(now - IdempotencyRecord.lifetime) LIMIT \(limit))
                """)
        ])
    }

    /// The position of the last event, or 0.
    package func endOfLog() async throws(StoreError) -> Int64 {
        try await database.find(EventLog.end).first?.integer(0) ?? 0
    }

    /// Whether the log has this event there.
    package func holds(_ event: Event.ID, at position: Int64) async throws(StoreError) -> Bool {
        try await !database.find(
            SQL("events.holds", "SELECT 1 FROM events WHERE position = \(position) AND event_id = \(event)")
        ).isEmpty
    }

    /// Events after `position` in order, at most `limit`.
    package func events(after position: Int64, limit: Int) async throws(StoreError) -> [Event] {
        try await database.read(EventLog.page(after: position, limit: limit)).map(decode)
    }

    private func decode(_ row: SQLRow) throws(StoreError) -> Event { try EventLog.decode(row) }

    /// A value that all processes on this database share, made by the first that asks.
    package func setting(_ name: String, makeIfAbsent make: () -> [UInt8]) async throws(StoreError) -> [UInt8] {
        if let value = try await setting(name) { return value }
        try await database.commit([
            SQL(
                "settings.insert",
                """
                INSERT INTO service_settings (name, value) VALUES (\(name), \(SQLValue.bytes(make()))) \
                ON CONFLICT (name) DO NOTHING
                """)
        ])
        guard let value = try await setting(name) else { throw StoreError.corrupt("setting \(name)") }
        return value
    }

    package func setting(_ name: String) async throws(StoreError) -> [UInt8]? {
        let row = try await database.find(
            SQL("settings.find", "SELECT value FROM service_settings WHERE name = \(name)")
        ).first
        return try row.map { (row) throws(StoreError) in try row.bytes(0) }
    }
}
