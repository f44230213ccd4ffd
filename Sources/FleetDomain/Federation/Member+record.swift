package import FleetJSON

extension Member: Record {
    package static var fields: [StaticString] {
        [
            "federation_id", "fleet_id", "isolation_level", "resource_sharing", "communication_enabled", "role",
            "status", "suspended_by", "is_recalled", "sharing_rules", "version", "created_at", "updated_at",
            "presence",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(key.federation), .name(key.fleet), .choice(isolationLevel), .bool(resourceSharing),
            .bool(communicationEnabled), .choice(role), .choice(status), .choice(suspendedBy), .bool(isRecalled),
            .json(JSON.array(rules.map(\.json))), .integer(version), .time(createdAt), .time(updatedAt),
            .choice(presence),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        key = try Key(federation: reader.id(), fleet: reader.name())
        isolationLevel = try reader.choice()
        resourceSharing = try reader.bool()
        communicationEnabled = try reader.bool()
        role = try reader.choice()
        status = try reader.choice()
        suspendedBy = try reader.optionalChoice()
        isRecalled = try reader.bool()
        rules = try reader.json().arrayValue?.compactMap(SharingRule.init(json:)) ?? []
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
        presence = try reader.optionalChoice()
    }
}

extension SharingRule {
    package var json: JSON {
        var object: JSONObject = [
            "counterparty": .string(counterparty?.description ?? "*"),
            "resource_type": .string(resourceType?.description ?? "*"),
        ]
        object["quantity_max"] = quantityMax.map(JSON.integer)
        object["duration_max"] = durationMax.map(JSON.integer)
        object["approve"] = .string("auto")
        return .object(object)
    }

    /// Reads what `json` wrote; `*` is every counterparty or type.
    package init?(json: JSON) {
        guard let object = json.objectValue, let counterparty = object["counterparty"]?.stringValue,
            let type = object["resource_type"]?.stringValue
        else { return nil }
        self.init(
            counterparty: Fleet.ID(counterparty), resourceType: ResourceType(type),
            quantityMax: object["quantity_max"]?.integerValue, durationMax: object["duration_max"]?.integerValue)
    }
}
