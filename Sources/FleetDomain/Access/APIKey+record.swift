import FleetJSON

extension APIKey: Record {
    package static var fields: [StaticString] {
        [
            "key_id", "name", "digest", "roles", "fleet_ids", "federation_ids", "scopes", "created_by", "expires_at",
            "revoked_at", "created_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .text(name), .bytes(digest), .json(JSON.array(roles.map(\.rawValue).sorted().map(JSON.string))),
            .json(fleets.sortedJSON), .json(federations.sortedJSON),
            .json(JSON.array(scopes.map(\.rawValue).sorted().map(JSON.string))), .text(createdBy), .time(expiresAt),
            .time(revokedAt), .time(createdAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        name = try reader.text()
        digest = try reader.bytes()
        roles = try Set(reader.json().strings(Role.init(rawValue:)) ?? [])
        fleets = try Set(reader.json().strings(Fleet.ID.init) ?? [])
        federations = try Set(reader.json().strings(Federation.ID.init) ?? [])
        scopes = try Set(reader.json().strings(Permission.init(rawValue:)) ?? [])
        createdBy = try reader.text()
        expiresAt = try reader.optionalTime()
        revokedAt = try reader.optionalTime()
        createdAt = try reader.time()
    }
}
