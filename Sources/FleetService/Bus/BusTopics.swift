package import FleetDomain
import FleetJSON
package import FleetStore

/// Which events go to which topics, and how they look there: CloudEvents 1.0 in the binary mode of their Kafka binding.
package struct BusTopics: Sendable {
    package let prefix: String

    package init(prefix: String) { self.prefix = prefix }

    /// Every event.
    package var events: String { prefix + ".events" }

    /// What fleets say to each other in one federation.
    package func messages(of federation: Federation.ID) -> String { "\(prefix).messages.\(federation)" }

    /// The topics that are to be there once the event is.
    func needed(for event: Event) -> [String] {
        switch event.type {
        case .federationCreated, .messageAccepted: event.entity.federation.map { [messages(of: $0)] } ?? []
        default: []
        }
    }

    /// - Parameters:
    ///   - timelines: of the log, as they are known where it was read.
    ///   - replay: of which it is a part, as an extension attribute.
    package func records(
        of event: Event, on timelines: [LogTimeline] = [], replay: EventReplay.ID? = nil
    ) -> [BusRecord] {
        var data = JSONWriter(capacity: 768)
        event.entity.write(to: &data)
        let headers = Self.headers(of: event, timelines.number(at: event.position), replay)
        let record = BusRecord(topic: events, key: event.entity.subject, headers: headers, value: data.bytes)
        guard event.type == .messageAccepted, let message = event.entity.asMessage else { return [record] }
        return [
            record,
            BusRecord(
                topic: messages(of: message.federation), key: Self.lane(of: message), headers: headers,
                value: data.bytes),
        ]
    }

    /// What one fleet says under one ordering key stays in order for whoever receives it.
    private static func lane(of message: Message) -> String {
        message.orderingKey.map { "\(message.source)/\($0)" } ?? "\(message.source)"
    }

    private static func headers(
        of event: Event, _ timeline: Int64, _ replay: EventReplay.ID?
    ) -> [BusRecord.Header] {
        var audience = JSONWriter(capacity: 96)
        event.audience.write(to: &audience)
        var headers: [BusRecord.Header] = [
            .init("ce_specversion", "1.0"), .init("ce_id", event.id.description), .init("ce_source", Event.source),
            .init("ce_type", EventType.prefix + event.type.rawValue), .init("ce_subject", event.entity.subject),
            .init("ce_time", event.at.description), .init("content-type", "application/json"),
            .init("ce_partitionkey", event.entity.subject),
            // The place in the log: what has come before, by it, has come before.
            .init("ce_fleetposition", event.position.description), .init("ce_fleetaudience", audience.string),
        ]
        if let federation = event.entity.federation {
            headers.append(.init("ce_fleetfederation", federation.description))
        }
        // Positions that a fail-over has lost are given again, on a later timeline.
        if timeline > 0 { headers.append(.init("ce_fleettimeline", timeline.description)) }
        if let replay { headers.append(.init("ce_replayid", replay.description)) }
        return headers
    }
}
