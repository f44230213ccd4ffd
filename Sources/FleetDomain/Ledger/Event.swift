package import FleetJSON

/// A fact that was decided: what happened, to what, by whom, and what the thing looks like since.
///
/// An event carries its subject whole, so that the state is the last event of each subject, and a consumer
/// needs no earlier event to understand a later one.
package struct Event: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Event>

    /// 1 for the first; no gaps.
    package let position: Int64
    package let id: ID
    package let type: EventType
    package let entity: Entity
    /// The principal's subject, or `clock` for what time alone did.
    package let actor: String
    package let actingFleet: Fleet.ID?
    /// Whether a platform administrator did it: what it may do everywhere is told apart in the audit log.
    package let isPrivileged: Bool
    package let requestID: String
    package let at: Timestamp
    /// Who it was for when it was committed.
    package let audience: Audience

    package static let clock = "clock"
    /// The source of every CloudEvent of ours.
    package static let source = "/api/v1/fleet-coordination"

    /// Bytes of what it carries that may be large.
    package var weight: Int { entity.asMessage?.content.box.utf8.count ?? 0 }

    package init(
        position: Int64, id: ID, type: EventType, entity: Entity, actor: String, actingFleet: Fleet.ID?,
        isPrivileged: Bool, requestID: String, at: Timestamp, audience: Audience
    ) {
        self.position = position
        self.id = id
        self.type = type
        self.entity = entity
        self.actor = actor
        self.actingFleet = actingFleet
        self.isPrivileged = isPrivileged
        self.requestID = requestID
        self.at = at
        self.audience = audience
    }
}

/// For whom an event was when it happened. Auditors and platform administrators see all.
package struct Audience: Sendable, Equatable {
    /// Whom it concerns: the owner, both sides of a lease.
    package var parties: [Fleet.ID]
    /// Who else could see its subject.
    package var witnesses: [Fleet.ID]
    /// The federation whose coordinators may see it.
    package var coordinatorsOf: Federation.ID?

    package init(parties: [Fleet.ID] = [], witnesses: [Fleet.ID] = [], coordinatorsOf: Federation.ID? = nil) {
        self.parties = parties
        self.witnesses = witnesses
        self.coordinatorsOf = coordinatorsOf
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("parties")
        writer.beginArray()
        for fleet in parties { writer.value(fleet.description) }
        writer.endArray()
        if !witnesses.isEmpty {
            writer.key("witnesses")
            writer.beginArray()
            for fleet in witnesses { writer.value(fleet.description) }
            writer.endArray()
        }
        if let coordinatorsOf { writer.field("coordinators_of", coordinatorsOf.description) }
        writer.endObject()
    }

    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue, let parties = object["parties"]?.strings(Fleet.ID.init) else {
            throw RecordError(field: "audience")
        }
        self.parties = parties
        witnesses = object["witnesses"]?.strings(Fleet.ID.init) ?? []
        coordinatorsOf = object["coordinators_of"]?.stringValue.flatMap(Federation.ID.init)
    }
}
