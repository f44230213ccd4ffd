package import FleetJSON

/// Anything that events are about.
package enum Entity: Sendable, Equatable {
    case federation(Federation)
    case member(Member)
    case quota(Quota)
    case balance(Balance)
    case allocation(Allocation)
    case fleet(Fleet)
    case resource(Resource)
    case lease(Lease)
    case message(Message)
    case delivery(Delivery)
    case webhook(Webhook)
    case replay(EventReplay)
    case metric(Metric)
    case apiKey(APIKey)
    case crossing(Crossing)
    case checkpoint(Checkpoint)

    package enum Kind: String, Sendable, CaseIterable {
        case federation, member, quota, balance, allocation, fleet, resource, message, delivery, webhook, crossing,
            metric, checkpoint
        case replay = "event_replay"
        case lease = "sharing"
        case apiKey = "api_key"
    }

    package var kind: Kind {
        switch self {
        case .federation: .federation
        case .member: .member
        case .quota: .quota
        case .balance: .balance
        case .allocation: .allocation
        case .fleet: .fleet
        case .resource: .resource
        case .lease: .lease
        case .message: .message
        case .delivery: .delivery
        case .webhook: .webhook
        case .replay: .replay
        case .metric: .metric
        case .apiKey: .apiKey
        case .crossing: .crossing
        case .checkpoint: .checkpoint
        }
    }

    private var record: any Record {
        switch self {
        case .federation(let record): record
        case .member(let record): record
        case .quota(let record): record
        case .balance(let record): record
        case .allocation(let record): record
        case .fleet(let record): record
        case .resource(let record): record
        case .lease(let record): record
        case .message(let record): record
        case .delivery(let record): record
        case .webhook(let record): record
        case .replay(let record): record
        case .metric(let record): record
        case .apiKey(let record): record
        case .crossing(let record): record
        case .checkpoint(let record): record
        }
    }

    /// The subject of its events: its id, with its owner's before it where it is unique only there.
    package var subject: String {
        switch self {
        case .federation(let federation): federation.id.description
        case .member(let member): "\(member.key.federation)/\(member.key.fleet)"
        case .quota(let quota): "\(quota.key.member.federation)/\(quota.key.member.fleet)/\(quota.key.type)"
        case .balance(let balance): "\(balance.key.member.federation)/\(balance.key.member.fleet)/\(balance.key.type)"
        case .allocation(let allocation): allocation.id.description
        case .fleet(let fleet): fleet.id.description
        case .resource(let resource): "\(resource.key.fleet)/\(resource.key.resource)"
        case .lease(let lease): lease.id.description
        case .message(let message): message.id.description
        case .delivery(let delivery): delivery.message.description
        case .webhook(let webhook): webhook.id.description
        case .replay(let replay): replay.id.description
        case .metric(let metric): metric.id.description
        case .apiKey(let key): key.id.description
        case .crossing(let crossing): crossing.object
        case .checkpoint(let checkpoint): checkpoint.treeSize.description
        }
    }

    /// The federation it belongs to, if it belongs to one.
    package var federation: Federation.ID? {
        switch self {
        case .federation(let federation): federation.id
        case .member(let member): member.key.federation
        case .quota(let quota): quota.key.member.federation
        case .balance(let balance): balance.key.member.federation
        case .allocation(let allocation): allocation.federation
        case .lease(let lease): lease.federation
        case .message(let message): message.federation
        case .delivery(let delivery): delivery.federation
        case .metric(let metric): metric.federation
        case .fleet, .resource, .webhook, .replay, .apiKey, .crossing, .checkpoint: nil
        }
    }

    package func write(to writer: inout JSONWriter) { record.write(to: &writer) }

    package init(kind: Kind, json: JSONObject) throws(RecordError) {
        switch kind {
        case .federation: self = .federation(try Federation(json: json))
        case .member: self = .member(try Member(json: json))
        case .quota: self = .quota(try Quota(json: json))
        case .balance: self = .balance(try Balance(json: json))
        case .allocation: self = .allocation(try Allocation(json: json))
        case .fleet: self = .fleet(try Fleet(json: json))
        case .resource: self = .resource(try Resource(json: json))
        case .lease: self = .lease(try Lease(json: json))
        case .message: self = .message(try Message(json: json))
        case .delivery: self = .delivery(try Delivery(json: json))
        case .webhook: self = .webhook(try Webhook(json: json))
        case .replay: self = .replay(try EventReplay(json: json))
        case .metric: self = .metric(try Metric(json: json))
        case .apiKey: self = .apiKey(try APIKey(json: json))
        case .crossing: self = .crossing(try Crossing(json: json))
        case .checkpoint: self = .checkpoint(try Checkpoint(json: json))
        }
    }
}

extension EventType {
    /// What events of this type are about.
    package var kind: Entity.Kind {
        switch self {
        case .federationCreated, .federationUpdated, .federationSuspended, .federationResumed, .federationDissolving,
            .federationDissolved:
            .federation
        case .memberInvited, .memberJoined, .memberUpdated, .memberSuspended, .memberResumed, .memberLeaving,
            .memberLeft, .presenceReachable, .presenceUnreachable:
            .member
        case .fleetRegistered, .fleetUpdated, .fleetRetired, .fleetErased: .fleet
        case .resourceRegistered, .resourceUpdated, .resourceRetired: .resource
        case .sharingRequested, .sharingQueued, .sharingApproved, .sharingGranted, .sharingBound, .sharingActivated,
            .sharingExtended,
            .sharingUpdated,
            .sharingCompleted, .sharingRejected, .sharingExpired, .sharingCancelled, .sharingNoShow, .sharingOverdue,
            .sharingRevoking, .sharingRevoked, .sharingPreempting, .sharingPreempted:
            .lease
        case .quotaSet, .quotaRemoved: .quota
        case .allocationDecided, .allocationCancelled, .allocationExpired: .allocation
        case .messageAccepted: .message
        case .messageDelivered, .messageAcknowledged, .messageRejected, .messageExpired, .messageDeadLettered,
            .messageRedriven:
            .delivery
        case .webhookRegistered, .webhookUpdated, .webhookDisabled, .webhookRemoved, .webhookTested: .webhook
        case .replayStarted, .replayCompleted, .replayCancelled: .replay
        case .metricRecorded: .metric
        case .keyCreated, .keyRevoked: .apiKey
        case .violationBlocked, .privilegedRead: .crossing
        case .auditCheckpointed: .checkpoint
        }
    }
}
