package struct WebhookDraft: Sendable, Equatable {
    package var fleet: Fleet.ID
    package var url: String
    package var types: [EventType]?
    package var key: WebhookKey

    package init(fleet: Fleet.ID, url: String, types: [EventType]?, key: WebhookKey) {
        self.fleet = fleet
        self.url = url
        self.types = types
        self.key = key
    }
}

/// What signs, sealed, with what verifies.
package struct WebhookKey: Sendable, Equatable {
    package let secret: Sealed
    package let publicKey: String

    package init(secret: Sealed, publicKey: String) {
        self.secret = secret
        self.publicKey = publicKey
    }
}

package struct WebhookPatch: Sendable, Equatable {
    package var url: String?
    /// Replaces the filter; an inner nil takes it away.
    package var types: [EventType]??
    /// `active` or `disabled`.
    package var status: WebhookStatus?

    package init(url: String? = nil, types: [EventType]?? = nil, status: WebhookStatus? = nil) {
        self.url = url
        self.types = types
        self.status = status
    }
}

extension Ledger {
    /// - Throws: `fleet_not_found`, `fleet_erased`, `webhook_limit`, `invalid_transition` for a retired fleet.
    package mutating func register(_ draft: WebhookDraft, _ context: inout Context) throws(FleetError) -> Entity {
        let fleet = try ownedFleet(draft.fleet, context.principal, .communicationManage)
        try requireReader(of: fleet.id, context.principal)
        guard fleet.status == .active else { throw FleetError(.invalidTransition, "The fleet is retired.") }
        try requireCurrent(draft.key.secret, of: fleet)
        guard webhooks.values.count(where: { $0.fleet == fleet.id }) < WebhookLimits.ofFleetMax,
            webhooks.count < WebhookLimits.max
        else {
            throw FleetError(.webhookLimit, "There are as many webhooks as there may be; remove one first.")
        }
        context.actingFleet = fleet.id
        let webhook = Webhook(
            id: context.ids.next(at: context.now), fleet: fleet.id, url: draft.url, types: draft.types,
            status: .active, statusReason: nil, secret: draft.key.secret, previous: nil,
            publicKey: draft.key.publicKey, startsAfter: position + 1, createdBy: context.principal.subject,
            version: 1, createdAt: context.now, updatedAt: context.now)
        record(.webhookRegistered, .webhook(webhook), as: draft.key.secret.event, &context)
        return .webhook(webhook)
    }

    /// That who has events pushed somewhere may read them and receive messages itself: a webhook does both.
    private func requireReader(of fleet: Fleet.ID, _ principal: Principal) throws(FleetError) {
        for permission in [Permission.eventRead, .communicationRead, .communicationReceive] {
            guard principal.holds(permission, for: fleet) else { throw FleetError.denied(permission) }
        }
    }

    /// The webhook, if the principal manages it.
    ///
    /// - Parameter permission: under which that is asked.
    package func managedWebhook(
        _ id: Webhook.ID, _ principal: Principal, under permission: Permission = .communicationManage
    ) throws(FleetError) -> Webhook {
        guard let webhook = webhooks[id] else { throw FleetError.notFound(.webhookNotFound) }
        guard principal.holds(permission, for: webhook.fleet) else {
            throw FleetError.notFound(.webhookNotFound, crossing: webhook.fleet)
        }
        return webhook
    }

    package mutating func patch(
        _ id: Webhook.ID, _ patch: WebhookPatch, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var webhook = try managedWebhook(id, context.principal)
        if patch.url != nil { try requireReader(of: webhook.fleet, context.principal) }
        webhook.url = patch.url ?? webhook.url
        webhook.types = patch.types ?? webhook.types
        if let status = patch.status, status != webhook.status {
            if status == .active { try requireUsable(webhook) }
            webhook.status = status
            webhook.statusReason = nil
        }
        let event: EventType = webhook.status == .disabled && patch.status != nil ? .webhookDisabled : .webhookUpdated
        if webhook.status == .disabled { cancelReplays(of: id, "webhook_disabled", &context) }
        return save(event, webhook, &context)
    }

    /// That what signs for it is there, and the fleet is.
    private func requireUsable(_ webhook: Webhook) throws(FleetError) {
        guard let fleet = fleets[webhook.fleet], fleet.status == .active else {
            throw FleetError(.invalidTransition, "The fleet is retired.")
        }
        guard webhook.secret.generation == fleet.keyGeneration else {
            throw FleetError(.fleetErased, "The secret was erased with the fleet's data; rotate it first.")
        }
    }

    /// Has another secret sign; the one before goes on signing beside it for a day.
    package mutating func rotateSecret(
        of id: Webhook.ID, to key: WebhookKey, _ context: inout Context
    ) throws(FleetError) -> Entity {
        var webhook = try managedWebhook(id, context.principal)
        let fleet = try ownedFleet(webhook.fleet, context.principal, .communicationManage)
        try requireCurrent(key.secret, of: fleet)
        webhook.previous =
            webhook.secret.generation == fleet.keyGeneration
            ? Webhook.Previous(secret: webhook.secret, until: context.now + WebhookLimits.overlap) : nil
        webhook.secret = key.secret
        webhook.publicKey = key.publicKey
        return save(.webhookUpdated, webhook, as: key.secret.event, &context)
    }

    package mutating func remove(_ id: Webhook.ID, _ context: inout Context) throws(FleetError) -> Entity {
        var webhook = try managedWebhook(id, context.principal)
        webhook.status = .removed
        cancelReplays(of: id, "webhook_removed", &context)
        return save(.webhookRemoved, webhook, &context)
    }

    /// Asks for a push that says nothing but that it arrives: of this very event.
    package mutating func test(_ id: Webhook.ID, _ context: inout Context) throws(FleetError) -> Entity {
        let webhook = try managedWebhook(id, context.principal)
        try requireActive(webhook)
        context.actingFleet = webhook.fleet
        record(.webhookTested, .webhook(webhook), &context)
        return .webhook(webhook)
    }

    func requireActive(_ webhook: Webhook) throws(FleetError) {
        guard webhook.status == .active else {
            throw FleetError(.webhookDisabled, "The webhook is disabled; make it active first.")
        }
    }

    /// The service pushes to it no more, until its owner says so.
    ///
    /// - Parameter seen: as it was then; one that was changed since is left as it is.
    package mutating func disable(_ seen: Webhook, _ reason: String, _ context: inout Context) {
        guard var webhook = webhooks[seen.id], webhook.status == .active, webhook.version == seen.version else {
            return
        }
        webhook.status = .disabled
        webhook.statusReason = reason
        cancelReplays(of: seen.id, "webhook_disabled", &context)
        _ = save(.webhookDisabled, webhook, &context)
    }

    /// Disables all of a fleet's.
    mutating func disableWebhooks(of fleet: Fleet.ID, _ reason: String, _ context: inout Context) {
        for webhook in webhooks.values.filter({ $0.fleet == fleet }).sorted(by: { $0.id < $1.id }) {
            disable(webhook, reason, &context)
        }
    }

    private mutating func save(
        _ type: EventType, _ changed: Webhook, as event: Event.ID? = nil, _ context: inout Context
    ) -> Entity {
        var webhook = changed
        context.actingFleet = webhook.fleet
        webhook.version += 1
        webhook.updatedAt = context.now
        record(type, .webhook(webhook), as: event, &context)
        return .webhook(webhook)
    }
}
