import FleetDomain
import FleetJSON
import FleetStore

/// Makes requests of events, and tells what came of them.
struct WebhookPusher: Sendable {
    enum Outcome: Sendable {
        case taken
        /// An answer that is no success, or none.
        case refused
        /// The receiver wants no more.
        case gone
        /// It is not for the webhook any more.
        case dropped
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
        /// Whether it may be the address that failed, and not this push.
        var isUnreachable = false
    }

    /// A push with what it says; nil is that it is not for the webhook any more.
    private struct Prepared: Sendable {
        var result: Result
        var body: [UInt8]?
    }

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

    /// Pushes one after the other, up to the first that is not taken.
    ///
    /// Each is looked at right before its turn: what it says and who may have it is as of then.
    /// - Parameter report: told of each as it ends.
    func push(_ pushes: [Push], _ reader: EventReader, _ report: (Result) -> Void) async throws {
        var reader = reader
        for push in pushes {
            let secrets = try await secrets()
            guard !secrets.isEmpty else { return report(Result(push: push, outcome: .secretErased)) }
            let prepared = try await prepare(push, &reader)
            guard parts.mayPush else { return }
            let result = try await send(prepared, secrets)
            report(result)
            guard result.outcome == .taken || result.outcome == .dropped else { return }
        }
    }

    private func send(_ prepared: Prepared, _ secrets: [WebhookSecret]) async throws -> Result {
        var result = prepared.result
        guard let body = prepared.body else { return result }
        let now = parts.environment.now()
        var limit = WebhookConnection.requestDuration
        if let end = result.expiresAt {
            // After its time nothing is delivered.
            guard now < end else {
                result.outcome = .dropped
                result.push.error = "expired"
                return result
            }
            limit = min(limit, .milliseconds(end.milliseconds - now.milliseconds))
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
        let answer = await connection.post(body, headers: headers, to: webhook.url, within: limit)
        // Cut short by the stop, it says nothing.
        if case .failed = answer { try Task.checkCancellation() }
        note(answer, in: &result)
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
                result.isUnreachable = (502...504).contains(status)
            }
        case .failed(let reason):
            result.push.error = reason
            result.outcome = .refused
            result.isUnreachable = true
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

    private func prepare(_ push: Push, _ reader: inout EventReader) async throws -> Prepared {
        var prepared = Prepared(result: Result(push: push, outcome: .dropped))
        prepared.result.push.error = "not_visible"
        let known = parts.orchestrator.committed.tail.events(after: push.position - 1, limit: 1)?.first
        let event =
            if let known { known } else {
                try await parts.store.events(after: push.position - 1, limit: 1).first
            }
        // A filter may have changed while it waited.
        guard let event, webhook.takes(event.type) || event.type == .webhookTested,
            try await !reader.stillShown([event]).isEmpty
        else { return prepared }
        prepared.result.push.event = event.id
        var content: MessageContent?
        if let message = event.entity.asMessage {
            prepared.result.messageClass = message.messageClass
            let delivery = try await delivery(of: message)
            // One that is answered, or over, is not handed out again; a replay may tell that it was.
            guard delivery != nil || message.source == webhook.fleet || subject.replay != nil else {
                prepared.result.push.error = parts.environment.now() < message.expiresAt ? "answered" : "expired"
                return prepared
            }
            prepared.result.delivery = delivery?.id
            if delivery != nil { prepared.result.expiresAt = message.expiresAt }
            if delivery != nil || message.source == webhook.fleet {
                content = try await parts.vault.content(of: message)
            }
        }
        var writer = JSONWriter(capacity: 1024)
        View(reader: webhook.principal).write(
            event, standings: reader.facts.standings, content: content,
            sequence: parts.positions.text(of: event.position, for: webhook.principal), replay: subject.replay?.id,
            to: &writer)
        prepared.body = writer.bytes
        return prepared
    }

    /// The message's delivery to the fleet, while it is on its way.
    private func delivery(of message: Message) async throws -> Delivery? {
        guard message.source != webhook.fleet,
            let id = message.recipients.first(where: { $0.fleet == webhook.fleet })?.delivery
        else { return nil }
        return try await parts.orchestrator.inspect { $0.deliveries[id] }
    }
}
