import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Metrics that somebody recorded for a federation, and those that are made from what happened in it.
enum MetricRoutes {
    static let draft = Schema.object([
        Schema.Field("federation_id", .uuid, required: true),
        Schema.Field("metric_type", .name, required: true),
        Schema.Field("metric_value", .number, required: true),
        Schema.Field("metric_unit", .string(1...32), required: true),
        Schema.Field("calculated_at", .timestamp, "Now, when absent."),
    ])

    static func record(_ call: Call) async throws -> Response {
        let body = try await call.body()
        guard let federation: Federation.ID = body.id("federation_id"), let value = body["metric_value"]?.doubleValue
        else { throw FleetError.invalid("", "required", "names a federation and a value") }
        let draft = MetricDraft(
            federation: federation, type: try body.requiredName("metric_type"), value: value,
            unit: body.text("metric_unit"), calculatedAt: body.time("calculated_at"))
        return try await call.perform(
            Write(operation: "metric.record", kind: .metric) { (ledger, context) throws(FleetError) in
                try ledger.record(draft, &context)
            } answer: { _ in
                .created("/metrics?federation_id=\(federation)&metric_type=\(draft.type)")
            }, body: body)
    }

    /// Recorded metrics in pages; with a federation that the caller may see, the first page has its summary besides.
    /// One that it may not see is answered like one that does not exist: with an empty list.
    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = MetricFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.type = call.parameter("metric_type", MetricType.init)
        filter.from = call.parameter("from", Timestamp.init)
        filter.to = call.parameter("to", Timestamp.init)
        let asked = filter
        let period = try period(asked, call)
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.metrics(
                for: call.principal, asked, after: page.after(Metric.ID.self), size: page.size)
        }
        let report = page.after == nil ? try await report(on: asked.federation, period, call) : nil
        return try call.answer("metrics", found, next: \.id.description) { writer in
            if let report { call.view.writeMembers(of: report, to: &writer) }
        } _: { metric, writer in
            call.view.write(metric, to: &writer)
        }
    }

    /// What is measured: until `to`, or now; since `from`, or a week before; in steps, if any.
    ///
    /// - Returns: nil when no federation is named.
    private static func period(_ filter: MetricFilter, _ call: Call) throws(FleetError) -> MetricsPeriod? {
        let step: Seconds? = call.parameter("step") { wholeNumber($0) }
        guard filter.federation != nil else {
            guard step == nil else {
                throw FleetError.invalidParameter("step", "asks for federation_id, too.")
            }
            return nil
        }
        let now = call.api.environment.now()
        let end = filter.to ?? now
        let start = filter.from ?? Timestamp(milliseconds: max(0, (end - MetricsPeriod.lengthDefault).milliseconds))
        guard start < end else { throw FleetError.invalidParameter("to", "is not after 'from'.") }
        guard let period = MetricsPeriod(Window(start: start, end: end), step: step, asOf: now) else {
            throw FleetError.invalidParameter(
                "step", "divides the time into more than \(MetricsPeriod.stepsMax) steps.")
        }
        return period
    }

    private static func report(
        on id: Federation.ID?, _ period: MetricsPeriod?, _ call: Call
    ) async throws -> MetricsReport? {
        guard let id, let period else { return nil }
        let standing = try await stored { () throws(StoreError) in
            try await call.api.store.standing(of: call.principal, in: id)
        }
        guard let standing, call.view.sees(standing) else { return nil }
        let scope = call.principal.metricsScope(in: standing)
        let report = try await stored { () throws(StoreError) in
            try await call.api.reporter.report(
                on: standing.federation, for: call.principal, scope, period)
        }
        let named = report.summary.pairs.flatMap { [$0.pair.source, $0.pair.target] }
        try await call.notePrivilege(towards: Set(named), action: .metricsRead)
        return report
    }
}

extension FleetError {
    fileprivate static func invalidParameter(_ name: String, _ what: String) -> FleetError {
        let detail = "The parameter '\(name)' \(what)"
        return FleetError(
            .invalidParameter, detail, faults: [Fault(name, ErrorCode.invalidParameter.rawValue, detail)])
    }
}
