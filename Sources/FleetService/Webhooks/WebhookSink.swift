import DequeModule
import FleetDomain
import FleetStore
import Logging

/// Pushes to one webhook what its fleet may see: what is live, warnings alone, or a replay.
///
/// It reads the log by a cursor, which is stored with what became of pushes, and never beyond one of which nothing is
/// stored: killed at any step, it reads and pushes again. What failed waits in its lane, and what follows it there waits
/// behind it; other lanes go on beside it, some at a time.
struct WebhookSink {
    /// Events that are read in one go.
    private static let sliceLength = 64
    /// Pushes that are to come; beyond, the log itself keeps them.
    private static let pendingMax = 10_000
    /// Those of them of which nothing is stored: what a kill has pushed again.
    private static let unstoredMax = 256
    /// Lanes that push at a time; of warnings many more, so that none waits for another.
    private static let width = 4
    private static let warningWidth = 32
    /// A cursor that moved over nothing but what others see is stored this often.
    private static let idleStride: Int64 = 10_000
    /// Pushes a second of a replay: what is live goes before.
    private static let replayRate = 50
    /// How long nothing is pushed to an address that could not be reached.
    private static let probeDelay: Seconds = 5
    /// How long a `Retry-After` is heeded.
    private static let retryAfterMax: Seconds = 86_400
    /// How long it waits to store what it could not store.
    private static let storePause = Duration.seconds(1)
    private static let storeBackoff = Backoff(first: storePause, longest: .seconds(30))

    let name: SinkName
    let subject: Subject
    let parts: Parts
    private let pusher: WebhookPusher
    private let inbox = PushInbox()
    private var reader: EventReader
    /// Up to where the log was read.
    private var position: Int64 = 0
    private var storedPosition: Int64 = 0
    private var lanes: [String: Deque<Push>] = [:]
    private var pending = 0
    private var busy: Set<String> = []
    /// Positions of pushes of which nothing is stored yet.
    private var unstored: Set<Int64> = []
    /// Positions beyond the cursor of which something was stored before the last stop.
    private var known: Set<Int64> = []
    /// Whether the webhook was disabled by what came of a push.
    private var isStopped = false
    /// Whether the log was read up to where the webhook was changed.
    private(set) var isReplaced = false
    /// Until when the receiver is left alone.
    private var restsUntil: Timestamp?

    var webhook: Webhook { subject.webhook }

    init(_ name: SinkName, _ subject: Subject, _ parts: Parts, _ connection: WebhookConnection) {
        self.name = name
        self.subject = subject
        self.parts = parts
        pusher = WebhookPusher(subject, parts, connection)
        let principal = subject.webhook.principal
        reader = EventReader(
            principal, subject.filter(of: name), store: parts.store, committed: parts.orchestrator.committed
        ) { event, facts in
            View(reader: principal).sees(event, standings: facts.standings, members: facts.members)
        }
    }

    // MARK: The loop

    /// Runs until its task is cancelled, the webhook is disabled, or the replay is over.
    mutating func run() async throws {
        if let stored = try await parts.store.cursor(of: name) {
            position = stored
        } else {
            position = try await subject.start(of: name, parts.store)
        }
        storedPosition = position
        for push in try await parts.store.pendingPushes(of: name) { append(push) }
        known = Set(try await parts.store.pushPositions(of: name, after: position))
        let follower = parts.orchestrator.committed.tail.follow(as: nil)
        defer { follower.end() }
        let (committed, inbox) = (parts.orchestrator.committed, inbox)
        let failure: (any Error)? = await withDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            group.addTask {
                var last: Int64 = 0
                while !Task.isCancelled, !follower.isEnded {
                    await follower.sleep { committed.position > last }
                    last = committed.position
                    inbox.wake()
                }
                inbox.wake()
            }
            do {
                try await loop(&group, follower)
                return nil
            } catch {
                return error
            }
        }
        // What arrived while it ended.
        await settle(inbox.take())
        // A changed filter is for what comes.
        if !isStopped, cursor > storedPosition {
            let (store, name, end, epoch) = (parts.store, name, cursor, parts.orchestrator.epoch)
            // Of its own: a commit that a cancelled task waits for may not happen.
            await Task { try? await store.keep([], of: name, upTo: end, epoch: epoch) }.value
        }
        if let failure { throw failure }
    }

    private mutating func loop(_ group: inout DiscardingTaskGroup, _ follower: EventTail.Follower) async throws {
        while !Task.isCancelled, !follower.isEnded {
            parts.progress.note(name, position: position, depth: pending)
            await settle(inbox.take())
            if isStopped { return }
            begin(&group)
            if try await read() { continue }
            if subject.replay.map({ position >= $0.to && pending == 0 }) == true { return try await complete() }
            await inbox.wait(until: nextDue, now: parts.environment.now())
        }
    }

    /// Up to where everything that was read is stored.
    private var cursor: Int64 { unstored.min().map { min(position, $0 - 1) } ?? position }

    private func complete() async throws {
        guard let replay = subject.replay else { return }
        try await submit("replay.complete") { ledger, context in ledger.completeReplay(replay.id, &context) }
    }

    private var isResting: Bool { restsUntil.map { parts.environment.now() < $0 } ?? false }

    /// When something is to be tried again.
    private var nextDue: Timestamp? {
        if isResting { return restsUntil }
        if !parts.mayPush { return parts.environment.now() + 1 }
        guard busy.count < widthMax else { return nil }
        return lanes.filter { !busy.contains($0.key) }.values.compactMap { $0.first?.nextAt }.min()
    }

    private var widthMax: Int { hasWarningsOnly ? Self.warningWidth : subject.replay == nil ? Self.width : 1 }

    // MARK: New events

    /// - Returns: whether there was something.
    private mutating func read() async throws -> Bool {
        let committed = parts.orchestrator.committed
        let to = subject.replay?.to ?? .max
        guard !isReplaced, position < min(committed.position, to), pending < Self.pendingMax,
            unstored.count < Self.unstoredMax,
            subject.replay == nil || pending == 0
        else { return false }
        let (events, end, _) = try await reader.read(
            after: position, limit: Self.sliceLength, from: subject.replay == nil ? committed.tail : nil)
        guard end > position else { return false }
        let change = events.first(where: subject.isReplaced)
        isReplaced = change != nil
        let last = min(change?.position ?? end, to)
        var blocked: [Push] = []
        for event in events where event.position <= last {
            for push in pushes(for: event) where known.remove(push.position) == nil && !isWaiting(push, for: event) {
                unstored.insert(push.position)
                append(push)
                // What waits behind one that failed does not hold up the cursor.
                if lanes[push.lane]?.first?.attempts ?? 0 > 0 { blocked.append(push) }
            }
        }
        position = last
        if !blocked.isEmpty || cursor - storedPosition >= Self.idleStride { await keep(blocked) }
        if subject.replay != nil, !events.isEmpty {
            try await Task.sleep(for: .seconds(1) * events.count / Self.replayRate)
        }
        return true
    }

    /// Whether what is put back on its way is on it already.
    private func isWaiting(_ push: Push, for event: Event) -> Bool {
        push.position != event.position && lanes[push.lane]?.contains { $0.position == push.position } == true
    }

    /// What an event has pushed: itself, and what it puts back on its way.
    private func pushes(for event: Event) -> [Push] {
        var pushes: [Push] = []
        if event.type == .webhookTested ? isTest(event) : takes(event) {
            pushes.append(push(of: event.type, event.id, event.position, lane: lane(of: event.entity)))
        }
        if event.type == .messageRedriven, subject.replay == nil, let delivery = event.entity.asDelivery,
            delivery.target == webhook.fleet, webhook.takes(.messageAccepted),
            (delivery.messageClass == .safety) == hasWarningsOnly
        {
            // The event of its message is found when it is pushed.
            pushes.append(push(of: .messageAccepted, event.id, delivery.position, lane: lane(of: event.entity)))
        }
        return pushes
    }

    private func isTest(_ event: Event) -> Bool {
        guard case .webhook = name else { return false }
        return event.entity.asWebhook?.id == webhook.id
    }

    /// Warnings to the fleet have a sink of their own.
    private func takes(_ event: Event) -> Bool {
        let isWarning =
            event.entity.asMessage.map { $0.messageClass == .safety && $0.source != webhook.fleet } ?? false
        return webhook.takes(event.type) && (subject.replay != nil || isWarning == hasWarningsOnly)
    }

    private var hasWarningsOnly: Bool { if case .warnings = name { true } else { false } }

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

    // MARK: Pushing

    /// Has the lanes whose first push is due push, as many as may at a time; those that were tried less go first.
    private mutating func begin(_ group: inout DiscardingTaskGroup) {
        guard !isResting, parts.mayPush, busy.count < widthMax else { return }
        let now = parts.environment.now()
        let due = lanes.values.compactMap(\.first)
            .filter { !busy.contains($0.lane) && $0.nextAt.map { $0 <= now } ?? true }
            .sorted { ($0.attempts, $0.position) < ($1.attempts, $1.position) }
        for head in due.prefix(widthMax - busy.count) {
            busy.insert(head.lane)
            let some = Array(lanes[head.lane, default: []].prefix(Self.sliceLength))
            let (pusher, inbox, reader, logger, name) = (pusher, inbox, reader, parts.logger, name.text)
            group.addTask {
                do {
                    try await pusher.push(some, reader, inbox.put)
                } catch  where !Task.isCancelled {
                    logger.error("a push could not be made", metadata: ["sink": "\(name)", "error": "\(error)"])
                    try? await Task.sleep(for: Self.storePause)
                } catch {}
                inbox.finish(head.lane)
            }
        }
    }

    /// Stores what came of pushes, before what follows them is pushed.
    private mutating func settle(_ arrived: PushInbox.Content) async {
        var kept: [Push] = []
        var changes = DeliveryChanges()
        for result in arrived.results {
            let push = concluded(result)
            if let delivery = result.delivery { changes.note(push, delivery, isReplay: subject.replay != nil) }
            kept.append(push)
        }
        for push in kept { place(push) }
        busy.subtract(arrived.lanes)
        // What waits behind one that failed is stored with it.
        let failed = Set(kept.filter { $0.status == .pending }.map(\.lane))
        for lane in failed {
            kept += (lanes[lane] ?? []).filter { push in
                unstored.contains(push.position) && !kept.contains { $0.position == push.position }
            }
        }
        guard !kept.isEmpty, changes.isEmpty ? true : await record(changes), await keep(kept) else { return }
        if arrived.results.contains(where: { $0.outcome == .gone }) { await disable("gone") }
        if arrived.results.contains(where: { $0.outcome == .secretErased }) { await disable("fleet_erased") }
    }

    /// The push after a try.
    private mutating func concluded(_ result: WebhookPusher.Result) -> Push {
        var push = result.push
        let now = parts.environment.now()
        push.updatedAt = now
        switch result.outcome {
        case .taken:
            push.status = .delivered
            push.nextAt = nil
        case .dropped:
            push.status = .dropped
            push.nextAt = nil
        case .gone, .secretErased: break
        case .refused:
            push.nextAt = PushSchedule.next(
                after: push.attempts, of: result.messageClass, at: now, spread: push.spread)
            push.status = push.nextAt == nil ? .failed : .pending
            let rest =
                result.retryAfter.map { min($0, Self.retryAfterMax) } ?? (result.isUnreachable ? Self.probeDelay : 0)
            if rest > 0, !hasWarningsOnly || result.retryAfter != nil {
                restsUntil = max(restsUntil ?? now, now + rest)
                push.nextAt = push.nextAt.map { max($0, now + rest) }
            }
        }
        if let next = push.nextAt, let end = result.expiresAt { push.nextAt = min(next, end) }
        return push
    }

    private func record(_ changes: DeliveryChanges) async -> Bool {
        await insistently {
            try await submit("message.push") { ledger, context in
                for (id, attempts) in changes.taken { ledger.take(id, attempts: attempts, &context) }
                for (id, attempts) in changes.dead { ledger.deadLetter(id, attempts: attempts, &context) }
            }
        }
    }

    private mutating func disable(_ reason: String) async {
        isStopped = true
        let webhook = webhook
        _ = await insistently {
            try await submit("webhook.disable") { ledger, context in ledger.disable(webhook, reason, &context) }
        }
    }

    @discardableResult
    private mutating func keep(_ pushes: [Push]) async -> Bool {
        let left = unstored.subtracting(pushes.map(\.position))
        let end = left.min().map { min(position, $0 - 1) } ?? position
        let epoch = parts.orchestrator.epoch
        let isKept = await insistently { try await parts.store.keep(pushes, of: name, upTo: end, epoch: epoch) }
        guard isKept else { return false }
        unstored = left
        storedPosition = end
        return true
    }

    /// Does it until it succeeds or the sink ends, once at least: what the receiver has taken is not pushed again because
    /// something was too busy to note it.
    ///
    /// - Returns: whether it succeeded.
    private func insistently(_ act: () async throws -> Void) async -> Bool {
        var failures = 0
        repeat {
            do {
                try await act()
                return true
            } catch {
                parts.logger.error(
                    "what came of pushes could not be stored", metadata: ["sink": "\(name.text)", "error": "\(error)"])
                try? await Task.sleep(for: Self.storeBackoff.pause(after: failures))
                failures += 1
            }
        } while !Task.isCancelled
        return false
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

    /// Has its lane hold a push that was tried, or no longer.
    private mutating func place(_ push: Push) {
        guard let index = lanes[push.lane]?.firstIndex(where: { $0.position == push.position }) else { return }
        if push.status == .pending {
            lanes[push.lane]?[index] = push
        } else {
            lanes[push.lane]?.remove(at: index)
            pending -= 1
            if lanes[push.lane]?.isEmpty == true { lanes[push.lane] = nil }
        }
    }
}

extension Push {
    /// From 0 to 1, by its event: what spreads its tries over time.
    fileprivate var spread: Double { Double(UInt16(truncatingIfNeeded: event.raw)) / Double(UInt16.max) }
}
