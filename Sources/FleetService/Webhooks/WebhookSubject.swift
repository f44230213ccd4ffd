import FleetDomain
import FleetStore

extension WebhookSink {
    /// What a sink pushes, and to whom: the webhook as it is while the sink runs.
    struct Subject: Sendable {
        let webhook: Webhook
        var replay: EventReplay?

        /// Of which types it reads: those that the webhook takes, what puts a message back on its way, and what is done to
        /// the webhook itself.
        func filter(of name: SinkName) -> EventFilter {
            let own: [EventType] = [.webhookUpdated, .webhookDisabled, .webhookRemoved]
            var filter = EventFilter()
            filter.types = webhook.types.map { $0 + [.messageRedriven, .webhookTested] + own }
            if case .warnings = name { filter.types = [.messageAccepted, .messageRedriven] + own }
            return filter
        }

        /// After which event one begins that has never run. Warnings that the webhook takes only since it was changed are for what
        /// comes.
        func start(of name: SinkName, _ store: Store) async throws(StoreError) -> Int64 {
            if let replay { return replay.from - 1 }
            guard case .warnings = name, webhook.version > 1 else { return webhook.startsAfter }
            return try await store.cursor(of: .webhook(webhook.id)) ?? webhook.startsAfter
        }

        /// Whether the event makes another of the webhook: what comes after it is for the sink of that one, which begins
        /// where this one ends.
        func isReplaced(by event: Event) -> Bool {
            event.entity.asWebhook.map { $0.id == webhook.id && $0.version > webhook.version } ?? false
        }
    }
}
