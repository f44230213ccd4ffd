/// A measurement that somebody recorded for a federation.
package struct Metric: Sendable, Equatable {
    package typealias ID = FleetDomain.ID<Metric>

    package let id: ID
    package let federation: Federation.ID
    package let type: MetricType
    package let value: Double
    package let unit: String
    package let calculatedAt: Timestamp
}

package enum MetricTypeTag {}
package typealias MetricType = Name<MetricTypeTag>
