import DequeModule
import FleetDomain
import FleetJSON
import FleetStore
import Logging

/// Pushes to one webhook what its fleet may see: what is live, warnings alone, or a replay.
///
/// It reads the log by a cursor. What became of a stretch of it is stored with the cursor as one, after the pushes: killed
/// at any step, it reads and pushes again. What failed waits in its lane, and what follows it there waits behind it; other
/// lanes go on.
struct WebhookSink {
    /// What all of them use.
    struct Parts: Sendable {
        let store: Store
        let orchestrator: FederationOrchestrator
        let vault: Vault
        let sealer: Sealer
        let environment: Environment
        let policy: WebhookPolicy
        let metrics: MetricsRegistry
        let progress: SinkProgress
        let logger: Logger
    }

    struct Subject: Sendable {
        let webhook: Webhook
        var replay: EventReplay?
    }

    /// Events of one round.
    static let roundLength = 64
    /// Pushes that wait for another try; beyond, the log itself keeps what is to come.
    private static let pendingMax = 10_000
    /// A cursor that moved over nothing but what others see is stored this often.
    private static let idleStride: Int64 = 10_000
    /// Pushes a second of a replay: what is live goes before.
    private static let replayRate = 50
    /// After one push of a round failed, the others are not tried before so long: it may be the address.
    private static let probeDelay: Seconds = 5
    /// How long a `Retry-After` is heeded.
    private static let retryAfterMax: Seconds = 86_400

    let name: SinkName
    let subject: Subject
    let parts: Parts
    private let pusher: WebhookPusher
    private var reader: EventReader
    private var position: Int64 = 0
    private var stored: Int64 = 0
    private var lanes: [String: Deque<Push>] = [:]
    private var pending = 0
    /// Whether the webhook was disabled by what came of a push.
    private var isStopped = false
    /// Set by the receiver, which asks to be left alone.
    private var restsUntil: Timestamp?

    var webhook: Webhook { subject.webhook }

    init(_ name: SinkName, _ subject: Subject, _ parts: Parts, _ connection: WebhookConnection) {
        self.name = name
        self.subject = subject
        self.parts = parts
        pusher = WebhookPusher(subject, parts, connection)
        var filter = EventFilter()
        filter.types = subject.webhook.types.map { $0 + [.messageRedriven, .webhookTested] }
        if case .warnings = name { filter.types = [.messageAccepted, .messageRedriven] }
        let principal = subject.webhook.principal
        reader = EventReader(
            principal, filter, store: parts.store, committed: parts.orchestrator.committed
        ) { event, facts in
            View(reader: principal).sees(event, standings: facts.standings, members: facts.members)
        }
    }

    // MARK: The loop

    /// Runs until its task is cancelled, or the replay is over.
    mutating func run() async throws {
        let first = subject.replay.map { $0.from - 1 } ?? webhook.startsAfter
        position = try await parts.store.cursor(of: name) ?? first
        stored = position
        for push in try await parts.store.pendingPushes(of: name, limit: .max) { append(push) }
        let tail = parts.orchestrator.committed.tail
        let follower = tail.follow(as: nil)
        defer { follower.end() }
        while !Task.isCancelled, !follower.isEnded, !isStopped {
            parts.progress.note(name, position: position, depth: pending)
            let hasRetried = try await retry()
            let hasRead = hasRetried ? false : try await read(from: tail)
            if isOver { return try await complete() }
            if !hasRetried, !hasRead { await wait(follower) }
        }
    }

    private var isOver: Bool { subject.replay.map { position >= $0.to && pending == 0 } ?? false }

    private func complete() async throws {
        guard let replay = subject.replay else { return }
        try await submit("replay.complete") { ledger, context in ledger.completeReplay(replay.id, &context) }
    }

    /// Until there is more to read, or something is due.
    private func wait(_ follower: EventTail.Follower) async {
        let (here, committed) = (position, parts.orchestrator.committed)
        let readsOn = canRead
        let now = parts.environment.now()
        let due = isResting ? restsUntil : lanes.values.compactMap { $0.first?.nextAt }.min()
        let delay = due.map { max(1, $0.milliseconds - now.milliseconds) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await follower.sleep { readsOn && committed.position > here } }
            if let delay { group.addTask { try? await Task.sleep(for: .milliseconds(delay)) } }
            await group.next()
            group.cancelAll()
        }
    }

    private var isResting: Bool { restsUntil.map { parts.environment.now() < $0 } ?? false }

    private var canRead: Bool {
        guard !isResting, pending < Self.pendingMax else { return false }
        return subject.replay.map { position < $0.to && pending == 0 } ?? true
    }

    // MARK: New events

    /// - Returns: whether there was something.
    private mutating func read(from tail: EventTail) async throws -> Bool {
        guard canRead, parts.orchestrator.committed.position > position else { return false }
        let (events, end, _) = try await reader.read(
            after: position, limit: Self.roundLength, from: subject.replay == nil ? tail : nil)
        guard end > position else { return false }
        var turns: [WebhookPusher.Turn] = []
        var blocked: [Push] = []
        for event in events where event.position <= subject.replay?.to ?? .max {
            for (push, subject) in pushes(for: event) {
                if lanes[push.lane] != nil { blocked.append(push) } else { turns.add(push, subject) }
            }
        }
        position = min(end, subject.replay?.to ?? end)
        try await carryOut(turns, also: blocked)
        if subject.replay != nil, !events.isEmpty {
            try await Task.sleep(for: .seconds(1) * events.count / Self.replayRate)
        }
        return true
    }

    /// What an event has pushed: itself, and what it puts back on its way.
    private func pushes(for event: Event) -> [(Push, Event?)] {
        var pushes: [(Push, Event?)] = []
        if isTest(event) || webhook.takes(event.type) && isOfThisSink(event.entity.asMessage) {
            pushes.append((push(of: event.type, event.id, event.position, lane: lane(of: event.entity)), event))
        }
        if event.type == .messageRedriven, subject.replay == nil, let delivery = event.entity.asDelivery,
            delivery.target == webhook.fleet, webhook.takes(.messageAccepted),
            (delivery.messageClass == .safety) == hasWarningsOnly
        {
            // The event of its message is found when it is pushed.
            pushes.append((push(of: .messageAccepted, event.id, delivery.position, lane: lane(of: event.entity)), nil))
        }
        return pushes
    }

    private func isTest(_ event: Event) -> Bool {
        guard event.type == .webhookTested, case .webhook = name else { return false }
        return event.entity.asWebhook?.id == webhook.id
    }

    private var hasWarningsOnly: Bool { if case .warnings = name { true } else { false } }

    /// Warnings to the fleet have a sink of their own.
    private func isOfThisSink(_ message: Message?) -> Bool {
        let isWarning = message.map { $0.messageClass == .safety && $0.source != webhook.fleet } ?? false
        return subject.replay != nil || isWarning == hasWarningsOnly
    }

    private func lane(of entity: Entity) -> String {
        guard subject.replay == nil else { return "" }
        return switch entity {
        case .message(let message) where message.source != webhook.fleet:
            "\(message.source) \(message.orderingKey ?? "")"
        case .delivery(let delivery) where delivery.target == webhook.fleet && delivery.status == .accepted:
            "\(delivery.source) \(delivery.orderingKey ?? "")"
        default: entity.subject
        }
    }

    private func push(of type: EventType, _ event: Event.ID, _ position: Int64, lane: String) -> Push {
        Push(
            sink: name, position: position, webhook: webhook.id, event: event, type: type, lane: lane,
            at: parts.environment.now())
    }

    // MARK: What waits

    /// - Returns: whether there was something.
    private mutating func retry() async throws -> Bool {
        guard !isResting else { return false }
        let now = parts.environment.now()
        let due = lanes.values.compactMap(\.first).filter { $0.nextAt.map { $0 <= now } ?? true }
            .sorted { ($0.attempts, $0.position) < ($1.attempts, $1.position) }
        guard !due.isEmpty else { return false }
        var turns: [WebhookPusher.Turn] = []
        var count = 0
        for head in due where count < Self.roundLength {
            // What follows the head of a lane is tried for the first time once that has arrived.
            let some = lanes[head.lane, default: []].prefix(Self.roundLength - count)
            for push in some { turns.add(push, nil) }
            count += some.count
        }
        try await carryOut(turns, also: [])
        return true
    }

    /// Pushes, has the writer record what messages became of it, and then keeps what became of all.
    private mutating func carryOut(_ turns: [WebhookPusher.Turn], also blocked: [Push]) async throws {
        let done = try await pusher.push(turns, &reader, triesAll: hasWarningsOnly)
        let now = parts.environment.now()
        var kept: [Push] = []
        var changes = DeliveryChanges()
        for result in done {
            var push = result.push
            push.updatedAt = now
            conclude(&push, result, at: now)
            if let delivery = result.delivery { changes.note(push, delivery, isReplay: subject.replay != nil) }
            kept.append(push)
        }
        if !changes.isEmpty { try await record(changes) }
        if done.contains(where: { $0.outcome == .gone }) { try await disable("gone") }
        if done.contains(where: { $0.outcome == .secretErased }) { try await disable("fleet_erased") }
        kept += blocked
        if !kept.isEmpty || position - stored >= Self.idleStride || subject.replay != nil {
            try await parts.store.keep(kept, of: name, upTo: position)
            stored = position
        }
        for push in kept { settle(push) }
    }

    /// What becomes of a push after a try.
    private mutating func conclude(_ push: inout Push, _ result: WebhookPusher.Result, at now: Timestamp) {
        switch result.outcome {
        case .taken:
            push.status = .delivered
            push.nextAt = nil
        case .dropped:
            push.status = .dropped
            push.nextAt = nil
        case .waiting: if !hasWarningsOnly { push.nextAt = now + Self.probeDelay }
        case .gone, .secretErased: break
        case .refused:
            let next = PushSchedule.next(
                after: push.attempts, of: result.messageClass, at: now, spread: push.spread)
            push.status = next == nil ? .failed : .pending
            push.nextAt = next
            if let wait = result.retryAfter { restsUntil = now + min(wait, Self.retryAfterMax) }
        }
        if let next = push.nextAt, let end = result.expiresAt { push.nextAt = min(next, end) }
    }

    private func record(_ changes: DeliveryChanges) async throws {
        try await submit("message.push") { ledger, context in
            for (id, attempts) in changes.taken { ledger.take(id, attempts: attempts, &context) }
            for (id, attempts) in changes.dead { ledger.deadLetter(id, attempts: attempts, &context) }
        }
    }

    private mutating func disable(_ reason: String) async throws {
        isStopped = true
        let id = webhook.id
        try await submit("webhook.disable") { ledger, context in ledger.disable(id, reason, &context) }
    }

    private func submit(
        _ operation: String, _ change: @escaping @Sendable (inout Ledger, inout Context) -> Void
    ) async throws {
        let command = Command(operation: operation, principal: webhook.principal, requestID: name.text) {
            (ledger, context) throws(FleetError) in
            change(&ledger, &context)
            return Decision(nil)
        }
        _ = try await parts.orchestrator.submit(command)
    }

    // MARK: Lanes

    private mutating func append(_ push: Push) {
        lanes[push.lane, default: []].append(push)
        pending += 1
    }

    /// Has the lanes hold what was kept: a new push at the end, one that was tried in its place.
    private mutating func settle(_ push: Push) {
        let index = lanes[push.lane]?.firstIndex { $0.position == push.position }
        switch (index, push.status == .pending) {
        case (let index?, true): lanes[push.lane]?[index] = push
        case (let index?, false):
            lanes[push.lane]?.remove(at: index)
            pending -= 1
            if lanes[push.lane]?.isEmpty == true { lanes[push.lane] = nil }
        case (nil, true): append(push)
        case (nil, false): break
        }
    }
}

/// What pushes made of messages.
private struct DeliveryChanges: Sendable {
    var taken: [(Delivery.ID, Int64)] = []
    var dead: [(Delivery.ID, Int64)] = []

    var isEmpty: Bool { taken.isEmpty && dead.isEmpty }

    /// That a replay does not arrive is no end of what is live.
    mutating func note(_ push: Push, _ delivery: Delivery.ID, isReplay: Bool) {
        if push.status == .delivered { taken.append((delivery, push.attempts)) }
        if push.status == .failed, !isReplay { dead.append((delivery, push.attempts)) }
    }
}

extension Push {
    /// From 0 to 1, by its event: what spreads its tries over time.
    fileprivate var spread: Double { Double(UInt16(truncatingIfNeeded: event.raw)) / Double(UInt16.max) }
}
