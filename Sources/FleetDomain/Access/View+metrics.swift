package import FleetJSON

extension View {
    /// Whether the reader may learn what one fleet lent to another, where it has the totals of their federation: of
    /// its own fleets, and of two whose use is open. Isolation between two others ends for nobody but those who see
    /// everything.
    ///
    /// - Parameter members: of the federation, as they are.
    package func sees(_ pair: FleetPair, members: [Fleet.ID: Member]) -> Bool {
        reader.holds(.metricsRead, for: pair.source) || reader.holds(.metricsRead, for: pair.target)
            || View.useIsOpen(members[pair.source], members[pair.target])
    }

    /// `"summary":{…}` and, where there is one, `"series":[…]`, as members of an object that is open.
    package func writeMembers(of report: MetricsReport, to writer: inout JSONWriter) {
        writer.key("summary")
        write(report.summary, asOf: report.asOf, to: &writer)
        guard let series = report.series else { return }
        writer.key("series")
        writer.beginArray()
        for step in series { write(step, asOf: nil, to: &writer) }
        writer.endArray()
    }

    private func write(_ summary: MetricsSummary, asOf: Timestamp?, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("from", summary.window.start.description)
        writer.field("to", summary.window.end.description)
        if let asOf { writer.field("as_of", asOf.description) }
        writer.nullable("coordination_efficiency", summary.coordinationEfficiency)
        writer.field("requests_satisfied", summary.satisfied)
        writer.field("requests_failed", summary.failed)
        writer.nullable("resource_utilization", summary.resourceUtilization)
        writer.nullable("communication_health", summary.communicationHealth)
        writer.field("messages_accepted", summary.accepted)
        writer.field("messages_acknowledged", summary.acknowledged)
        writer.nullable("isolation_compliance", summary.isolationCompliance)
        writer.field("isolation_checks", summary.checks)
        writer.field("isolation_violations", summary.violations)
        writer.key("decision_latency_seconds")
        writer.beginObject()
        writer.nullable("p50", summary.decisionLatency?.p50)
        writer.nullable("p95", summary.decisionLatency?.p95)
        writer.nullable("p99", summary.decisionLatency?.p99)
        writer.endObject()
        writer.nullable("fairness_jain", summary.fairness)
        writer.field("lent_hours", summary.lent.hours)
        writer.field("borrowed_hours", summary.borrowed.hours)
        writer.key("pairs")
        writer.beginArray()
        for use in summary.pairs { write(use, to: &writer) }
        writer.endArray()
        writer.key("utilization_by_type")
        writer.beginArray()
        for use in summary.utilization { write(use, to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    private func write(_ use: PairUse, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("source_fleet_id", use.pair.source.description)
        writer.field("target_fleet_id", use.pair.target.description)
        writer.field("lent_hours", use.lent.hours)
        writer.endObject()
    }

    private func write(_ use: TypeUse, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("resource_type", use.type.description)
        writer.field("offered_hours", use.offered.hours)
        writer.field("active_hours", use.active.hours)
        writer.field("idle_hours", use.idle.hours)
        writer.field("overdue_hours", use.overdue.hours)
        writer.nullable("ratio", use.ratio)
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func nullable(_ name: StaticString, _ value: Double?) {
        key(name)
        if let value { self.value(value) } else { null() }
    }
}
