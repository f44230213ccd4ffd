extension Quota: Record {
    package static var fields: [StaticString] {
        [
            "federation_id", "fleet_id", "resource_type", "nominal", "lending_limit", "borrowing_limit", "weight",
            "is_removed", "version", "created_at", "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(key.member.federation), .name(key.member.fleet), .name(key.type), .integer(nominal),
            .integer(lendingLimit), .integer(borrowingLimit), .integer(weight), .bool(isRemoved), .integer(version),
            .time(createdAt), .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        let member = try Member.Key(federation: reader.id(), fleet: reader.name())
        key = try Key(member: member, type: reader.name())
        nominal = try reader.integer()
        lendingLimit = try reader.optionalInteger()
        borrowingLimit = try reader.optionalInteger()
        weight = try reader.integer()
        isRemoved = try reader.bool()
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }
}
