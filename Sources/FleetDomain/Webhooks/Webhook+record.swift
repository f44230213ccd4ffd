import FleetJSON

extension Webhook: Record {
    package static var fields: [StaticString] {
        [
            "webhook_id", "fleet_id", "url", "event_types", "status", "status_reason", "secret", "previous_secret",
            "previous_until", "public_key", "starts_after", "created_by", "version", "created_at", "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .name(fleet), .text(url),
            types.map { .json(JSON.array($0.map { .string($0.rawValue) })) } ?? .null, .choice(status),
            .text(statusReason), .json(secret.json), previous.map { .json($0.secret.json) } ?? .null,
            .time(previous?.until), .text(publicKey), .integer(startsAfter), .text(createdBy), .integer(version),
            .time(createdAt), .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        fleet = try reader.name()
        url = try reader.text()
        types = try reader.optionalJSON()?.strings(EventType.init(rawValue:))
        status = try reader.choice()
        statusReason = try reader.optionalText()
        guard let secret = try reader.optionalSealed() else { throw RecordError(field: "secret") }
        self.secret = secret
        let previous = try reader.optionalSealed()
        let until = try reader.optionalTime()
        self.previous = previous.flatMap { secret in until.map { Previous(secret: secret, until: $0) } }
        publicKey = try reader.text()
        startsAfter = try reader.integer()
        createdBy = try reader.text()
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }
}
