package import FleetDomain

extension FederationOrchestrator {
    private static let federations = MetricsRegistry.Name("fleet_federations", help: "Federations by status.")
    private static let leases = MetricsRegistry.Name("fleet_leases", help: "Live leases by status.")
    private static let messages = MetricsRegistry.Name(
        "fleet_messages_underway", help: "Deliveries of messages that are not answered, by status.")
    private static let utilization = MetricsRegistry.Name(
        "fleet_sharing_utilization_ratio", help: "Quantity in the hands of borrowers by quantity offered.")
    private static let queue = MetricsRegistry.Name("fleet_writer_queue_depth", help: "Commands that wait.")
    private static let followers = MetricsRegistry.Name(
        "fleet_event_streams", help: "Streams of events that are open.")
    private static let position = MetricsRegistry.Name("fleet_log_position", help: "Position of the last event.")

    /// What is true of this process, whether it decides or not.
    package var ownGauges: [MetricsRegistry.Gauge] {
        [(Self.followers, [:], Double(committed.tail.followers)), (Self.position, [:], Double(committed.position))]
    }

    /// What the ledger says, read between two batches.
    package func gauges() async throws(FleetError) -> [MetricsRegistry.Gauge] {
        let summary = try await inspect(LedgerSummary.init)
        var gauges: [MetricsRegistry.Gauge] = []
        for status in FederationStatus.allCases {
            gauges.append((Self.federations, ["status": status.rawValue], Double(summary.federations[status] ?? 0)))
        }
        for status in LeaseStatus.allCases where !status.isFinal {
            gauges.append((Self.leases, ["status": status.rawValue], Double(summary.leases[status] ?? 0)))
        }
        for status in DeliveryStatus.allCases where !status.isFinal {
            gauges.append((Self.messages, ["status": status.rawValue], Double(summary.messages[status] ?? 0)))
        }
        gauges.append((Self.utilization, [:], summary.utilization))
        gauges.append((Self.queue, [:], Double(queueDepth)))
        return gauges
    }
}

/// Counts over the ledger; linear in its size, for a scrape every few seconds.
private struct LedgerSummary: Sendable {
    let federations: [FederationStatus: Int]
    let leases: [LeaseStatus: Int]
    let messages: [DeliveryStatus: Int]
    let utilization: Double

    init(_ ledger: Ledger) {
        federations = ledger.federations.values.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
        leases = ledger.leases.values.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
        messages = ledger.deliveries.values.reduce(into: [:]) { $0[$1.status, default: 0] += 1 }
        let offered = ledger.resources.values.reduce(Int64(0)) { $1.status == .available ? $0 + $1.capacity : $0 }
        let used = ledger.possessed.values.reduce(0, +)
        utilization = offered == 0 ? 0 : Double(used) / Double(offered)
    }
}
