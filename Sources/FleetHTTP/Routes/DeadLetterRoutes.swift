import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import Hummingbird

/// Messages whose pushes are used up.
enum DeadLetterRoutes {
    static func list(_ call: Call) async throws -> Response {
        let page = try call.page()
        var filter = DeliveryFilter()
        filter.federation = call.parameter("federation_id", Federation.ID.init)
        filter.fleet = call.parameter("fleet_id", Fleet.ID.init)
        let asked = filter
        let found = try await stored { () throws(StoreError) in
            try await call.api.store.deadLetters(
                for: call.principal, asked, after: page.after(DeliveryPlace.self), size: page.size)
        }
        let now = call.api.environment.now()
        func place(_ delivery: Delivery) -> String { DeliveryPlace(delivery).description }
        return try call.answer("dead_letters", found, next: place) { delivery, writer in
            call.view.write(delivery, at: now, to: &writer)
        }
    }

    static func redrive(_ call: Call) async throws -> Response {
        let id: Delivery.ID = try call.id("log_id")
        let dead = try await stored { () throws(StoreError) in try await call.api.store.deadLetter(id) }
        return try await call.perform(
            Write(operation: "message.redrive", kind: .delivery) { (ledger, context) throws(FleetError) in
                guard let dead else { throw FleetError.notFound(.deadLetterNotFound) }
                return try ledger.redrive(dead, &context)
            } answer: { _ in
                .accepted
            })
    }
}
