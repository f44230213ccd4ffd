import FleetDomain
import FleetJSON
import FleetStore

/// Makes requests of events, and tells what came of them.
struct WebhookPusher: Sendable {
    /// Pushes of one lane, one after the other, each with its event where it is at hand.
    struct Turn: Sendable {
        let lane: String
        var pushes: [(push: Push, event: Event?)]
    }

    enum Outcome: Sendable {
        case taken
        /// An answer that is no success, or none.
        case refused
        /// The receiver wants no more.
        case gone
        /// It is not for the webhook any more.
        case dropped
        /// Not tried: one before it failed.
        case waiting
        /// What signs it was erased.
        case secretErased
    }

    struct Result: Sendable {
        var push: Push
        var outcome: Outcome
        /// The message's delivery to this fleet, where it is one.
        var delivery: Delivery.ID?
        var messageClass: MessageClass?
        var expiresAt: Timestamp?
        var retryAfter: Seconds?
    }

    /// A push with what it says; nil is that it is not for the webhook any more.
    private struct Prepared: Sendable {
        var result: Result
        var body: [UInt8]?
        /// Why there is no body; a word.
        var reason: String?

        var waiting: Result {
            var result = result
            result.outcome = .waiting
            return result
        }
    }

    /// Requests at a time.
    private static let width = 4

    private let subject: WebhookSink.Subject
    private let parts: WebhookSink.Parts
    private let connection: WebhookConnection
    private static let pushes = MetricsRegistry.Name(
        "fleet_webhook_pushes_total", help: "Pushes to webhooks, by what came of them.")

    private var webhook: Webhook { subject.webhook }

    init(_ subject: WebhookSink.Subject, _ parts: WebhookSink.Parts, _ connection: WebhookConnection) {
        self.subject = subject
        self.parts = parts
        self.connection = connection
    }

    /// Pushes lane by lane, some lanes at a time. A lane ends at its first failure.
    ///
    /// - Parameter triesAll: whether a lane is begun though another has failed.
    func push(_ turns: [Turn], _ reader: inout EventReader, triesAll: Bool) async throws -> [Result] {
        guard !turns.isEmpty else { return [] }
        let secrets = try await secrets()
        guard !secrets.isEmpty else {
            return turns.flatMap(\.pushes).map { Result(push: $0.push, outcome: .secretErased) }
        }
        let prepared = try await prepare(turns, &reader)
        return try await withThrowingTaskGroup(of: [Result].self) { group in
            var lanes = prepared.makeIterator()
            var results: [Result] = []
            var hasFailed = false
            for lane in prepared.prefix(Self.width) {
                _ = lanes.next()
                group.addTask { await push(lane, signedBy: secrets) }
            }
            for try await done in group {
                results += done
                hasFailed = hasFailed || done.contains { $0.outcome == .refused || $0.outcome == .gone }
                if hasFailed, !triesAll {
                    while let lane = lanes.next() { results += lane.map(\.waiting) }
                } else if let lane = lanes.next() {
                    group.addTask { await push(lane, signedBy: secrets) }
                }
            }
            try Task.checkCancellation()
            return results
        }
    }

    private func push(_ lane: [Prepared], signedBy secrets: [WebhookSecret]) async -> [Result] {
        var results: [Result] = []
        for (index, prepared) in lane.enumerated() {
            let result = await push(prepared, secrets)
            results.append(result)
            if result.outcome == .taken || result.outcome == .dropped { continue }
            results += lane[(index + 1)...].map(\.waiting)
            break
        }
        return results
    }

    private func push(_ prepared: Prepared, _ secrets: [WebhookSecret]) async -> Result {
        var result = prepared.result
        let now = parts.environment.now()
        // After its time nothing is delivered.
        guard let body = prepared.body, result.expiresAt.map({ now < $0 }) ?? true else {
            result.outcome = .dropped
            result.push.error = prepared.reason ?? "expired"
            return result
        }
        result.push.attempts += 1
        let id = result.push.event.description
        let timestamp = String(now.milliseconds / 1000)
        let signed = Array("\(id).\(timestamp).".utf8) + body
        let headers = [
            ("content-type", "application/cloudevents+json"), ("user-agent", "fleet-coordination"),
            ("webhook-id", id), ("webhook-timestamp", timestamp),
            ("webhook-signature", secrets.map { $0.signatures(of: signed) }.joined(separator: " ")),
        ]
        note(await connection.post(body, headers: headers, to: webhook.url), in: &result)
        return result
    }

    private func note(_ answer: WebhookConnection.Answer, in result: inout Result) {
        result.push.httpStatus = nil
        result.push.error = nil
        switch answer {
        case .answered(let status, let retryAfter):
            result.push.httpStatus = Int64(status)
            switch status {
            case 200..<300: result.outcome = .taken
            case 410: result.outcome = .gone
            default:
                result.outcome = .refused
                if status == 429 || status == 503 { result.retryAfter = retryAfter }
            }
        case .failed(let reason):
            result.push.error = reason
            result.outcome = .refused
        }
        parts.metrics.count(Self.pushes, ["outcome": result.outcome == .taken ? "taken" : "refused"])
    }

    /// What signs now; none when it was erased.
    private func secrets() async throws -> [WebhookSecret] {
        let now = parts.environment.now()
        let sealed = [webhook.secret] + (webhook.previous.map { now < $0.until ? [$0.secret] : [] } ?? [])
        var secrets: [WebhookSecret] = []
        for one in sealed {
            guard let material = try await parts.vault.open(one, .webhookSecret, of: webhook.fleet),
                let secret = WebhookSecret(material: material)
            else { continue }
            secrets.append(secret)
        }
        return secrets
    }

    // MARK: What is said

    /// Looks up the events that are not at hand, and what the fleet may still know of each.
    private func prepare(_ turns: [Turn], _ reader: inout EventReader) async throws -> [[Prepared]] {
        var events: [Int64: Event] = [:]
        for (push, event) in turns.flatMap(\.pushes) {
            if let event {
                events[push.position] = event
            } else {
                events[push.position] = try await parts.store.events(after: push.position - 1, limit: 1).first
            }
        }
        let shown = try await reader.stillShown(Array(events.values))
        let visible = Dictionary(uniqueKeysWithValues: shown.map { ($0.position, $0) })
        let messages = shown.compactMap(\.entity.asMessage).filter { $0.source != webhook.fleet }
        let ids = messages.flatMap(\.recipients).filter { $0.fleet == webhook.fleet }.map(\.delivery)
        let live = try await parts.orchestrator.inspect { ledger in
            ids.reduce(into: [Delivery.ID: Delivery]()) { $0[$1] = ledger.deliveries[$1] }
        }
        var prepared: [[Prepared]] = []
        for turn in turns {
            var lane: [Prepared] = []
            for (push, _) in turn.pushes {
                lane.append(try await prepare(push, visible[push.position], live, reader.facts))
            }
            prepared.append(lane)
        }
        return prepared
    }

    private func prepare(
        _ push: Push, _ event: Event?, _ live: [Delivery.ID: Delivery], _ facts: EventReader.Facts
    ) async throws -> Prepared {
        var prepared = Prepared(result: Result(push: push, outcome: .dropped), reason: "not_visible")
        guard let event else { return prepared }
        prepared.result.push.event = event.id
        var content: MessageContent?
        if let message = event.entity.asMessage {
            prepared.result.messageClass = message.messageClass
            if message.source != webhook.fleet {
                let recipient = message.recipients.first { $0.fleet == webhook.fleet }
                let delivery = recipient.flatMap { live[$0.delivery] }
                // One that is answered, or over, is not handed out again; a replay may tell that it was.
                guard delivery != nil || subject.replay != nil else {
                    prepared.reason = parts.environment.now() < message.expiresAt ? "answered" : "expired"
                    return prepared
                }
                prepared.result.delivery = delivery?.id
                if delivery != nil {
                    prepared.result.expiresAt = message.expiresAt
                    content = try await parts.vault.content(of: message)
                }
            } else {
                content = try await parts.vault.content(of: message)
            }
        }
        var writer = JSONWriter(capacity: 1024)
        View(reader: webhook.principal).write(
            event, standings: facts.standings, content: content,
            sequence: parts.sealer.text(of: event.position, for: webhook.principal), replay: subject.replay?.id,
            to: &writer)
        prepared.body = writer.bytes
        return prepared
    }
}

extension [WebhookPusher.Turn] {
    mutating func add(_ push: Push, _ event: Event?) {
        if let index = firstIndex(where: { $0.lane == push.lane }) {
            self[index].pushes.append((push, event))
        } else {
            append(WebhookPusher.Turn(lane: push.lane, pushes: [(push, event)]))
        }
    }
}
