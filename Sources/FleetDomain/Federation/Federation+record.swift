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
            .id(id), .text(name), .text(description), .choice(status), .json(policy.text), .integer(membershipEpoch),
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
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("default_isolation_level", defaultIsolationLevel.rawValue)
        writer.key("allowed_resource_types")
        if let allowedResourceTypes {
            writer.beginArray()
            for type in allowedResourceTypes { writer.value(type.description) }
            writer.endArray()
        } else {
            writer.null()
        }
        writer.field("lease_duration_max_seconds", leaseDurationMax)
        writer.field("booking_horizon_seconds", bookingHorizon)
        writer.field("on_suspend", onSuspend.rawValue)
        writer.field("approval_timeout_seconds", approvalTimeout)
        writer.field("acknowledge_deadline_seconds", acknowledgeDeadline)
        writer.field("no_show_after_seconds", noShowAfter)
        writer.field("preemption", preemption)
        writer.field("minimum_tenure_seconds", minimumTenure)
        writer.field("queue_ttl_seconds", queueTTL)
        writer.field("fairness_half_life_seconds", fairnessHalfLife)
        writer.field("reciprocity", reciprocity)
        writer.field("bind_lead_seconds", bindLead)
        writer.endObject()
    }

    fileprivate var text: String {
        var writer = JSONWriter(capacity: 384)
        write(to: &writer)
        return writer.string
    }

    /// Reads what `write` wrote; an absent member has its default.
    package init(json: JSON) throws(RecordError) {
        guard let object = json.objectValue else { throw RecordError(field: "policy") }
        self.init()
        for member in object.members {
            switch member.key {
            case "default_isolation_level": set(&defaultIsolationLevel, member.value)
            case "allowed_resource_types": allowedResourceTypes = member.value.strings(ResourceType.init)
            case "on_suspend": set(&onSuspend, member.value)
            case "lease_duration_max_seconds": set(&leaseDurationMax, member.value)
            case "booking_horizon_seconds": set(&bookingHorizon, member.value)
            case "approval_timeout_seconds": set(&approvalTimeout, member.value)
            case "acknowledge_deadline_seconds": set(&acknowledgeDeadline, member.value)
            case "no_show_after_seconds": set(&noShowAfter, member.value)
            case "preemption": preemption = member.value.boolValue ?? preemption
            case "minimum_tenure_seconds": set(&minimumTenure, member.value)
            case "queue_ttl_seconds": set(&queueTTL, member.value)
            case "fairness_half_life_seconds": set(&fairnessHalfLife, member.value)
            case "bind_lead_seconds": set(&bindLead, member.value)
            case "reciprocity": set(&reciprocity, member.value)
            default: break
            }
        }
    }

    /// The policy's durations by their names in the API.
    package static let durations = [
        "lease_duration_max_seconds", "booking_horizon_seconds", "approval_timeout_seconds",
        "acknowledge_deadline_seconds", "no_show_after_seconds", "minimum_tenure_seconds", "queue_ttl_seconds",
        "fairness_half_life_seconds", "bind_lead_seconds",
    ]
}

private func set<Choice: RawRepresentable<String>>(_ value: inout Choice, _ json: JSON) {
    if let choice = json.stringValue.flatMap(Choice.init) { value = choice }
}

private func set(_ value: inout Seconds, _ json: JSON) {
    if let seconds = json.integerValue { value = seconds }
}
