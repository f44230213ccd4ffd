package import FleetDomain

package struct EventFilter: Sendable {
    package var types: [EventType]?
    package var actor: String?
    package var from: Timestamp?
    package var to: Timestamp?
    /// Only events that the log keeps for one of these: narrows what is read, `View` decides what is seen.
    package var reader: Principal?

    package init() {}
}

/// Events of one stretch of the log, and where the stretch ended.
package struct EventStretch: Sendable {
    package let events: [Event]
    /// Everything up to here has been looked at.
    package let end: Int64

    package init(events: [Event], end: Int64) {
        self.events = events
        self.end = end
    }
}

extension Store {
    /// How many positions one reading looks at, at most: what a reader may not see is passed over, but not without
    /// end.
    package static let stretchLength: Int64 = 200_000

    /// The first `limit` events after `position` that match.
    package func events(
        matching filter: EventFilter, after position: Int64, limit: Int, standings: [Federation.ID: Standing] = [:]
    ) async throws(StoreError) -> EventStretch {
        let end = try await endOfLog()
        let last = min(end, position + Self.stretchLength)
        guard last > position else { return EventStretch(events: [], end: position) }
        var conditions: [SQL.Fragment] = ["position > \(position)", "position <= \(last)"]
        if let types = filter.types { conditions.append("type IN \(list: types.map(\.rawValue))") }
        if let actor = filter.actor { conditions.append("actor = \(actor)") }
        if let from = filter.from { conditions.append("at >= \(from)") }
        if let to = filter.to { conditions.append("at < \(to)") }
        if let reader = filter.reader, let audience = Self.audience(of: reader, standings) {
            conditions.append(audience)
        }
        let rows = try await database.read(
            SQL(
                "events.matching",
                """
                SELECT \(EventLog.columns) FROM events WHERE \(SQL.all(conditions)) ORDER BY position LIMIT \(limit)
                """))
        let events = try rows.map { (row) throws(StoreError) in try EventLog.decode(row) }
        let isCut = events.count == limit
        return EventStretch(events: events, end: isCut ? events.last?.position ?? last : last)
    }

    /// Names that the stored audience must have for the reader to be in it; nil when there are too many to name.
    /// It may match more than it should, because `_` stands for any character, never less.
    private static func audience(
        of reader: Principal, _ standings: [Federation.ID: Standing]
    ) -> SQL.Fragment? {
        let coordinated = standings.values.filter {
            reader.holds(.eventRead, coordinating: $0) || reader.holds(.auditRead, coordinating: $0)
        }
        let names =
            reader.fleets.map(\.description).sorted() + coordinated.map(\.federation.id.description).sorted()
        guard names.count <= 32 else { return nil }
        let conditions: [SQL.Fragment] = names.map { "CAST(audience AS TEXT) LIKE \("%\"\($0)\"%")" }
        return SQL.any(conditions + ["actor = \(reader.subject)"])
    }
}
