extension Lease: Record {
    package static var fields: [StaticString] {
        [
            "sharing_id", "federation_id", "source_fleet_id", "target_fleet_id", "resource_type", "resource_id",
            "quantity", "starts_at", "duration", "ends_at", "granted_at", "activated_at", "ended_at", "priority",
            "purpose", "reason",
            "status",
            "requested_by", "status_reason", "awaiting_return", "fencing_token", "handover", "buffer_seconds",
            "is_unit",
            "no_show_after_seconds", "acknowledge_within_seconds", "deadline", "ready_at", "allocation_id",
            "was_approved", "arrival", "preemptions", "unit_terms", "binds_at", "version", "created_at",
            "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .id(federation), .name(source), .name(target), .name(resourceType), .name(resource),
            .integer(quantity), .time(startsAt), .integer(duration), .time(endsAt),
            .time(grantedAt), .time(activatedAt), .time(endedAt), .choice(priority),
            .text(purpose), .text(reason), .choice(status), .choice(requestedBy), .text(statusReason),
            .bool(awaitingReturn),
            .integer(fencingToken), .choice(handover), .integer(buffer), .bool(isUnit), .integer(noShowAfter),
            .integer(acknowledgeWithin), .time(deadline), .time(readyAt), .id(allocation),
            .bool(wasApproved), .integer(arrival), .integer(preemptions), .text(terms?.text), .time(bindsAt),
            .integer(version), .time(createdAt),
            .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        federation = try reader.id()
        source = try reader.name()
        target = try reader.name()
        resourceType = try reader.name()
        resource = try reader.optionalName()
        quantity = try reader.integer()
        startsAt = try reader.time()
        duration = try reader.integer()
        // `ends_at` is stored for queries; it follows from the two before it.
        _ = try reader.time()
        grantedAt = try reader.optionalTime()
        activatedAt = try reader.optionalTime()
        endedAt = try reader.optionalTime()
        priority = try reader.choice()
        purpose = try reader.optionalText()
        reason = try reader.optionalText()
        status = try reader.choice()
        requestedBy = try reader.choice()
        statusReason = try reader.optionalText()
        awaitingReturn = try reader.bool()
        fencingToken = try reader.optionalInteger()
        handover = try reader.choice()
        buffer = try reader.integer()
        isUnit = try reader.bool()
        noShowAfter = try reader.integer()
        acknowledgeWithin = try reader.integer()
        deadline = try reader.optionalTime()
        readyAt = try reader.optionalTime()
        allocation = try reader.optionalID()
        // Leases of before were asked for by name, so that there was nothing to keep back.
        wasApproved = try reader.optionalInteger() != 0
        arrival = try reader.optionalInteger()
        preemptions = try reader.optionalInteger() ?? 0
        terms = try reader.optionalText().map(UnitTerms.init(text:))
        bindsAt = try reader.optionalTime()
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
        guard resource != nil || terms != nil && bindsAt != nil else { throw RecordError(field: "resource_id") }
    }
}
