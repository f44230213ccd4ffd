/// A range of the log that is pushed to a webhook again, or published to the bus again, beside what is live.
package struct EventReplay: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<EventReplay>

    package let id: ID
    /// nil is to the bus.
    package let webhook: Webhook.ID?
    /// Whose webhook it is; nil is to the bus.
    package let fleet: Fleet.ID?
    /// The first position of the range.
    package let from: Int64
    /// The last one.
    package let to: Int64
    package var status: EventReplayStatus
    package var statusReason: String?
    package let requestedBy: String
    package var version: Int64
    package let createdAt: Timestamp
    package var endedAt: Timestamp?

    package var isToBus: Bool { webhook == nil }

    /// Whether the principal may ask for it, look at it and cancel it.
    package func isManaged(by principal: Principal) -> Bool {
        fleet.map { principal.holds(.eventReplay, for: $0) } ?? principal.holdsEverywhere(.eventReplay)
    }
}

package enum EventReplayStatus: String, Sendable, CaseIterable {
    case running, completed, cancelled
}

extension EventReplay: Record {
    package static var fields: [StaticString] {
        [
            "replay_id", "webhook_id", "fleet_id", "from_position", "to_position", "status", "status_reason",
            "requested_by", "version", "created_at", "ended_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .id(webhook), .text(fleet?.description), .integer(from), .integer(to), .choice(status),
            .text(statusReason),
            .text(requestedBy), .integer(version), .time(createdAt), .time(endedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        webhook = try reader.optionalID()
        fleet = try reader.optionalName()
        from = try reader.integer()
        to = try reader.integer()
        status = try reader.choice()
        statusReason = try reader.optionalText()
        requestedBy = try reader.text()
        version = try reader.integer()
        createdAt = try reader.time()
        endedAt = try reader.optionalTime()
    }
}

extension Ledger {
    /// - Parameter permission: under which it is asked for.
    /// - Throws: `webhook_not_found`, `webhook_disabled`, `replay_range_invalid`, `replay_limit`.
    package mutating func replay(
        to id: Webhook.ID, from first: Int64, to last: Int64, under permission: Permission, _ context: inout Context
    ) throws(FleetError) -> Entity {
        let webhook = try managedWebhook(id, context.principal, under: permission)
        try requireActive(webhook)
        return try replay(to: webhook, from: first, to: last, &context)
    }

    /// Has the range published to the bus again: everything, whoever it is about.
    ///
    /// - Throws: `permission_denied`, `replay_range_invalid`, `replay_limit`.
    package mutating func replayToBus(
        from first: Int64, to last: Int64, _ context: inout Context
    ) throws(FleetError) -> Entity {
        guard context.principal.holdsEverywhere(.eventReplay) else { throw FleetError.denied(.eventReplay) }
        return try replay(to: nil, from: first, to: last, &context)
    }

    private mutating func replay(
        to webhook: Webhook?, from first: Int64, to last: Int64, _ context: inout Context
    ) throws(FleetError) -> Entity {
        guard first >= 1, first <= last, last <= position else {
            throw FleetError(.replayRangeInvalid, "The range ends before it begins, or is not in the log yet.")
        }
        guard replays.values.count(where: { $0.webhook == webhook?.id }) < WebhookLimits.replaysMax else {
            throw FleetError(.replayLimit, "\(WebhookLimits.replaysMax) replays to the same target are running.")
        }
        context.actingFleet = webhook?.fleet
        let replay = EventReplay(
            id: context.ids.next(at: context.now), webhook: webhook?.id, fleet: webhook?.fleet, from: first, to: last,
            status: .running, statusReason: nil, requestedBy: context.principal.subject, version: 1,
            createdAt: context.now, endedAt: nil)
        record(.replayStarted, .replay(replay), &context)
        return .replay(replay)
    }

    /// - Throws: `replay_not_found` for one that is over, too.
    package mutating func cancelReplay(_ id: EventReplay.ID, _ context: inout Context) throws(FleetError) -> Entity {
        guard let replay = replays[id] else { throw FleetError.notFound(.replayNotFound) }
        guard replay.isManaged(by: context.principal) else {
            throw replay.fleet.map { FleetError.notFound(.replayNotFound, crossing: $0) }
                ?? FleetError.notFound(.replayNotFound)
        }
        return end(replay, .cancelled, nil, &context)
    }

    /// All of the range was pushed, or its pushes are used up.
    package mutating func completeReplay(_ id: EventReplay.ID, _ context: inout Context) {
        if let replay = replays[id] { _ = end(replay, .completed, nil, &context) }
    }

    mutating func cancelReplays(of webhook: Webhook.ID, _ reason: String, _ context: inout Context) {
        for replay in replays.values.filter({ $0.webhook == webhook }).sorted(by: { $0.id < $1.id }) {
            _ = end(replay, .cancelled, reason, &context)
        }
    }

    private mutating func end(
        _ running: EventReplay, _ status: EventReplayStatus, _ reason: String?, _ context: inout Context
    ) -> Entity {
        var replay = running
        context.actingFleet = replay.fleet
        replay.status = status
        replay.statusReason = reason
        replay.version += 1
        replay.endedAt = context.now
        record(status == .completed ? .replayCompleted : .replayCancelled, .replay(replay), &context)
        return .replay(replay)
    }
}
