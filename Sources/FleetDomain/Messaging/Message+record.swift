import FleetJSON

extension Message: Record {
    package static var fields: [StaticString] {
        [
            "message_id", "federation_id", "source_fleet_id", "target_fleet_id", "message_type", "class",
            "ordering_key", "message_content", "recipients", "created_at", "expires_at", "position", "signature",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .id(federation), .name(source), .name(target), .name(type), .choice(messageClass),
            .text(orderingKey), .json(content.json), .json(JSON.array(recipients.map(\.json))), .time(createdAt),
            .time(expiresAt), .integer(position), signature.map { .json($0.json) } ?? .null,
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        federation = try reader.id()
        source = try reader.name()
        target = try reader.optionalName()
        type = try reader.name()
        messageClass = try reader.choice()
        orderingKey = try reader.optionalText()
        guard let content = try reader.optionalSealed() else { throw RecordError(field: "message_content") }
        self.content = content
        recipients = try reader.json().arrayValue?.compactMap(Recipient.init) ?? []
        createdAt = try reader.time()
        expiresAt = try reader.time()
        position = try reader.integer()
        signature = try reader.optionalJSON().map { (json) throws(RecordError) in try MessageSignature(json: json) }
    }
}

extension Message.Recipient {
    fileprivate var json: JSON {
        var object: JSONObject = ["fleet_id": .string(fleet.description), "log_id": .string(delivery.description)]
        if isConcealed { object["is_concealed"] = .bool(true) }
        if isCrowdedOut { object["is_crowded_out"] = .bool(true) }
        return .object(object)
    }

    fileprivate init?(_ json: JSON) {
        guard let object = json.objectValue, let fleet = object["fleet_id"]?.stringValue.flatMap(Fleet.ID.init),
            let delivery = object["log_id"]?.stringValue.flatMap(Delivery.ID.init)
        else { return nil }
        self.init(
            fleet: fleet, delivery: delivery, isConcealed: object["is_concealed"]?.boolValue ?? false,
            isCrowdedOut: object["is_crowded_out"]?.boolValue ?? false)
    }
}

extension MessageHead: Record {
    package static var fields: [StaticString] {
        [
            "message_id", "source_fleet_id", "federation_id", "target_fleet_id", "message_type", "class",
            "ordering_key", "created_at", "expires_at", "position",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .name(source), .id(federation), .name(target), .name(type), .choice(messageClass),
            .text(orderingKey), .time(createdAt), .time(expiresAt), .integer(position),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        source = try reader.name()
        federation = try reader.id()
        target = try reader.optionalName()
        type = try reader.name()
        messageClass = try reader.choice()
        orderingKey = try reader.optionalText()
        createdAt = try reader.time()
        expiresAt = try reader.time()
        position = try reader.integer()
    }
}
