extension Delivery: Record {
    package static var fields: [StaticString] {
        [
            "position", "target_fleet_id", "log_id", "message_id", "federation_id", "source_fleet_id", "message_type",
            "class", "ordering_key", "is_broadcast", "is_concealed", "status", "status_reason", "attempts",
            "created_at", "expires_at", "delivered_at", "resolved_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .integer(position), .name(target), .id(id), .id(message), .id(federation), .name(source), .name(type),
            .choice(messageClass), .text(orderingKey), .bool(isBroadcast), .bool(isConcealed), .choice(status),
            .text(reason), .integer(attempts), .time(createdAt), .time(expiresAt), .time(deliveredAt),
            .time(resolvedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        position = try reader.integer()
        target = try reader.name()
        id = try reader.id()
        message = try reader.id()
        federation = try reader.id()
        source = try reader.name()
        type = try reader.name()
        messageClass = try reader.choice()
        orderingKey = try reader.optionalText()
        isBroadcast = try reader.bool()
        isConcealed = try reader.bool()
        status = try reader.choice()
        reason = try reader.optionalText()
        attempts = try reader.integer()
        createdAt = try reader.time()
        expiresAt = try reader.time()
        deliveredAt = try reader.optionalTime()
        resolvedAt = try reader.optionalTime()
    }
}
