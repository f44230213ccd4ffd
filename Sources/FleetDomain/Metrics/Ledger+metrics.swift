package struct MetricDraft: Sendable, Equatable {
    package var federation: Federation.ID
    package var type: MetricType
    package var value: Double
    package var unit: String
    package var calculatedAt: Timestamp?

    package init(
        federation: Federation.ID, type: MetricType, value: Double, unit: String, calculatedAt: Timestamp? = nil
    ) {
        self.federation = federation
        self.type = type
        self.value = value
        self.unit = unit
        self.calculatedAt = calculatedAt
    }
}

extension Ledger {
    package mutating func record(_ draft: MetricDraft, _ context: inout Context) throws(FleetError) -> Entity {
        _ = try coordinatedFederation(draft.federation, context.principal, .metricsWrite)
        let metric = Metric(
            id: context.ids.next(at: context.now), federation: draft.federation, type: draft.type, value: draft.value,
            unit: draft.unit, calculatedAt: draft.calculatedAt ?? context.now)
        record(.metricRecorded, .metric(metric), &context)
        return .metric(metric)
    }
}
