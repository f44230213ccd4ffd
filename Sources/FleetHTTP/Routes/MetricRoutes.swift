import FleetDomain
import FleetJSON
import FleetStore
import Hummingbird

/// Metrics that somebody recorded for a federation.
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

    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = MetricFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.type = call.parameter("metric_type", MetricType.init)
        filter.from = call.parameter("from", Timestamp.init)
        filter.to = call.parameter("to", Timestamp.init)
        let asked = filter
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.metrics(
                for: call.principal, asked, after: page.after(Metric.ID.self), size: page.size)
        }
        return try call.answer("metrics", found, next: \.id.description) { metric, writer in
            call.view.write(metric, to: &writer)
        }
    }
}
