package import FleetDomain

/// What reads the log by a cursor of its own.
package enum SinkName: Sendable, Hashable {
    /// What is live, to a webhook.
    case webhook(Webhook.ID)
    /// Warnings alone, so that nothing else holds them up.
    case warnings(Webhook.ID)
    case replay(EventReplay.ID)
    /// Everything, to the bus. It is never over.
    case kafka
    /// To the analytics store.
    case analytics

    package var text: String {
        switch self {
        case .kafka: kind
        case .webhook(let id), .warnings(let id): "\(kind)/\(id)"
        case .replay(let id): "\(kind)/\(id)"
        case .analytics: kind
        }
    }

    package var kind: String {
        switch self {
        case .webhook: "webhook"
        case .warnings: "warnings"
        case .replay: "replay"
        case .kafka: "kafka"
        case .analytics: "clickhouse"
        }
    }

    /// Whether it is there for one webhook, and ends with it.
    package var isOfWebhook: Bool {
        switch self {
        case .webhook, .warnings, .replay: true
        case .kafka, .analytics: false
        }
    }

    /// - Returns: nil for what is no sink that can be over.
    init?(_ text: String) {
        if text == Self.analytics.text {
            self = .analytics
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2, let id = ID<Never>(parts[1])?.raw else { return nil }
        switch parts[0] {
        case "webhook": self = .webhook(Webhook.ID(raw: id))
        case "warnings": self = .warnings(Webhook.ID(raw: id))
        case "replay": self = .replay(EventReplay.ID(raw: id))
        default: return nil
        }
    }
}

/// One event on its way to one webhook, or what became of it: a row of the log of deliveries. It is no projection: what
/// others answered is not in the log of events.
package struct Push: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        /// Tried again at `nextAt`.
        case pending
        case delivered
        /// Its tries are used up.
        case failed
        /// It was not for the webhook any more when its turn came.
        case dropped
    }

    package let sink: SinkName
    /// Of the event.
    package let position: Int64
    package let webhook: Webhook.ID
    package var event: Event.ID
    package let type: EventType
    /// Those of one lane arrive in order.
    package let lane: String
    package var status: Status
    package var attempts: Int64
    package var nextAt: Timestamp?
    /// Of the last try.
    package var httpStatus: Int64?
    /// Why the last try failed; a word.
    package var error: String?
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package init(
        sink: SinkName, position: Int64, webhook: Webhook.ID, event: Event.ID, type: EventType, lane: String,
        at now: Timestamp
    ) {
        self.sink = sink
        self.position = position
        self.webhook = webhook
        self.event = event
        self.type = type
        self.lane = lane
        status = .pending
        attempts = 0
        nextAt = now
        createdAt = now
        updatedAt = now
    }

    static let columns: SQL.Fragment =
        """
        sink, position, webhook_id, event_id, event_type, lane, status, attempts, next_at, http_status, error, \
        created_at, updated_at
        """

    init(_ row: SQLRow) throws(StoreError) {
        guard let sink = SinkName(try row.text(0)), let type = EventType(rawValue: try row.text(4)),
            let status = Status(rawValue: try row.text(6))
        else { throw StoreError.corrupt("webhook_pushes") }
        self.sink = sink
        position = try row.integer(1)
        webhook = try row.id(2)
        event = try row.id(3)
        self.type = type
        lane = try row.text(5)
        self.status = status
        attempts = try row.integer(7)
        nextAt = try row.optional(8) { (index) throws(StoreError) in try row.timestamp(index) }
        httpStatus = try row.optional(9) { (index) throws(StoreError) in try row.integer(index) }
        error = try row.optional(10) { (index) throws(StoreError) in try row.text(index) }
        createdAt = try row.timestamp(11)
        updatedAt = try row.timestamp(12)
    }

    /// A push that was made before, as after a redrive, begins anew.
    var upsert: SQL {
        SQL(
            "push.upsert",
            """
            INSERT INTO webhook_pushes (\(Self.columns)) VALUES (\(sink.text), \(position), \(webhook), \(event), \
            \(type.rawValue), \(lane), \(status.rawValue), \(attempts), \(nextAt), \(httpStatus), \(error), \
            \(createdAt), \(updatedAt)) ON CONFLICT (sink, position) DO UPDATE SET status = excluded.status, \
            attempts = excluded.attempts, next_at = excluded.next_at, http_status = excluded.http_status, \
            error = excluded.error, event_id = excluded.event_id, updated_at = excluded.updated_at
            """)
    }
}

extension Store {
    /// How far the sink has read; nil before the first time.
    package func cursor(of sink: SinkName) async throws(StoreError) -> Int64? {
        try await database.find(
            SQL("cursor.find", "SELECT position FROM sink_cursors WHERE sink = \(sink.text)")
        ).first?.integer(0)
    }

    /// Keeps what became of pushes, and how far the sink has read, as one: killed before, it reads and pushes again.
    ///
    /// - Parameter epoch: of the election that the sink runs for.
    /// - Throws: `.superseded` when another was elected since.
    package func keep(
        _ pushes: [Push], of sink: SinkName, upTo position: Int64, epoch: Int64
    ) async throws(StoreError) {
        let cursor = SQL(
            "cursor.keep",
            """
            INSERT INTO sink_cursors (sink, position) VALUES (\(sink.text), \(position)) \
            ON CONFLICT (sink) DO UPDATE SET position = excluded.position WHERE excluded.position > sink_cursors.position
            """)
        let guards = guardTerm(epoch).map { sink.isOfWebhook ? $0.deferrable : $0 }
        try await database.commit(guards + pushes.map(\.upsert) + [cursor])
    }

    /// Those of a sink that are to be tried again, oldest first.
    package func pendingPushes(of sink: SinkName) async throws(StoreError) -> [Push] {
        try await database.read(
            SQL(
                "pushes.pending",
                """
                SELECT \(Push.columns) FROM webhook_pushes WHERE sink = \(sink.text) AND status = 'pending' \
                ORDER BY position
                """)
        ).map { (row) throws(StoreError) in try Push(row) }
    }

    /// The positions after one of which the sink has stored something.
    package func pushPositions(of sink: SinkName, after position: Int64) async throws(StoreError) -> [Int64] {
        try await database.read(
            SQL(
                "pushes.after",
                "SELECT position FROM webhook_pushes WHERE sink = \(sink.text) AND position > \(position)")
        ).map { (row) throws(StoreError) in try row.integer(0) }
    }

    /// The log of deliveries to a webhook, the last event first.
    package func pushes(
        to webhook: Webhook.ID, status: Push.Status?, before: PushPlace?, size: Int
    ) async throws(StoreError) -> Page<Push> {
        var conditions: [SQL.Fragment] = ["webhook_id = \(webhook)"]
        if let status { conditions.append("status = \(status.rawValue)") }
        if let before { conditions.append("(position, sink) < (\(before.position), \(before.sink))") }
        let rows = try await database.read(
            SQL(
                "pushes.page",
                """
                SELECT \(Push.columns) FROM webhook_pushes WHERE \(SQL.all(conditions)) \
                ORDER BY position DESC, sink DESC LIMIT \(size + 1)
                """))
        return Page(found: try rows.map { (row) throws(StoreError) in try Push(row) }, size: size)
    }

    /// Forgets a sink that is over; what it delivered stays in the log of deliveries for its time.
    ///
    /// - Throws: `.superseded` when another than of this epoch was elected.
    package func retire(_ sink: SinkName, at now: Timestamp, epoch: Int64) async throws(StoreError) {
        try await database.commit(
            guardTerm(epoch) + [
                SQL("cursor.remove", "DELETE FROM sink_cursors WHERE sink = \(sink.text)"),
                SQL(
                    "pushes.drop",
                    """
                    UPDATE webhook_pushes SET status = 'dropped', next_at = NULL, updated_at = \(now) \
                    WHERE sink = \(sink.text) AND status = 'pending'
                    """),
            ])
    }

    /// The sinks that have a cursor and may be over.
    package func sinks() async throws(StoreError) -> [SinkName] {
        let rows = try await database.read(SQL("cursors.all", "SELECT sink FROM sink_cursors"))
        return try rows.map { (row) throws(StoreError) in try row.text(0) }.compactMap(SinkName.init)
    }

    /// Whether there are rows of the log of deliveries that ended before.
    package func hasPushes(endedBefore time: Timestamp) async throws(StoreError) -> Bool {
        try await database.find(
            SQL(
                "pushes.ended",
                "SELECT 1 FROM webhook_pushes WHERE status <> 'pending' AND updated_at < \(time) LIMIT 1")
        ).first != nil
    }

    /// Removes up to `limit` rows of the log of deliveries that ended before.
    package func removePushes(endedBefore time: Timestamp, limit: Int) async throws(StoreError) {
        try await database.commit([
            SQL(
                "pushes.expire",
                """
                DELETE FROM webhook_pushes WHERE (sink, position) IN (SELECT sink, position FROM webhook_pushes \
                WHERE status <> 'pending' AND updated_at < \(time) LIMIT \(limit))
                """)
        ])
    }
}

/// The place of a push in the log of deliveries.
package struct PushPlace: Sendable, LosslessStringConvertible {
    fileprivate let position: Int64
    fileprivate let sink: String

    package init(_ push: Push) {
        position = push.position
        sink = push.sink.text
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let position = Int64(parts[0]) else { return nil }
        self.position = position
        sink = String(parts[1])
    }

    package var description: String { "\(position.padded)/\(sink)" }
}
