import FleetDomain
import FleetHTTP
import FleetJSON
import FleetTestSupport
import HTTPTypes
import Testing

/// `Idempotency-Key` on every write: however often a request arrives, it has one effect.
@Suite("An idempotency key", .timeLimit(.minutes(2)))
struct ApiIdempotencyTests {
    private static let key = "one-key-for-a-test"
    private static let draft = #"{"name":"Federation","description":""}"#

    @Test("Invariant 10: one idempotency key, one effect, for every write")
    func everyWrite() async throws {
        try await ApiStage.run(Router.endpoints.filter(\.isWrite)) { stage, endpoint in
            let place = ApiStage.name(endpoint)
            let before = try await stage.service.end
            let first = try await stage.send(endpoint, headers: ["Idempotency-Key": Self.key])
            let after = try await stage.service.end
            let second = try await stage.send(endpoint, headers: ["Idempotency-Key": Self.key])
            #expect(first.headers["idempotency-replayed"] == nil, "\(place)")
            #expect(second.status == first.status, "\(place): \(second.body)")
            #expect(try await stage.service.end == after, "\(place) had a second effect")
            // What had no effect, such as a fence that holds, is asked anew.
            guard after > before else { return }
            #expect(second.headers["idempotency-replayed"] == "true", "\(place)")
            #expect(Self.shown(second) == Self.shown(first), "\(place)")
            #expect(second.headers["location"] == first.headers["location"], "\(place)")
        }
    }

    /// The answer without the secret, which is shown once.
    private static func shown(_ reply: TestService.Reply) -> JSONObject {
        JSONObject(reply.object.members.filter { $0.key != "key" && $0.key != "secret" })
    }

    @Test("with another body, query or method does not stand for the first request")
    func otherRequests() async throws {
        try await TestService.run { service in
            let headers = ["Idempotency-Key": Self.key]
            let made = try await service.send("POST", "/federations", Self.draft, headers: headers)
            let id = made.text("federation_id")
            let other = Self.draft.replacing("Federation", with: "Other")
            try await service.refused(422, "idempotency_key_reused", "POST", "/federations", other, headers: headers)
            // The same body in another order and spelling is the same request.
            let respelt = #"{ "description" : "", "n\u0061me":"Federation" }"#
            let twin = try await service.send("POST", "/federations", respelt, headers: headers)
            #expect(twin.text("federation_id") == id && twin.headers["idempotency-replayed"] == "true")
            // Another method and path are another request.
            let put = try await service.send("PUT", "/federations/\(id)", Self.draft, headers: headers)
            #expect(put.status == 200 && put.headers["idempotency-replayed"] == nil)
            let gone = try await service.send("DELETE", "/federations/\(id)?force=true", headers: headers)
            #expect(gone.status == 204)
            try await service.refused(422, "idempotency_key_reused", "DELETE", "/federations/\(id)", headers: headers)
        }
    }

    @Test("Invariant 10: twins that arrive at once have one effect", arguments: [2, 16])
    func concurrentTwins(count: Int) async throws {
        try await TestService.run { service in
            let before = try await service.end
            let replies = try await withThrowingTaskGroup(of: TestService.Reply.self) { group in
                for _ in 0..<count {
                    group.addTask {
                        try await service.send(
                            "POST", "/federations", Self.draft, headers: ["Idempotency-Key": Self.key])
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(try await service.end == before + 1)
            #expect(replies.allSatisfy { $0.status == 201 })
            #expect(Set(replies.map { $0.text("federation_id") }).count == 1)
            #expect(replies.count { $0.headers["idempotency-replayed"] == nil } == 1)
        }
    }

    @Test("Invariant 10: two bodies that arrive at once under one key have one effect")
    func concurrentStrangers() async throws {
        try await TestService.run { service in
            let before = try await service.end
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await service.send(
                            "POST", "/federations", #"{"name":"Number \#(number)"}"#,
                            headers: ["Idempotency-Key": Self.key]
                        ).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(try await service.end == before + 1)
            #expect(statuses.sorted() == [201] + Array(repeating: 422, count: 7))
        }
    }

    @Test("is free again after what was refused, tried or had no effect")
    func notKept() async throws {
        try await TestService.run { service in
            let headers = ["Idempotency-Key": Self.key]
            let path = "/fleets/hauler/resources"
            let unit = #"{"resource_id":"van","resource_type":"vehicle"}"#
            try await service.refused(404, "fleet_not_found", "POST", path, unit, headers: headers)
            try await service.refused(422, "validation_failed", "POST", path, "{}", headers: headers)
            try await service.ok("POST", "/fleets", #"{"fleet_id":"hauler","name":"H","organization":"O"}"#)
            let trial = try await service.send("POST", path + "?dry_run=true", unit, headers: headers)
            #expect(trial.status == 201 && trial.headers["idempotency-replayed"] == nil)
            let real = try await service.send("POST", path, unit, headers: headers)
            #expect(real.status == 201 && real.headers["idempotency-replayed"] == nil)
            // A dry run does not read records either: today's decision is another one.
            try await service.refused(409, "resource_exists", "POST", path + "?dry_run=true", unit, headers: headers)
            let again = try await service.send("POST", path, unit, headers: headers)
            #expect(again.status == 201 && again.headers["idempotency-replayed"] == "true")
        }
    }

    @Test("shows the secret of a new API key once")
    func secret() async throws {
        try await TestService.run { service in
            let headers = ["Idempotency-Key": Self.key]
            let body = #"{"name":"k","roles":["auditor"]}"#
            let first = try await service.send("POST", "/api-keys", body, headers: headers)
            let second = try await service.send("POST", "/api-keys", body, headers: headers)
            #expect(!first.text("key").isEmpty && second["key"] == nil)
            #expect(first.text("key_id") == second.text("key_id"))
            try await service.ok("GET", "/whoami", key: .some(first.text("key")))
        }
    }

    @Test("Invariant 10: a key stands for its request for a day, and for a new one after it")
    func expiry() async throws {
        try await TestService.run { service in
            let headers = ["Idempotency-Key": Self.key]
            let first = try await service.send("POST", "/federations", Self.draft, headers: headers)
            await service.advance(by: 86_399)
            let late = try await service.send("POST", "/federations", Self.draft, headers: headers)
            #expect(late.text("federation_id") == first.text("federation_id"))
            await service.advance(by: 1)
            let other = Self.draft.replacing("Federation", with: "Other")
            let next = try await service.send("POST", "/federations", other, headers: headers)
            #expect(next.status == 201 && next.headers["idempotency-replayed"] == nil, "\(next.body)")
            #expect(next.text("federation_id") != first.text("federation_id"))
            let twin = try await service.send("POST", "/federations", other, headers: headers)
            #expect(twin.text("federation_id") == next.text("federation_id"))
        }
    }

    @Test("is 16 to 255 visible ASCII characters")
    func malformed() async throws {
        try await TestService.run { service in
            for length in [1, 15, 256] {
                let headers = ["Idempotency-Key": String(repeating: "k", count: length)]
                try await service.refused(
                    400, "invalid_idempotency_key", "POST", "/federations", Self.draft, headers: headers)
            }
            for key in ["with a space in it", "with-an-umlaut-ü-in-it"] {
                try await service.refused(
                    400, "invalid_idempotency_key", "POST", "/federations", Self.draft,
                    headers: ["Idempotency-Key": key])
            }
            for length in [16, 255] {
                let headers = ["Idempotency-Key": String(repeating: "~", count: length)]
                let reply = try await service.send("POST", "/federations", Self.draft, headers: headers)
                #expect(reply.status == 201, "\(length)")
            }
        }
    }

    @Test("belongs to the principal that sent it")
    func otherPrincipal() async throws {
        try await TestService.run { service in
            let headers = ["Idempotency-Key": Self.key]
            let keys = [
                try await service.key([.federationCoordinator]), try await service.key([.federationCoordinator]),
            ]
            var ids: Set<String> = []
            for key in keys {
                let reply = try await service.send(
                    "POST", "/federations", Self.draft, key: .some(key), headers: headers)
                #expect(reply.status == 201 && reply.headers["idempotency-replayed"] == nil)
                ids.insert(reply.text("federation_id"))
            }
            #expect(ids.count == 2)
        }
    }
}
