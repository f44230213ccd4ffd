package import FleetJSON

extension Allocation: Record {
    package static var fields: [StaticString] {
        [
            "allocation_id", "federation_id", "target_fleet_id", "items", "duration", "earliest", "latest", "priority",
            "accepts_part", "purpose", "reason", "status", "lease_ids", "is_part", "has_begun", "waiting",
            "preemptions", "explanation", "version", "created_at", "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .id(federation), .name(target), .json(.array(items.map(\.json))), .integer(duration),
            .time(earliest), .time(latest), .choice(priority), .bool(acceptsPart), .text(purpose), .text(reason),
            .choice(status), .json(.array(leases.map { .string($0.description) })), .bool(isPart), .bool(hasBegun),
            waiting.map { .json($0.json) } ?? .null, .integer(preemptions), .json(explanation.text), .integer(version),
            .time(createdAt), .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        federation = try reader.id()
        target = try reader.name()
        items = try reader.json().arrayValue?.compactMap(AllocationItem.init(json:)) ?? []
        duration = try reader.integer()
        earliest = try reader.time()
        latest = try reader.time()
        priority = try reader.choice()
        acceptsPart = try reader.bool()
        purpose = try reader.optionalText()
        reason = try reader.optionalText()
        status = try reader.choice()
        leases = try reader.json().strings(Lease.ID.init) ?? []
        isPart = try reader.bool()
        hasBegun = try reader.bool()
        waiting = try reader.optionalJSON().flatMap(Waiting.init(json:))
        preemptions = try reader.optionalInteger() ?? 0
        guard let explanation = Explanation(json: try reader.json()) else { throw RecordError(field: "explanation") }
        self.explanation = explanation
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }
}

extension Waiting {
    var json: JSON {
        .object([
            "items": .array(items.map(\.json)), "duration": .integer(duration),
            "earliest": .integer(earliest.milliseconds),
            "latest": latest.map { .integer($0.milliseconds) } ?? .null, "since": .integer(since.milliseconds),
            "until": .integer(until.milliseconds),
            "arrival": .integer(arrival),
        ])
    }

    init?(json: JSON) {
        guard let object = json.objectValue, let items = object["items"]?.arrayValue,
            let duration = object["duration"]?.integerValue, let earliest = object["earliest"]?.integerValue,
            let since = object["since"]?.integerValue, let until = object["until"]?.integerValue,
            let arrival = object["arrival"]?.integerValue
        else { return nil }
        self.init(
            items: items.compactMap(AllocationItem.init(json:)), duration: duration,
            earliest: Timestamp(milliseconds: earliest),
            latest: object["latest"]?.integerValue.map(Timestamp.init(milliseconds:)),
            since: Timestamp(milliseconds: since), until: Timestamp(milliseconds: until), arrival: arrival)
    }
}

extension AllocationItem {
    package var json: JSON {
        var attributes = JSONObject()
        for requirement in self.attributes { attributes[requirement.name] = requirement.json }
        return .object([
            "resource_type": .string(type.description), "quantity": .integer(quantity),
            "attributes": .object(attributes.sorted),
        ])
    }

    package init?(json: JSON) {
        guard let object = json.objectValue, let type = object["resource_type"]?.stringValue.flatMap(ResourceType.init),
            let quantity = object["quantity"]?.integerValue
        else { return nil }
        let attributes = object["attributes"]?.objectValue?.sorted.members ?? []
        self.init(
            type: type, quantity: quantity, attributes: attributes.map { Requirement(name: $0.key, json: $0.value) })
    }
}
