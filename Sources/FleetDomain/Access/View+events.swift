package import FleetJSON

extension View {
    /// Whether the reader was in the event's audience and is still entitled to its subject.
    ///
    /// - Parameters:
    ///   - standings: the federations that the reader is tied to today, by id.
    ///   - members: the memberships of today that `membersToCheck` names.
    package func sees(
        _ event: Event, standings: [Federation.ID: Standing], members: [Member.Key: Member] = [:]
    ) -> Bool {
        if event.entity.kind == .apiKey { return seesKeyEvent(event) }
        if event.entity.kind == .checkpoint { return reader.holdsEverywhere(.auditRead) }
        if reader.holdsEverywhere(.eventRead) { return true }
        if let owner = event.entity.managed { return reader.holds(.communicationManage, for: owner) }
        guard reader.mayHold(.eventRead), event.entity.kind != .crossing else { return false }
        if isParty(to: event) { return true }
        guard let federation = event.entity.federation, let standing = standings[federation] else { return false }
        if event.audience.coordinatorsOf == federation, reader.holds(.eventRead, coordinating: standing) {
            return isOpen(event, members)
        }
        guard standing.members.contains(where: { $0.status.isPresent }),
            event.audience.witnesses.contains(where: { reader.holds(.eventRead, for: $0) })
        else { return false }
        guard case .member(let member) = event.entity else { return true }
        return members[member.key].map { sees($0, in: standing) } ?? false
    }

    /// Whether those who coordinate may still see the event: of a lease, while the use of both its sides is open.
    private func isOpen(_ event: Event, _ members: [Member.Key: Member]) -> Bool {
        let (federation, sides): (Federation.ID, [Fleet.ID])
        switch event.entity {
        case .lease(let lease): (federation, sides) = (lease.federation, [lease.source, lease.target])
        case .message(let message):
            (federation, sides) = (message.federation, [message.source, message.target ?? message.source])
        case .delivery(let delivery): (federation, sides) = (delivery.federation, [delivery.source, delivery.target])
        case .allocation(let allocation): (federation, sides) = (allocation.federation, [allocation.target])
        default: return true
        }
        let levels = sides.map { members[Member.Key(federation: federation, fleet: $0)] }
        return View.useIsOpen(levels.first ?? nil, levels.last ?? nil)
    }

    private func isParty(to event: Event) -> Bool {
        event.audience.parties.contains { reader.holds(.eventRead, for: $0) }
    }

    /// The memberships whose level today decides whether a reader who is no party may still see the event.
    package func membersToCheck(for event: Event) -> [Member.Key] {
        guard !reader.holdsEverywhere(.eventRead), !isParty(to: event) else { return [] }
        switch event.entity {
        case .lease(let lease):
            return [lease.source, lease.target].map { Member.Key(federation: lease.federation, fleet: $0) }
        case .message(let message):
            return [message.source, message.target ?? message.source].map {
                Member.Key(federation: message.federation, fleet: $0)
            }
        case .delivery(let delivery):
            return [delivery.source, delivery.target].map { Member.Key(federation: delivery.federation, fleet: $0) }
        case .allocation(let allocation):
            return [Member.Key(federation: allocation.federation, fleet: allocation.target)]
        case .member(let member): return [member.key]
        default: return []
        }
    }

    private func seesKeyEvent(_ event: Event) -> Bool {
        reader.holdsEverywhere(.keyManage) || reader.holdsEverywhere(.auditRead) || event.actor == reader.subject
    }

    /// The event as a CloudEvent 1.0, its data cut to what the reader may see.
    ///
    /// - Parameters:
    ///   - content: what a message says, where the reader may have it.
    ///   - sequence: the position as the reader may see it.
    ///   - replay: the replay that it is part of, as an extension attribute.
    package func write(
        _ event: Event, standings: [Federation.ID: Standing], content: MessageContent? = nil, sequence: String,
        replay: EventReplay.ID? = nil, to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.field("specversion", "1.0")
        writer.field("id", event.id.description)
        writer.field("source", Event.source)
        writer.field("type", EventType.prefix + event.type.rawValue)
        writer.field("subject", event.entity.subject)
        writer.field("time", event.at.description)
        writer.field("datacontenttype", "application/json")
        writer.field("partitionkey", event.entity.subject)
        writer.field("sequence", sequence)
        if let replay { writer.field("replayid", replay.description) }
        writer.key("data")
        writeData(of: event, standings: standings, content: content, to: &writer)
        writer.endObject()
    }

    private func writeData(
        of event: Event, standings: [Federation.ID: Standing], content: MessageContent?, to writer: inout JSONWriter
    ) {
        switch event.entity {
        case .federation(let federation):
            let standing = standings[federation.id] ?? Standing(federation: federation, members: [])
            write(federation, in: standing, to: &writer)
        case .member(let member): write(member, to: &writer)
        case .quota(let quota): write(quota, use: nil, to: &writer)
        case .allocation(let allocation): write(allocation, leases: nil, to: &writer)
        case .balance: preconditionFailure("no event is about a balance")
        case .fleet(let fleet): write(fleet, disclosure: .full, to: &writer)
        case .resource(let resource): write(resource, disclosure: .full, to: &writer)
        case .lease(let lease): write(lease, to: &writer)
        case .message(let message):
            write(message.head, message.deliveries, at: event.at, content: content, to: &writer)
        case .delivery(let delivery): write(delivery, at: event.at, to: &writer)
        case .webhook(let webhook): write(webhook, to: &writer)
        case .replay(let replay): write(replay, to: &writer)
        case .metric(let metric): write(metric, to: &writer)
        case .apiKey(let key): write(key, to: &writer)
        case .crossing(let crossing): write(crossing, to: &writer)
        case .checkpoint(let checkpoint): write(checkpoint, to: &writer)
        }
    }

    /// - Parameter key: that checks the signature, in base64; nil leaves it out.
    package func write(_ checkpoint: Checkpoint, key: String? = nil, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("tree_size", checkpoint.treeSize)
        writer.field("root_hash", checkpoint.rootHash)
        writer.field("made_at", checkpoint.madeAt.description)
        if let key { writer.field("public_key", key) }
        writer.field("note", checkpoint.note)
        writer.endObject()
    }

    private func write(_ crossing: Crossing, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("actor", crossing.principal)
        writer.field("protected_fleet_id", crossing.protected.description)
        writer.field("action", crossing.action)
        writer.field("object", crossing.object)
        writer.field("count", crossing.count)
        writer.field("dry_run", crossing.dryRun)
        writer.endObject()
    }

    /// Whether the event, read as an audit record, is one that the reader may have.
    package func seesAudit(
        of event: Event, standings: [Federation.ID: Standing], members: [Member.Key: Member]
    ) -> Bool {
        if reader.holdsEverywhere(.auditRead) { return true }
        if case .crossing(let crossing) = event.entity { return reader.holds(.auditRead, for: crossing.protected) }
        if event.entity.kind == .apiKey { return event.actor == reader.subject }
        if event.audience.parties.contains(where: { reader.holds(.auditRead, for: $0) }) { return true }
        guard let federation = event.audience.coordinatorsOf, let standing = standings[federation] else { return false }
        return reader.holds(.auditRead, coordinating: standing) && isOpen(event, members)
    }

    /// The event as an audit record: who did what to what, and with which outcome.
    package func writeAudit(of event: Event, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("record_id", event.id.description)
        writer.field("at", event.at.description)
        if case .crossing(let crossing) = event.entity {
            writer.field("actor", crossing.principal)
            writer.field("action", event.auditAction)
            writer.field("object", crossing.object)
            writer.field("outcome", event.auditOutcome)
            writer.field("protected_fleet_id", crossing.protected.description)
            writer.field("count", crossing.count)
            writer.field("request_id", event.requestID)
            writer.field("dry_run", crossing.dryRun)
        } else {
            writer.field("actor", event.actor)
            if let fleet = event.actingFleet { writer.field("acting_fleet_id", fleet.description) }
            writer.field("action", event.auditAction)
            writer.field("object", event.entity.subject)
            writer.field("outcome", event.auditOutcome)
            writer.field("request_id", event.requestID)
            writer.field("dry_run", false)
        }
        writer.endObject()
    }
}

extension Event {
    /// What was done or tried, as the audit log names it.
    package var auditAction: String {
        if case .crossing(let crossing) = entity { crossing.action } else { type.rawValue }
    }

    /// `done`, `denied`, or `privileged` for what a platform administrator wrote, or read of a sealed fleet.
    package var auditOutcome: String {
        switch type {
        case .violationBlocked: "denied"
        case .privilegedRead: "privileged"
        default: isPrivileged ? "privileged" : "done"
        }
    }
}
