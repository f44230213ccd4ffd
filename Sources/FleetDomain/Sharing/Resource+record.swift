import FleetJSON

extension Resource: Record {
    package static var fields: [StaticString] {
        [
            "fleet_id", "resource_id", "resource_type", "capacity", "attributes", "buffer_seconds", "handover",
            "interruptible", "pooled", "on_lease_loss", "status", "fencing_token", "cooling", "version", "created_at",
            "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .name(key.fleet), .name(key.resource), .name(type), .integer(capacity), .json(JSON.object(attributes)),
            .integer(buffer), .choice(handover), .bool(interruptible), .bool(pooled), .choice(onLeaseLoss),
            .choice(status), .integer(fencingToken), .json(JSON.array(cooling.map(\.json))), .integer(version),
            .time(createdAt), .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        key = try Key(fleet: reader.name(), resource: reader.name())
        type = try reader.name()
        capacity = try reader.integer()
        attributes = try reader.json().objectValue ?? JSONObject()
        buffer = try reader.integer()
        handover = try reader.choice()
        interruptible = try reader.bool()
        pooled = try reader.bool()
        onLeaseLoss = try reader.choice()
        status = try reader.choice()
        fencingToken = try reader.integer()
        cooling = try reader.json().arrayValue?.compactMap(Cooling.init(json:)) ?? []
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }
}

extension Cooling {
    fileprivate var json: JSON { .array([.integer(until.milliseconds), .integer(quantity)]) }

    fileprivate init?(json: JSON) {
        guard let pair = json.arrayValue, pair.count == 2, let until = pair[0].integerValue,
            let quantity = pair[1].integerValue
        else { return nil }
        self.init(until: Timestamp(milliseconds: until), quantity: quantity)
    }
}
