package import FleetDomain

package struct MetricFilter: Sendable {
    package var federation: Federation.ID?
    package var type: MetricType?
    package var from: Timestamp?
    package var to: Timestamp?

    package init() {}
}

extension Store {
    /// Recorded metrics of the federations that the reader may see, in the order of their recording.
    package func metrics(
        for reader: Principal, _ filter: MetricFilter, after: Metric.ID?, size: Int
    ) async throws(StoreError) -> Page<Metric> {
        var conditions: [SQL.Fragment] = [
            reader.holdsEverywhere(.metricsRead)
                ? "1 = 1" : "federation_id IN (\(reader.coordinatedFederations(.metricsRead)))"
        ]
        if let federation = filter.federation { conditions.append("federation_id = \(federation)") }
        if let type = filter.type { conditions.append("metric_type = \(type)") }
        if let from = filter.from { conditions.append("calculated_at >= \(from)") }
        if let to = filter.to { conditions.append("calculated_at < \(to)") }
        if let after { conditions.append("metric_id > \(after)") }
        let rows = try await database.read(
            SQL(
                "metrics.page",
                Tables.metrics.select + "WHERE \(SQL.all(conditions)) ORDER BY metric_id LIMIT \(size + 1)"),
            within: RowScope(reader))
        return Page(found: try rows.map { (row) throws(StoreError) in try Tables.metrics.decode(row) }, size: size)
    }
}
