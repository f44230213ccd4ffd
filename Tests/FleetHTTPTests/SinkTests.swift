import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Synchronization
import Testing

@Suite("A sink", .timeLimit(.minutes(4)))
struct SinkTests {
    /// Where the service dies: at this commit after the webhook was let go on, before it or after it.
    struct Death: Sendable, CustomTestStringConvertible {
        let commit: Int
        let isAfter: Bool
        var testDescription: String { "\(isAfter ? "after" : "before") commit \(commit)" }

        static let all = (0..<6).flatMap { [Death(commit: $0, isAfter: false), Death(commit: $0, isAfter: true)] }
    }

    private static let messages = 100

    /// Opens the same files anew.
    private static func databases(in directory: Scratch) async throws -> (FaultyDatabase, KeyStore) {
        let log = try await SQLiteDatabase.open(path: directory.path + "/log.db")
        let keys = try await SQLiteDatabase.open(path: directory.path + "/keys.db", secureDelete: true)
        return (FaultyDatabase(log), KeyStore(database: keys))
    }

    @Test(
        "Invariant 14: killed at any step, it reads and pushes on, and skips no event",
        arguments: Effort.part(of: Death.all))
    func killed(death: Death) async throws {
        let directory = try Scratch()
        let key = KeyEncryptionKey.make()
        let ids = Mutex<Set<String>>([])
        try await WebhookReceiver.run { receiver in
            // Some are refused at first, so that there are lanes and tries to be remembered.
            receiver.respond { request in
                let content = request.event["data"]?.objectValue?["message_content"]?.integerValue ?? 0
                let isFirst = ids.withLock { $0.insert(request.headers["webhook-id"] ?? "").inserted }
                return WebhookReceiver.Answer(status: content % 10 == 3 && isFirst ? 500 : 204)
            }
            let (database, keys) = try await Self.databases(in: directory)
            let (webhook, operatorKey) = try await TestService.run(
                database: database, keys: keys, encryptionKey: key
            ) { service in
                try await Self.liveAndDie(service, database, receiver, death)
            }
            await keys.database.close()

            let (again, keysAgain) = try await Self.databases(in: directory)
            try await TestService.run(database: again, keys: keysAgain, encryptionKey: key) { service in
                try await eventually {
                    await service.advance(by: 5)
                    let path = "/webhooks/\(webhook)/deliveries?status=delivered&page_size=1000"
                    return try await service.ok("GET", path, key: .some(operatorKey)).rows("deliveries").count
                        == Self.messages
                }
            }
            await keysAgain.database.close()
            // Of each lane, in order, once what came twice is left out.
            var seen: Set<String> = []
            var lanes: [Int64: [Int64]] = [:]
            for request in receiver.requests {
                guard let content = request.event["data"]?.objectValue?["message_content"]?.integerValue else {
                    continue
                }
                let isRefused = content % 10 == 3 && !seen.contains("x\(content)")
                if isRefused { seen.insert("x\(content)") }
                guard !isRefused, seen.insert("\(content)").inserted else { continue }
                lanes[content % 5, default: []].append(content)
            }
            for (lane, contents) in lanes { #expect(contents == contents.sorted(), "lane \(lane)") }
            #expect(lanes.values.reduce(0) { $0 + $1.count } == Self.messages)
        }
    }

    /// - Returns: the webhook, and a key of its fleet.
    private static func liveAndDie(
        _ service: TestService, _ database: FaultyDatabase, _ receiver: WebhookReceiver, _ death: Death
    ) async throws -> (String, String) {
        let federation = try await service.found([("red", "none"), ("blue", "none")])
        let blue = try await service.key([.fleetOperator], fleets: [apiName("blue")])
        let body = #"{"url":"\#(receiver.url())","event_types":["message.accepted"]}"#
        let webhook = try await service.ok("POST", "/webhooks", body, key: .some(blue)).text("webhook_id")
        try await service.ok("PATCH", "/webhooks/\(webhook)", #"{"status":"disabled"}"#, key: .some(blue))
        let red = try await service.key([.fleetOperator], fleets: [apiName("red")])
        for index in 0..<messages {
            _ = try await service.sendMessage(
                federation, from: "red", to: "blue", "\(index)", more: #","ordering_key":"\#(index % 5)""#,
                key: .some(red))
        }
        try await service.ok("PATCH", "/webhooks/\(webhook)", #"{"status":"active"}"#, key: .some(blue))
        let count = Mutex(0)
        @Sendable func isDead(_ limit: Int) -> StoreError? {
            count.withLock { count in
                count += 1
                return count > limit ? .unavailable("killed") : nil
            }
        }
        if death.isAfter {
            database.setFaultAfterCommit { _ in isDead(death.commit) }
            database.setFault { _ in count.withLock { $0 } > death.commit ? .unavailable("killed") : nil }
        } else {
            database.setFault { _ in isDead(death.commit) }
        }
        try await eventually {
            await service.advance(by: 5)
            return count.withLock { $0 } > death.commit
        }
        return (webhook, blue)
    }

    @Test("tells how far it is behind, and what it is still to hand on")
    func gauges() async throws {
        try await WebhookStage.run { stage in
            stage.receiver.respond(500)
            let webhook = try await stage.register()
            try await stage.send(more: #","ordering_key":"a""#)
            _ = try await stage.delivery(of: webhook, after: 1)
            try await eventually {
                let text = try await stage.service.ok("GET", "//metrics").body
                return text.contains(#"fleet_sink_depth{sink="webhook"} 1"#)
                    && text.contains(#"fleet_sink_lag_events{sink="webhook"} 0"#)
                    && text.contains(#"fleet_webhook_pushes_total{outcome="refused"} 1"#)
            }
        }
    }

    @Test("pushes nothing to a name that has come to stand for another network")
    func rebinding() async throws {
        try await WebhookReceiver.run { receiver in
            let lookUps = Mutex(0)
            let policy = WebhookPolicy(allowsPrivate: false) { _ in
                lookUps.withLock { count in
                    count += 1
                    return [count == 1 ? "93.184.215.14" : "127.0.0.1"]
                }
            }
            try await TestService.run(webhooks: policy) { service in
                _ = try await service.found([("red", "none"), ("blue", "none")])
                let port = receiver.url("").split(separator: ":").last ?? ""
                let body = #"{"url":"https://hooks.example.com:\#(port)/","fleet_id":"blue"}"#
                let id = try await service.ok("POST", "/webhooks", body).text("webhook_id")
                try await service.ok("POST", "/webhooks/\(id)/test")
                try await eventually {
                    let rows = try await service.ok("GET", "/webhooks/\(id)/deliveries").rows("deliveries")
                    return rows.contains { $0.text("error") == "address_not_public" }
                }
                try await service.refused(
                    422, "webhook_url_private", "POST", "/webhooks", #"{"url":"https://10.0.0.1/","fleet_id":"blue"}"#)
                try await service.refused(
                    422, "webhook_url_invalid", "POST", "/webhooks", #"{"url":"http://a.example/","fleet_id":"blue"}"#)
            }
            #expect(receiver.requests.isEmpty)
        }
    }
}
