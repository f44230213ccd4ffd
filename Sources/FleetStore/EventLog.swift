import FleetDomain
import FleetJSON

/// The log of events: the source of truth, the outbox of every sink and the audit log.
///
/// Positions begin at 1 and have no gaps, because one writer gives them and each is the primary key of its row.
enum EventLog {
    static let columns: SQL.Fragment =
        "position, event_id, type, actor, acting_fleet_id, request_id, at, audience, data, is_privileged"

    static func insert(_ event: Event) -> SQL {
        var data = JSONWriter(capacity: 768)
        event.entity.write(to: &data)
        var audience = JSONWriter(capacity: 96)
        event.audience.write(to: &audience)
        return SQL(
            "events.insert",
            """
            INSERT INTO events (\(columns)) \
            VALUES (\(event.position), \(event.id), \(event.type.rawValue), \(event.actor), \(event.actingFleet), \
            \(event.requestID), \(event.at), \(.json(audience.string)), \(.json(data.string)), \
            \(SQLValue.bool(event.isPrivileged)))
            """)
    }

    static func decode(_ row: SQLRow) throws(StoreError) -> Event {
        let position = try row.integer(0)
        do {
            guard let type = EventType(rawValue: try row.text(2)), let data = try JSON.parse(row.text(8)).objectValue
            else { throw StoreError.corrupt("event \(position)") }
            return Event(
                position: position, id: try row.id(1), type: type, entity: try Entity(kind: type.kind, json: data),
                actor: try row.text(3),
                actingFleet: try row.optional(4) { (index) throws(StoreError) in try row.name(index) },
                isPrivileged: try row.integer(9) != 0, requestID: try row.text(5), at: try row.timestamp(6),
                audience: try Audience(json: JSON.parse(row.text(7))))
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError.corrupt("event \(position): \(error)")
        }
    }

    /// Up to `limit` events after `position`, in order.
    static func page(after position: Int64, limit: Int) -> SQL {
        SQL(
            "events.page",
            "SELECT \(columns) FROM events WHERE position > \(position) ORDER BY position LIMIT \(limit)")
    }

    /// The same rows as they are stored, for the tree over them: texts as bytes, so that one that is no UTF-8 is read as well.
    static func stored(after position: Int64, limit: Int, in dialect: Dialect) -> SQL {
        func bytes(_ column: SQL.Fragment) -> SQL.Fragment { dialect.stored(column) }
        return SQL(
            "events.stored",
            """
            SELECT position, event_id, \(bytes("type")), \(bytes("actor")), \(bytes("acting_fleet_id")), \
            \(bytes("request_id")), at, \(bytes("audience")), \(bytes("data")), is_privileged \
            FROM events WHERE position > \(position) ORDER BY position LIMIT \(limit)
            """)
    }

    static var end: SQL { SQL("events.end", "SELECT position, at FROM events ORDER BY position DESC LIMIT 1") }
}
