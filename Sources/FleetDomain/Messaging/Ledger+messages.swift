import HeapModule

package struct MessageDraft: Sendable, Equatable {
    /// nil has one made.
    package var id: Message.ID?
    package var federation: Federation.ID
    package var source: Fleet.ID
    /// nil is every other member.
    package var target: Fleet.ID?
    package var type: MessageType
    package var messageClass: MessageClass
    package var orderingKey: String?
    package var content: Sealed
    package var ttl: Seconds
    package var signature: MessageSignature?

    package init(
        id: Message.ID? = nil, federation: Federation.ID, source: Fleet.ID, target: Fleet.ID? = nil,
        type: MessageType, messageClass: MessageClass = .coordination, orderingKey: String? = nil, content: Sealed,
        ttl: Seconds = MessageLimits.ttlDefault
    ) {
        self.id = id
        self.federation = federation
        self.source = source
        self.target = target
        self.type = type
        self.messageClass = messageClass
        self.orderingKey = orderingKey
        self.content = content
        self.ttl = ttl
    }
}

extension Ledger {
    /// Accepts a message: from here on it is kept for each recipient until it is acknowledged or expires.
    ///
    /// 1. the source may speak, and is a member;
    /// 2. who is to hear it, as far as isolation lets the source reach them;
    /// 3. what of it is too much for a recipient that takes nothing.
    ///
    /// - Throws: `fleet_not_found` for a target that is absent and for one that is hidden, `communication_disabled`,
    ///   `member_inactive`, `same_fleet`, `backlog_full`.
    package mutating func send(_ draft: MessageDraft, _ context: inout Context) throws(FleetError) -> Entity {
        let sender = try sender(of: draft, context.principal)
        context.actingFleet = draft.source
        let reached = try reached(by: draft, from: sender)
        let isDirect = draft.target != nil
        guard undecidedOfSource[draft.source] ?? 0 < MessageLimits.sourceBacklogMax else {
            throw FleetError(
                .backlogFull, "\(MessageLimits.sourceBacklogMax) messages of this fleet are not acknowledged.")
        }
        // What the fleet says every day must not stand in the way of a warning.
        let headroom = draft.messageClass == .safety ? MessageLimits.safetyHeadroom : 0
        var recipients: [Message.Recipient] = []
        for (fleet, isConcealed) in reached {
            let waiting = undecided[Delivery.Pair(source: draft.source, target: fleet)] ?? 0
            let isFull = waiting >= MessageLimits.backlogMax + headroom
            guard !isFull || !isDirect else {
                throw FleetError(
                    .backlogFull, "The target has \(waiting) messages of this fleet that it has not acknowledged.")
            }
            recipients.append(
                Message.Recipient(
                    fleet: fleet, delivery: context.ids.next(at: context.now), isConcealed: isConcealed,
                    isCrowdedOut: isFull))
        }
        let message = Message(
            id: draft.id ?? context.ids.next(at: context.now), federation: draft.federation, source: draft.source,
            target: draft.target, type: draft.type, messageClass: draft.messageClass, orderingKey: draft.orderingKey,
            content: draft.content, recipients: recipients, createdAt: context.now, expiresAt: context.now + draft.ttl,
            position: position + 1, signature: draft.signature)
        record(.messageAccepted, .message(message), as: draft.content.event, &context)
        return .message(message)
    }

    /// The membership in whose name the principal speaks.
    private func sender(of draft: MessageDraft, _ principal: Principal) throws(FleetError) -> Member {
        let fleet = try ownedFleet(draft.source, principal, .communicationSend)
        let standing = try visibleFederation(draft.federation, principal)
        guard standing.federation.status != .dissolved else {
            throw FleetError(.federationInactive, "The federation is dissolved.")
        }
        guard draft.messageClass != .safety || principal.holds(.communicationSafety, for: draft.source) else {
            throw FleetError.denied(.communicationSafety)
        }
        let key = Member.Key(federation: draft.federation, fleet: draft.source)
        guard fleet.status == .active, let member = members[key], member.status.mayTalk else {
            throw FleetError(.memberInactive, "The source is no active member of the federation.")
        }
        let isWarning = draft.messageClass == .safety && draft.target == nil
        let isSilent = !member.communicationEnabled && !isWarning
        guard member.isolationLevel != .sealed, !isSilent else {
            throw FleetError(.communicationDisabled, "The source takes no part in communication here.")
        }
        try requireCurrent(draft.content, of: fleet)
        guard draft.signature != nil || fleet.signingKey?.isRequired != true else {
            throw FleetError(.signatureRequired, "The source has said that it sends nothing without a signature.")
        }
        guard draft.signature.map({ $0.key.id == fleet.signingKey?.id }) ?? true else {
            throw FleetError(.signingKeyUnknown, "The source has no such signing key.")
        }
        return member
    }

    /// Who hears it, each with whether the source may not know that.
    private func reached(
        by draft: MessageDraft, from sender: Member
    ) throws(FleetError) -> [(fleet: Fleet.ID, isConcealed: Bool)] {
        guard let target = draft.target else { return reachedByBroadcast(draft, from: sender) }
        guard target != draft.source else { throw FleetError(.sameFleet, "A fleet sends no messages to itself.") }
        let member = members[Member.Key(federation: draft.federation, fleet: target)]
        guard let member, isKnown(member, to: sender) else {
            throw FleetError.notFound(.fleetNotFound, crossing: fleets[target]?.id)
        }
        guard member.status.mayTalk else {
            throw FleetError(.memberInactive, "The target is no active member of the federation.")
        }
        guard member.communicationEnabled else {
            throw FleetError(.communicationDisabled, "The target takes no part in communication here.")
        }
        return [(target, false)]
    }

    private func reachedByBroadcast(
        _ draft: MessageDraft, from sender: Member
    ) -> [(fleet: Fleet.ID, isConcealed: Bool)] {
        (fleetsOfFederation[draft.federation] ?? []).sorted().compactMap { fleet in
            guard fleet != draft.source, let member = members[Member.Key(federation: draft.federation, fleet: fleet)],
                member.status.isPresent
            else { return nil }
            let isKnown = isKnown(member, to: sender)
            // A warning reaches everybody, and tells the one who gives it nothing about them.
            if draft.messageClass == .safety { return (fleet, !isKnown) }
            return isKnown && member.status.mayTalk && member.communicationEnabled ? (fleet, false) : nil
        }
    }

    /// Whether two members may know that the other is one: by their levels, or because they deal with each other.
    package func isKnown(_ member: Member, to other: Member) -> Bool {
        guard member.status.isPresent else { return false }
        switch max(member.isolationLevel, other.isolationLevel) {
        case .none, .low, .medium: return true
        case .high: return isOpen(member, to: other.key.fleet) && isOpen(other, to: member.key.fleet)
        case .sealed: return false
        }
    }

    /// Whether the member's level lets the other fleet speak with it: of level `high` those with whom it has a lease or a
    /// request that is not over, and those whom it names itself. That the other names it opens nothing of it.
    private func isOpen(_ member: Member, to other: Fleet.ID) -> Bool {
        member.isolationLevel < .high || member.rules.contains { $0.counterparty == other }
            || haveLease(member.key.fleet, other, in: member.key.federation)
    }

    // MARK: What becomes of it

    /// Notes that these are being handed to their recipients.
    ///
    /// - Returns: those that may be, as they are since: the principal acts for their target, and their time is not over.
    package mutating func deliver(_ ids: [Delivery.ID], _ context: inout Context) -> [Delivery] {
        ids.compactMap { id in
            guard let delivery = deliveries[id], context.now < delivery.expiresAt,
                context.principal.receives(for: delivery.target)
            else { return nil }
            return delivered(delivery, &context)
        }
    }

    mutating func delivered(_ delivery: Delivery, _ context: inout Context) -> Delivery {
        guard delivery.status == .accepted else { return delivery }
        var delivery = delivery
        context.actingFleet = delivery.target
        delivery.status = .delivered
        delivery.deliveredAt = context.now
        record(.messageDelivered, .delivery(delivery), &context)
        return delivery
    }

    /// The recipient confirms a message, or refuses it. Who answers has received.
    ///
    /// - Parameter outcome: `acknowledged` or `rejected`.
    /// - Throws: `message_not_found` for one that is no longer on its way, `message_expired`.
    package mutating func resolve(
        _ id: Delivery.ID, as outcome: DeliveryStatus, reason: String?, _ context: inout Context
    ) throws(FleetError) -> Entity {
        guard var delivery = deliveries[id] else { throw FleetError.notFound(.messageNotFound) }
        guard context.principal.holds(.communicationReceive, for: delivery.target) else {
            throw FleetError.denied(.communicationReceive, crossing: delivery.target)
        }
        guard context.now < delivery.expiresAt else {
            throw FleetError.expired(delivery)
        }
        delivery = delivered(delivery, &context)
        context.actingFleet = delivery.target
        delivery.status = outcome
        delivery.reason = reason
        delivery.resolvedAt = context.now
        record(outcome == .acknowledged ? .messageAcknowledged : .messageRejected, .delivery(delivery), &context)
        return .delivery(delivery)
    }

    /// Whether the time of messages is over that are still on their way.
    package func hasExpired(at now: Timestamp) -> Bool { expiring.min.map { $0.at <= now } ?? false }

    /// Records of up to `limit` messages that their time is over.
    package mutating func expireDeliveries(limit: Int = leaseSlice, _ context: inout Context) {
        var count = 0
        while count < limit, let next = expiring.min, next.at <= context.now {
            expiring.removeMin()
            guard var delivery = deliveries[next.delivery], !asideDeliveries.contains(delivery.id) else { continue }
            delivery.status = .expired
            delivery.reason = "ttl"
            delivery.resolvedAt = delivery.expiresAt
            record(.messageExpired, .delivery(delivery), &context)
            count += 1
        }
    }
}

extension Ledger {
    /// When the time of a message on its way is over.
    struct Expiry: Comparable, Sendable {
        let at: Timestamp
        let delivery: Delivery.ID

        init(_ delivery: Delivery) {
            at = delivery.expiresAt
            self.delivery = delivery.id
        }

        static func < (a: Expiry, b: Expiry) -> Bool { (a.at, a.delivery) < (b.at, b.delivery) }
    }
}

extension FleetError {
    package static func expired(_ delivery: Delivery) -> FleetError {
        FleetError(.messageExpired, "The message expired at \(delivery.resolvedAt ?? delivery.expiresAt).")
    }
}

extension MemberStatus {
    /// Whether the fleet speaks and listens: also while it leaves, because it has things to hand over.
    fileprivate var mayTalk: Bool { self == .active || self == .leaving }
}
