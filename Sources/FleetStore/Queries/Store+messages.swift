package import FleetDomain

package struct DeliveryFilter: Sendable {
    package var federation: Federation.ID?
    /// On either side.
    package var fleet: Fleet.ID?
    package var status: DeliveryStatus?
    package var type: MessageType?
    package var from: Timestamp?
    package var to: Timestamp?

    package init() {}
}

/// The place of a delivery in the communication log.
package struct DeliveryPlace: Sendable, LosslessStringConvertible {
    package let position: Int64
    package let target: Fleet.ID

    package init(_ delivery: Delivery) {
        position = delivery.position
        target = delivery.target
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let position = Int64(parts[0]), let target = Fleet.ID(String(parts[1])) else {
            return nil
        }
        self.position = position
        self.target = target
    }

    package var description: String { "\(position.padded)/\(target)" }
}

extension Store {
    /// The messages with this id, one for each source that chose it.
    package func messages(_ id: Message.ID) async throws(StoreError) -> [MessageHead] {
        let rows = try await database.find(
            SQL("messages.find", Tables.messages.select + "WHERE message_id = \(id) ORDER BY position"))
        return try rows.map { (row) throws(StoreError) in try Tables.messages.decode(row) }
    }

    package func deliveries(of message: MessageHead) async throws(StoreError) -> [Delivery] {
        let rows = try await database.find(
            SQL(
                "deliveries.of_message",
                Tables.deliveries.select + "WHERE position = \(message.position) ORDER BY target_fleet_id"))
        return try rows.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }
    }

    /// The deliveries to these fleets of the messages that were accepted at these positions.
    package func deliveries(
        at positions: [Int64], to fleets: Set<Fleet.ID>
    ) async throws(StoreError) -> [Delivery] {
        let rows = try await database.find(
            SQL(
                "deliveries.at",
                Tables.deliveries.select
                    + "WHERE position IN \(list: positions) AND target_fleet_id IN \(list: fleets.sorted())"))
        return try rows.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }
    }

    /// What waits for a fleet after a position, oldest first.
    ///
    /// - Parameter now: what has expired by then is left out.
    package func inbox(
        of fleet: Fleet.ID, after position: Int64, now: Timestamp, limit: Int
    ) async throws(StoreError) -> [Delivery] {
        let rows = try await database.find(
            SQL(
                "deliveries.inbox",
                Tables.deliveries.select + """
                    WHERE target_fleet_id = \(fleet) AND position > \(position) \
                    AND status IN ('accepted', 'delivered') AND expires_at > \(now) ORDER BY position LIMIT \(limit)
                    """))
        return try rows.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }
    }

    /// The communication log, as far as the reader may see it.
    package func deliveries(
        for reader: Principal, _ filter: DeliveryFilter, now: Timestamp, after: DeliveryPlace?, size: Int
    ) async throws(StoreError) -> Page<Delivery> {
        var conditions = [reader.seesDelivery]
        if let federation = filter.federation { conditions.append("l.federation_id = \(federation)") }
        if let fleet = filter.fleet {
            // Of what the reader sees of it for the other side, it is not told whose it is.
            conditions.append("(l.source_fleet_id = \(fleet) OR l.target_fleet_id = \(fleet))")
        }
        if let status = filter.status { conditions.append(Self.isOf(status, now)) }
        if let type = filter.type { conditions.append("l.message_type = \(type)") }
        if let from = filter.from { conditions.append("l.created_at >= \(from)") }
        if let to = filter.to { conditions.append("l.created_at < \(to)") }
        if let after {
            conditions.append("(l.position, l.target_fleet_id) > (\(after.position), \(after.target))")
        }
        let rows = try await database.read(
            SQL(
                "deliveries.page",
                Tables.deliveries.aliasedSelect
                    + "WHERE \(SQL.all(conditions)) ORDER BY l.position, l.target_fleet_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.deliveries.decode(row) }, size: size)
    }

    /// What a delivery is at that time, recorded or not.
    private static func isOf(_ status: DeliveryStatus, _ now: Timestamp) -> SQL.Fragment {
        switch status {
        case .accepted, .delivered: "(l.status = \(status.rawValue) AND l.expires_at > \(now))"
        case .expired: "(l.status = 'expired' OR (l.status IN ('accepted', 'delivered') AND l.expires_at <= \(now)))"
        case .acknowledged, .rejected, .deadLettered: "l.status = \(status.rawValue)"
        }
    }

    /// The messages that were accepted at these positions, with their contents.
    package func messages(at positions: [Int64]) async throws(StoreError) -> [Int64: Message] {
        let rows = try await database.read(
            SQL(
                "messages.at",
                "SELECT \(EventLog.columns) FROM events WHERE position IN \(list: positions)"))
        var messages: [Int64: Message] = [:]
        for row in rows {
            let event = try EventLog.decode(row)
            messages[event.position] = event.entity.asMessage
        }
        return messages
    }
}
