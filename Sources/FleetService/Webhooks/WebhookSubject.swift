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

        /// Whether the event makes another of the webhook: what comes after it is for the sink of that one, which begins
        /// where this one ends.
        func isReplaced(by event: Event) -> Bool {
            event.entity.asWebhook.map { $0.id == webhook.id && $0.version > webhook.version } ?? false
        }
    }
}
