import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// What waits for a fleet, and the log of what passed.
enum InboxRoutes {
    private static let limitDefault = 20

    static func inbox(_ call: Call) async throws -> Response {
        // Before anything is handed over.
        try call.request.negotiate("application/json")
        let fleet: Fleet.ID = try call.name("fleet_id")
        try await requireOwn(fleet, call)
        let after = try call.start()
        let inbox = try await call.api.router.inbox(
            of: fleet, after: after ?? 0, limit: call.query["limit"].flatMap { Int($0) } ?? limitDefault,
            wait: .seconds(call.query["wait_seconds"].flatMap { Int($0) } ?? 0), for: call.principal,
            requestID: call.request.identity.requestID)
        let (contents, count) = try await call.contents(of: inbox.deliveries)
        let now = call.api.environment.now()
        var writer = JSONWriter(capacity: 1024 * (count + 1))
        writer.beginObject()
        writer.key("messages")
        writer.beginArray()
        for delivery in inbox.deliveries.prefix(count) {
            call.view.write(delivery, at: now, content: contents[delivery.position], to: &writer)
        }
        writer.endArray()
        let isCut = count < inbox.deliveries.count
        let end = isCut ? inbox.deliveries[count - 1].position : inbox.end
        writer.field("next_after", call.api.sealer.text(of: end, for: call.principal))
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
