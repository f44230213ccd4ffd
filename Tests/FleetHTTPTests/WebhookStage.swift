import FleetDomain
import FleetJSON
import FleetTestSupport
import Testing

/// Two fleets that talk, and a receiver that one of them runs.
struct WebhookStage {
    let service: TestService
    let federation: String
    let receiver: WebhookReceiver
    private let keys: [String: String]

    static func run(_ body: @escaping @Sendable (WebhookStage) async throws -> Void) async throws {
        try await WebhookReceiver.run { receiver in
            try await MessageStage.run(scopes: [.communicationSafety]) { stage in
                try await body(
                    WebhookStage(
                        service: stage.service, federation: stage.federation, receiver: receiver,
                        keys: ["red": stage.key("red"), "blue": stage.key("blue")]))
            }
        }
    }

    func key(_ fleet: String) -> String { keys[fleet] ?? "" }

    /// Registers the receiver for a fleet.
    @discardableResult
    func register(
        _ fleet: String = "blue", types: [String]? = ["message.accepted"], path: String = "/hook"
    ) async throws -> TestService.Reply {
        let list = types.map { #","event_types":[\#($0.map { "\"\($0)\"" }.joined(separator: ","))]"# } ?? ""
        return try await service.ok(
            "POST", "/webhooks", #"{"url":"\#(receiver.url(path))"\#(list)}"#, key: .some(key(fleet)))
    }

    @discardableResult
    func send(
        _ content: String = #"{"text":"hello"}"#, from source: String = "red", to target: String? = "blue",
        more: String = ""
    ) async throws -> String {
        try await service.sendMessage(
            federation, from: source, to: target, content, more: more, key: .some(key(source)))
    }

    func status(_ message: String, as fleet: String = "red") async throws -> String {
        try await service.ok("GET", "/messages/\(message)", key: .some(key(fleet))).text("status")
    }

    func deliveries(of webhook: TestService.Reply, _ query: String = "") async throws -> [JSONObject] {
        let path = "/webhooks/\(webhook.text("webhook_id"))/deliveries\(query)"
        return try await service.ok("GET", path, key: .some(key(webhook.text("fleet_id")))).rows("deliveries")
    }

    /// What became of the last event, once something did as often as that.
    func delivery(
        of webhook: TestService.Reply, after attempts: Int64, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONObject {
        try await eventually(sourceLocation: sourceLocation) {
            try await deliveries(of: webhook).first?["attempts"]?.integerValue ?? 0 >= attempts
        }
        return try #require(try await deliveries(of: webhook).first)
    }

    func act(_ step: String, on webhook: TestService.Reply, _ body: String? = nil) async throws -> TestService.Reply {
        try await service.ok(
            "POST", "/webhooks/\(webhook.text("webhook_id"))/\(step)", body,
            key: .some(key(webhook.text("fleet_id"))))
    }

    /// The places of the events that a fleet sees.
    func sequences(as fleet: String = "blue") async throws -> [(type: String, place: String)] {
        try await service.ok("GET", "/events?limit=1000", key: .some(key(fleet))).rows("events")
            .map { ($0.text("type"), $0.text("sequence")) }
    }
}
