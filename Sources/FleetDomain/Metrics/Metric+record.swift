extension Metric: Record {
    package static var fields: [StaticString] {
        ["metric_id", "federation_id", "metric_type", "metric_value", "metric_unit", "calculated_at"]
    }

    package var values: [FieldValue] {
        [.id(id), .id(federation), .name(type), .real(value), .text(unit), .time(calculatedAt)]
    }

    package init(reading reader: inout RecordReader) throws(RecordError) {
        id = try reader.id()
        federation = try reader.id()
        type = try reader.name()
        value = try reader.real()
        unit = try reader.text()
        calculatedAt = try reader.time()
    }
}
