/// What becomes of messages that are pushed to webhooks.
extension Ledger {
    /// A webhook of the recipient took the message.
    package mutating func take(_ id: Delivery.ID, attempts: Int64, _ context: inout Context) {
        guard var delivery = deliveries[id], delivery.status == .accepted, context.now < delivery.expiresAt,
            context.principal.receives(for: delivery.target)
        else { return }
        delivery.attempts = attempts
        _ = delivered(delivery, &context)
    }

    /// The pushes of a message are used up, and nobody has taken it in another way.
    package mutating func deadLetter(_ id: Delivery.ID, attempts: Int64, _ context: inout Context) {
        guard var delivery = deliveries[id], delivery.status == .accepted, context.now < delivery.expiresAt,
            context.principal.receives(for: delivery.target)
        else { return }
        context.actingFleet = delivery.target
        delivery.status = .deadLettered
        delivery.reason = "pushes_used_up"
        delivery.attempts = attempts
        delivery.resolvedAt = context.now
        record(.messageDeadLettered, .delivery(delivery), &context)
    }

    /// Puts a dead letter back on its way, for what is left of its time: it waits in the inbox, and is pushed anew.
    ///
    /// - Parameter dead: as it is stored.
    /// - Throws: `dead_letter_not_found`, `already_resolved`, `message_expired`.
    package mutating func redrive(_ dead: Delivery, _ context: inout Context) throws(FleetError) -> Entity {
        guard context.principal.holds(.communicationManage, for: dead.target) else {
            throw FleetError.notFound(.deadLetterNotFound, crossing: dead.target)
        }
        guard dead.status == .deadLettered, deliveries[dead.id] == nil else {
            throw FleetError(.alreadyResolved, "The message is no dead letter any more.")
        }
        guard context.now < dead.expiresAt else {
            throw FleetError(.messageExpired, "The message expired at \(dead.expiresAt).")
        }
        var delivery = dead
        context.actingFleet = delivery.target
        delivery.status = .accepted
        delivery.reason = nil
        delivery.attempts = 0
        delivery.resolvedAt = nil
        record(.messageRedriven, .delivery(delivery), &context)
        return .delivery(delivery)
    }
}
