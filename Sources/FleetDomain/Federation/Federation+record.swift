package import FleetJSON

extension Federation: Record {
    package static var fields: [StaticString] {
        [
            "federation_id", "name", "description", "status", "policy", "membership_epoch", "created_by", "version",
            "created_at", "updated_at",
        ]
    }

    package var values: [FieldValue] {
        [
            .id(id), .text(name), .text(description), .choice(status), .json(policy.json), .integer(membershipEpoch),
            .text(createdBy), .integer(version), .time(createdAt), .time(updatedAt),
        ]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        name = try reader.text()
        description = try reader.text()
        status = try reader.choice()
        policy = try FederationPolicy(json: reader.json())
        membershipEpoch = try reader.integer()
        createdBy = try reader.text()
        version = try reader.integer()
        createdAt = try reader.time()
        updatedAt = try reader.time()
    }
}

extension FederationPolicy {
    package var json: JSON {
        .object([
            "default_isolation_level": .string(defaultIsolationLevel.rawValue),
            "allowed_resource_types": allowedResourceTypes.map { .array($0.map { .string($0.description) }) } ?? .null,
            "lease_duration_max_seconds": .integer(leaseDurationMax),
            "booking_horizon_seconds": .integer(bookingHorizon),
            "on_suspend": .string(onSuspend.rawValue),
            "approval_timeout_seconds": .integer(approvalTimeout),
            "acknowledge_deadline_seconds": .integer(acknowledgeDeadline),
            "no_show_after_seconds": .integer(noShowAfter),
        ])
    }

    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue else { throw RecordError(field: "policy") }
        self.init()
        if let level = object["default_isolation_level"]?.stringValue.flatMap(IsolationLevel.init) {
            defaultIsolationLevel = level
        }
        allowedResourceTypes = object["allowed_resource_types"]?.strings(ResourceType.init)
        if let rule = object["on_suspend"]?.stringValue.flatMap(SuspensionRule.init) { onSuspend = rule }
        for (name, path) in FederationPolicy.durations {
            if let value = object[name]?.integerValue { self[keyPath: path] = value }
        }
    }

    /// The policy's durations by their names in the API.
    package static var durations: [(name: String, path: WritableKeyPath<FederationPolicy, Seconds>)] {
        [
            ("lease_duration_max_seconds", \.leaseDurationMax), ("booking_horizon_seconds", \.bookingHorizon),
            ("approval_timeout_seconds", \.approvalTimeout), ("acknowledge_deadline_seconds", \.acknowledgeDeadline),
            ("no_show_after_seconds", \.noShowAfter),
        ]
    }
}
