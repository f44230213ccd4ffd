extension Fleet: Record {
    package static var fields: [StaticString] {
        [
            "fleet_id", "name", "organization", "status", "version", "created_at", "updated_at", "contact",
            "key_generation", "heartbeat_interval_seconds", "signing_key",
        ]
    }

    package var values: [FieldValue] {
        [
            .name(id), .text(name), .text(organization), .choice(status), .integer(version), .time(createdAt),
            .time(updatedAt), contact.map { .json($0.json) } ?? .null, .integer(keyGeneration),
            .integer(heartbeatInterval),
            signingKey.map { .json($0.json) } ?? .null,
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.name()
        name = try reader.text()
        organization = try reader.text()
        status = try reader.choice()
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
        contact = try reader.optionalSealed()
        keyGeneration = try reader.optionalInteger() ?? 0
        heartbeatInterval = try reader.optionalInteger()
        signingKey = try reader.optionalJSON().map { (json) throws(RecordError) in try SigningKey(json: json) }
    }
}
