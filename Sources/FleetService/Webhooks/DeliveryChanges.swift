import FleetDomain
import FleetStore

/// What pushes made of messages.
struct DeliveryChanges: Sendable {
    var taken: [(Delivery.ID, Int64)] = []
    var dead: [(Delivery.ID, Int64)] = []

    var isEmpty: Bool { taken.isEmpty && dead.isEmpty }

    /// That a replay does not arrive is no end of what is live.
    mutating func note(_ push: Push, _ delivery: Delivery.ID, isReplay: Bool) {
        if push.status == .delivered { taken.append((delivery, push.attempts)) }
        if push.status == .failed, !isReplay { dead.append((delivery, push.attempts)) }
    }
}
