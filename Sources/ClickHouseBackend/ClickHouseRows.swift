import FleetDomain
import FleetJSON
import FleetService

/// A batch as rows of the tables, each a JSON object on a line. A column that is left out is empty.
///
/// Only what can be counted is handed on: no text that anybody wrote, no principal, no path.
struct ClickHouseRows {
    private(set) var events = RowBuffer()
    private(set) var leases = RowBuffer()
    private(set) var endedLeases = RowBuffer()
    private(set) var allocations = RowBuffer()
    private(set) var resources = RowBuffer()
    private(set) var deliveries = RowBuffer()
    private(set) var crossings = RowBuffer()
    private(set) var metrics = RowBuffer()

    init(_ batch: AnalyticsBatch) {
        for event in batch.events { add(event) }
        for allocation in batch.allocations { add(allocation) }
    }

    private mutating func add(_ event: Event) {
        addRow(of: event)
        switch event.entity {
        case .lease(let lease):
            leases.add { $0.columns(of: lease, at: event.position) }
            if lease.endedAt != nil { endedLeases.add { $0.columns(of: lease, at: event.position) } }
        case .resource(let resource): add(resource, event)
        case .message(let message): add(message, event)
        case .delivery(let delivery) where event.type == .messageAcknowledged:
            deliveries.add {
                $0.field("position", event.position)
                $0.columns(of: delivery)
                $0.field("is_acknowledgement", 1)
            }
        case .crossing(let crossing) where event.type == .violationBlocked:
            crossings.add {
                $0.field("position", event.position)
                $0.field("protected_fleet_id", crossing.protected.description)
                $0.time("at", event.at)
                $0.field("count", crossing.count)
            }
        case .metric(let metric): add(metric, event)
        default: break
        }
    }

    private mutating func addRow(of event: Event) {
        events.add { writer in
            writer.field("position", event.position)
            writer.time("at", event.at)
            writer.field("event_id", event.id.description)
            writer.field("type", event.type.rawValue)
            writer.field("federation_id", event.entity.federation?.description)
            writer.field("acting_fleet_id", event.actingFleet?.description)
            writer.columns(of: event.entity)
        }
    }

    private mutating func add(_ resource: Resource, _ event: Event) {
        resources.add {
            $0.field("position", event.position)
            $0.field("fleet_id", resource.key.fleet.description)
            $0.field("resource_id", resource.key.resource.description)
            $0.field("version", resource.version)
            $0.field("resource_type", resource.type.description)
            $0.field("status", resource.status.rawValue)
            $0.field("offered", MeasuredResource(resource).offered)
            $0.time("at", resource.updatedAt)
        }
    }

    private mutating func add(_ message: Message, _ event: Event) {
        guard event.type == .messageAccepted else { return }
        for delivery in message.deliveries {
            deliveries.add {
                $0.field("position", event.position)
                $0.columns(of: delivery)
            }
        }
    }

    private mutating func add(_ metric: Metric, _ event: Event) {
        metrics.add {
            $0.field("position", event.position)
            $0.field("federation_id", metric.federation.description)
            $0.field("metric_id", metric.id.description)
            $0.field("metric_type", metric.type.description)
            $0.field("metric_value", metric.value)
            $0.field("metric_unit", metric.unit)
            $0.time("calculated_at", metric.calculatedAt)
            $0.time("at", event.at)
        }
    }

    private mutating func add(_ allocation: MeasuredRequest) {
        allocations.add {
            $0.field("version", allocation.version)
            $0.field("federation_id", allocation.federation.description)
            $0.field("allocation_id", allocation.id.description)
            $0.field("target_fleet_id", allocation.target.description)
            $0.field("status", allocation.status.rawValue)
            $0.time("created_at", allocation.createdAt)
            $0.columns(of: allocation.outcome, allocation.decision)
        }
    }
}

/// Rows as they are sent.
struct RowBuffer {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ columns: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        columns(&writer)
        writer.endObject()
        bytes += writer.bytes
        bytes.append(UInt8(ascii: "\n"))
    }
}

extension JSONWriter {
    /// Ten digits of seconds, the year 2286 at the latest, and three behind the point: of fewer ClickHouse may take the first
    /// four for a year, and more it does not read.
    fileprivate mutating func time(_ name: StaticString, _ time: Timestamp?) {
        guard let time else { return }
        let milliseconds = min(max(0, time.milliseconds), 9_999_999_999_999)
        let digits = String(milliseconds + 10_000_000_000_000).dropFirst()
        field(name, "\(digits.dropLast(3)).\(digits.suffix(3))")
    }

    fileprivate mutating func columns(of entity: Entity) {
        switch entity {
        case .lease(let lease):
            field("source_fleet_id", lease.source.description)
            field("target_fleet_id", lease.target.description)
            field("resource_type", lease.resourceType.description)
            field("subject_id", lease.id.description)
            field("status", lease.status.rawValue)
            field("quantity", lease.quantity)
        case .allocation(let allocation):
            field("target_fleet_id", allocation.target.description)
            field("subject_id", allocation.id.description)
            field("status", allocation.status.rawValue)
            field("quantity", allocation.quantity)
        case .message(let message):
            field("source_fleet_id", message.source.description)
            field("target_fleet_id", message.target?.description)
            field("subject_id", message.id.description)
        case .delivery(let delivery):
            field("source_fleet_id", delivery.source.description)
            field("target_fleet_id", delivery.target.description)
            field("subject_id", delivery.id.description)
            field("status", delivery.status.rawValue)
        case .resource(let resource):
            field("source_fleet_id", resource.key.fleet.description)
            field("resource_type", resource.type.description)
            field("status", resource.status.rawValue)
            field("quantity", resource.capacity)
        case .member(let member):
            field("source_fleet_id", member.key.fleet.description)
            field("status", member.status.rawValue)
        case .crossing(let crossing):
            field("target_fleet_id", crossing.protected.description)
            field("quantity", crossing.count)
        case .metric(let metric): field("subject_id", metric.id.description)
        case .federation, .quota, .balance, .fleet, .webhook, .replay, .apiKey, .checkpoint: break
        }
    }

    fileprivate mutating func columns(of delivery: Delivery) {
        field("federation_id", delivery.federation.description)
        field("source_fleet_id", delivery.source.description)
        field("target_fleet_id", delivery.target.description)
        field("is_concealed", delivery.isConcealed ? 1 : 0)
        time("created_at", delivery.createdAt)
    }

    /// What goes on ends far ahead; where a summary ends is the summary's matter.
    fileprivate mutating func columns(of lease: Lease, at position: Int64) {
        field("position", position)
        field("federation_id", lease.federation.description)
        field("lease_id", lease.id.description)
        field("allocation_id", lease.allocation?.description)
        field("source_fleet_id", lease.source.description)
        field("target_fleet_id", lease.target.description)
        field("resource_type", lease.resourceType.description)
        field("quantity", lease.quantity)
        field("status", lease.status.rawValue)
        field("is_over", lease.endedAt == nil ? 0 : 1)
        time("created_at", lease.createdAt)
        time("ended_at", lease.endedAt)
        field("use_start", lease.useStart?.milliseconds)
        span("active_from", "active_to", lease.activeSpan(.distantFuture))
        span("idle_from", "idle_to", lease.idleSpan(.distantFuture))
        span("overdue_from", "overdue_to", lease.overdueSpan(.distantFuture))
        span("lent_from", "lent_to", lease.lentSpan(.distantFuture))
        field("is_check", lease.isCheck ? 1 : 0)
        field("was_approved", lease.wasApproved ? 1 : 0)
        field("check_at", (lease.grantedAt ?? lease.createdAt).milliseconds)
        columns(of: lease.outcome, lease.decision)
    }

    private mutating func span(_ start: StaticString, _ end: StaticString, _ span: Window?) {
        field(start, span?.start.milliseconds)
        field(end, span?.end.milliseconds)
    }

    fileprivate mutating func columns(of outcome: RequestOutcome, _ decision: RequestDecision) {
        switch outcome {
        case .satisfied(let time):
            field("outcome", 1)
            field("outcome_at", time.milliseconds)
        case .failed(let time):
            field("outcome", 2)
            field("outcome_at", time.milliseconds)
        case .neutral: break
        }
        if case .made(let time) = decision {
            field("is_decided", 1)
            field("decided_at", time.milliseconds)
        }
    }
}
