package import FleetDomain

/// What summaries that are compared speak of: a comparison of nothings would be no test.
package struct MetricsCoverage {
    package private(set) var satisfied: Int64 = 0
    package private(set) var failed: Int64 = 0
    package private(set) var checks: Int64 = 0
    package private(set) var acknowledged: Int64 = 0
    package private(set) var waited = 0
    package private(set) var fair = 0
    package private(set) var idle = UnitTime.zero
    package private(set) var overdue = UnitTime.zero
    package private(set) var lent = UnitTime.zero

    package init() {}

    package mutating func note(_ summary: MetricsSummary) {
        satisfied += summary.satisfied
        failed += summary.failed
        checks += summary.checks
        acknowledged += summary.acknowledged
        lent = lent + summary.lent
        if summary.decisionLatency?.p99 ?? 0 > 0 { waited += 1 }
        if summary.fairness != nil { fair += 1 }
        for use in summary.utilization {
            idle = idle + use.idle
            overdue = overdue + use.overdue
        }
    }
}
