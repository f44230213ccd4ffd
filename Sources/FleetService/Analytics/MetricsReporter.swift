package import FleetDomain
package import FleetStore
package import Logging

/// Says how well coordination works in a federation: from the analytics store while that is fresh, else from the SQL
/// database, which is slower over very much and always right.
package struct MetricsReporter: Sendable {
    /// How far behind the analytics store may be, in seconds.
    package static let stalenessMax: Seconds = 60
    /// For all that a summary asks it: there is time to ask the SQL database after that.
    private static let patience = Duration.seconds(10)

    private static let reports = MetricsRegistry.Name(
        "fleet_metrics_reports_total", help: "Summaries of federations, by the database that they were read from.")

    private let store: Store
    private let analytics: (any AnalyticsStore)?
    private let metrics: MetricsRegistry
    private let logger: Logger

    package init(store: Store, analytics: (any AnalyticsStore)?, metrics: MetricsRegistry, logger: Logger) {
        self.store = store
        self.analytics = analytics
        self.metrics = metrics
        self.logger = logger
    }

    /// - Returns: the figures as of `period.asOf`, or up to a minute before; it says as of when.
    package func report(
        on federation: Federation, for reader: Principal, _ scope: MetricsScope, _ period: MetricsPeriod
    ) async throws(StoreError) -> MetricsReport {
        if let report = await analysed(federation, reader, scope, period) {
            metrics.count(Self.reports, ["source": "clickhouse"])
            return report
        }
        metrics.count(Self.reports, ["source": "sql"])
        do {
            return try await MetricsCalculator(store: store).report(on: federation, for: reader, scope, period)
        } catch let error as StoreError {
            throw error
        } catch {
            // Nothing else is thrown there; a source may throw anything.
            throw .corrupt("\(error)")
        }
    }

    /// nil when the analytics store cannot be asked.
    private func analysed(
        _ federation: Federation, _ reader: Principal, _ scope: MetricsScope, _ period: MetricsPeriod
    ) async -> MetricsReport? {
        guard let analytics, period.window.start >= period.asOf - analytics.retention else { return nil }
        do {
            return try await withDeadline(Self.patience) {
                try await analyse(with: analytics, federation, reader, scope, period)
            }
        } catch {
            logger.debug("a summary is read from the SQL database instead", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    /// nil when it is not as the log is by now.
    private func analyse(
        with analytics: any AnalyticsStore, _ federation: Federation, _ reader: Principal, _ scope: MetricsScope,
        _ period: MetricsPeriod
    ) async throws -> MetricsReport? {
        let end = try await store.endOfLog()
        // What it knows of events that were lost in a fail-over is no answer.
        guard let place = try await analytics.place(), let last = try await analytics.last(),
            try await store.holds(last.event, at: last.position)
        else { return nil }
        // With everything that there is, it is as fresh as now; else as its last event.
        let asOf = place.position >= end ? period.asOf : min(place.at, period.asOf)
        guard period.asOf - Self.stalenessMax <= asOf,
            let period = MetricsPeriod(period.window, step: period.step, asOf: asOf)
        else { return nil }
        let calculator = MetricsCalculator(store: store, source: analytics.source(upTo: place))
        return try await calculator.report(on: federation, for: reader, scope, period)
    }
}
