import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// What waits for a fleet, and the log of what passed.
enum InboxRoutes {
    private static let limitDefault = 20

    static func inbox(_ call: Call) async throws -> Response {
        // Before anything is handed over.
        try call.request.negotiate("application/json")
        let fleet: Fleet.ID = try call.name("fleet_id")
        try await requireOwn(fleet, call)
        let after = try await call.start()
        let timeline = call.api.orchestrator.committed.timeline
        let reading = CommunicationRouter.Reading(
            fleet: fleet, principal: call.principal, requestID: call.request.identity.requestID,
            limit: call.query["limit"].flatMap { Int($0) } ?? limitDefault,
            wait: .seconds(call.query["wait_seconds"].flatMap { Int($0) } ?? 0), delivers: call.request.method != .head)
        // Read before anything is handed over: what does not fit is not delivered.
        var contents: [Int64: MessageContent] = [:]
        // Who waits does not hold up the stop.
        let inbox = try await withGracefulShutdownHandler {
            try await call.api.router.inbox(reading, after: after?.position ?? 0) { found in
                let read = try await call.contents(of: found, areHandedOver: reading.delivers)
                contents = read.contents
                return read.count
            } check: {
                let current = try await call.api.authenticator.principal(for: call.request.headers)
                guard current == call.principal else { throw FleetError.denied(.communicationRead) }
            }
        } onGracefulShutdown: {
            call.api.orchestrator.committed.inboxes.close()
        }
        let now = call.api.environment.now()
        var writer = JSONWriter(capacity: 1024 * (inbox.deliveries.count + 1))
        writer.beginObject()
        writer.key("messages")
        writer.beginArray()
        for delivery in inbox.deliveries {
            call.view.write(delivery, at: now, content: contents[delivery.position], to: &writer)
        }
        writer.endArray()
        let end = LogPlace(position: inbox.end, timeline: timeline)
        writer.field("next_after", call.api.positions.text(of: end, for: call.principal))
        writer.endObject()
        return try call.answer(writer.bytes, isObject: false)
    }

    /// The inbox is for the fleet, and for who may see everything; others are refused as for the fleet itself.
    private static func requireOwn(_ fleet: Fleet.ID, _ call: Call) async throws {
        _ = try await call.fleet()
        guard call.principal.holds(.communicationRead, for: fleet) else {
            throw call.crossing(.denied(.communicationRead), of: fleet, action: .communicationRead)
        }
    }

    static func log(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = DeliveryFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.fleet = call.parameter("fleet_id", Fleet.ID.init)
        filter.status = call.choice("status")
        filter.type = call.parameter("message_type", MessageType.init)
        filter.from = call.parameter("from", Timestamp.init)
        filter.to = call.parameter("to", Timestamp.init)
        let asked = filter
        let now = call.api.environment.now()
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.deliveries(
                for: call.principal, asked, now: now, after: page.after(DeliveryPlace.self), size: page.size)
        }
        let (contents, count) = try await call.contents(of: found.rows)
        let isCut = count < found.rows.count
        let shown = Page(rows: Array(found.rows.prefix(count)), hasMore: found.hasMore || isCut)
        func place(_ delivery: Delivery) -> String { DeliveryPlace(delivery).description }
        return try call.answer("communication_logs", shown, next: place) { delivery, writer in
            call.view.write(delivery, at: now, content: contents[delivery.position], to: &writer)
        }
    }
}
