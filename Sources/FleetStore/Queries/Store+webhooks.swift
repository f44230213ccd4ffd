package import FleetDomain

extension Store {
    package func webhook(_ id: Webhook.ID) async throws(StoreError) -> Webhook? {
        let row = try await database.find(
            SQL("webhook.find", Tables.webhooks.select + "WHERE webhook_id = \(id) AND status <> 'removed'")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.webhooks.decode(row) }
    }

    /// Those that the reader manages.
    ///
    /// - Parameter fleet: only of this one.
    package func webhooks(
        for reader: Principal, of fleet: Fleet.ID?, after: Webhook.ID?, size: Int
    ) async throws(StoreError) -> Page<Webhook> {
        var conditions: [SQL.Fragment] = [
            "status <> 'removed'", reader.limits("fleet_id", to: .communicationManage),
        ]
        if let fleet { conditions.append("fleet_id = \(fleet)") }
        if let after { conditions.append("webhook_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "webhooks.page",
                Tables.webhooks.select + "WHERE \(SQL.all(conditions)) ORDER BY webhook_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(
            found: try rows.map { (row) throws(StoreError) in try Tables.webhooks.decode(row) }, size: size)
    }

    package func replay(_ id: EventReplay.ID) async throws(StoreError) -> EventReplay? {
        let row = try await database.find(
            SQL("replay.find", Tables.replays.select + "WHERE replay_id = \(id)")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.replays.decode(row) }
    }

    /// How far a replay is; nil when it is not known any more.
    package func progress(of replay: EventReplay) async throws(StoreError) -> ReplayProgress? {
        guard replay.isToBus else { return try await pushes(of: replay.id) }
        let end: Int64? =
            switch replay.status {
            case .running: try await cursor(of: .replay(replay.id)) ?? replay.from - 1
            case .completed: replay.to
            case .cancelled: nil
            }
        return end.map { ReplayProgress(delivered: $0 - replay.from + 1, pending: replay.to - $0) }
    }

    private func pushes(of replay: EventReplay.ID) async throws(StoreError) -> ReplayProgress {
        let rows = try await database.read(
            SQL(
                "pushes.progress",
                """
                SELECT status, COUNT(*) FROM webhook_pushes WHERE sink = \(SinkName.replay(replay).text) GROUP BY status
                """))
        var progress = ReplayProgress()
        for row in rows {
            let count = try row.integer(1)
            switch Push.Status(rawValue: try row.text(0)) {
            case .delivered: progress.delivered = count
            case .pending: progress.pending = count
            case .failed, .dropped: progress.failed += count
            case nil: throw StoreError.corrupt("webhook_pushes.status")
            }
        }
        return progress
    }

    /// Messages that were given up, to fleets whose communication the reader manages.
    package func deadLetters(
        for reader: Principal, _ filter: DeliveryFilter, after: DeliveryPlace?, size: Int
    ) async throws(StoreError) -> Page<Delivery> {
        var conditions: [SQL.Fragment] = [
            "status = 'dead_lettered'", reader.limits("target_fleet_id", to: .communicationManage),
        ]
        if let federation = filter.federation { conditions.append("federation_id = \(federation)") }
        if let fleet = filter.fleet { conditions.append("target_fleet_id = \(fleet)") }
        if let after { conditions.append("(position, target_fleet_id) > (\(after.position), \(after.target))") }
        let rows = try await database.read(
            SQL(
                "dead_letters.page",
                Tables.deliveries.select
                    + "WHERE \(SQL.all(conditions)) ORDER BY position, target_fleet_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }, size: size)
    }

    /// The message that was given up, by the id of its row in the communication log.
    package func deadLetter(_ id: Delivery.ID) async throws(StoreError) -> Delivery? {
        let row = try await database.find(
            SQL(
                "dead_letter.find",
                Tables.deliveries.select + "WHERE log_id = \(id) AND status = 'dead_lettered'")
        ).first
        return try row.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }
    }
}
