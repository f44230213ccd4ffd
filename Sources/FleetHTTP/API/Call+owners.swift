import FleetDomain
import FleetStore

extension Call {
    /// Who is refused before anything was looked at may have aimed at what is somebody else's all the same.
    func noteOwnersOfPath(action: Permission) async throws(FleetError) {
        let owners = try await stored { () throws(StoreError) in try await ownersOfPath() }
        // Of what it has a part in, it is refused a right, and crosses to nobody.
        guard principal.fleets.isDisjoint(with: owners), let owner = owners.first else { return }
        note(.violationBlocked, towards: owner, action: action)
    }

    /// Whose object the path names: the lender of a lease comes first. None where there is no such object, or where it is no
    /// fleet's, as an API key.
    private func ownersOfPath() async throws(StoreError) -> [Fleet.ID] {
        let store = api.store
        if let id: Fleet.ID = named("fleet_id") { return try await store.fleet(id).map { [$0.id] } ?? [] }
        if let id: Lease.ID = named("sharing_id") {
            return try await store.lease(id).map { [$0.source, $0.target] } ?? []
        }
        if let id: Allocation.ID = named("allocation_id") {
            return try await store.allocation(id).map { [$0.0.target] } ?? []
        }
        if let id: Webhook.ID = named("webhook_id") { return try await store.webhook(id).map { [$0.fleet] } ?? [] }
        if let id: EventReplay.ID = named("replay_id"), let webhook = try await store.replay(id)?.webhook {
            return try await store.webhook(webhook).map { [$0.fleet] } ?? []
        }
        if let id: Delivery.ID = named("log_id") {
            return try await store.deadLetter(id).map { [$0.target, $0.source] } ?? []
        }
        if let id: Message.ID = named("message_id") {
            // One to many may be the caller's as well.
            guard let message = try await store.messages(id).first, let target = message.target else { return [] }
            return [message.source, target]
        }
        return []
    }

    private func named<Entity>(_ capture: String) -> ID<Entity>? {
        endpoint.path.contains("{\(capture)}") ? try? id(capture) : nil
    }

    private func named<Entity>(_ capture: String) -> Name<Entity>? {
        endpoint.path.contains("{\(capture)}") ? try? name(capture) : nil
    }
}
