import FleetDomain
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import SQLiteBackend
import Testing

/// What a replayed request answers when the world has gone on since.
@Suite("A replayed answer", .timeLimit(.minutes(2)))
struct ApiReplayTests {
    private static let key = ["Idempotency-Key": "one-key-for-a-test"]

    @Test("Invariant 10: a replay is about its own effect, whatever else the same workflow did next")
    func oneRequestIDForAll() async throws {
        try await TestService.run { service in
            // Clients give every request of a workflow the same id.
            var ids: [String] = []
            for number in 1...3 {
                let headers = ["X-Request-ID": "workflow", "Idempotency-Key": "key-of-federation-\(number)"]
                let reply = try await service.send(
                    "POST", "/federations", #"{"name":"Number \#(number)"}"#, headers: headers)
                ids.append(reply.text("federation_id"))
            }
            for number in 1...3 {
                let headers = ["X-Request-ID": "workflow", "Idempotency-Key": "key-of-federation-\(number)"]
                let reply = try await service.send(
                    "POST", "/federations", #"{"name":"Number \#(number)"}"#, headers: headers)
                #expect(reply.text("federation_id") == ids[number - 1])
                #expect(reply.headers["location"]?.hasSuffix(ids[number - 1]) == true)
            }
        }
    }

    @Test("Invariant 10: the replay of a return is about the lease returned, not about the next one that it let begin")
    func returnThatLetsTheNextBegin() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none"), ("borrower", "none"), ("next", "none")])
            try await service.register("owner", "van", "confirmed")
            let first = try await service.lease(federation, "van", duration: 600)
            try await service.ok("POST", "/resource-sharing/\(first)/activate")
            let waiting = try await service.lease(federation, "van", to: "next", startsIn: 600, duration: 3600)
            await service.advance(by: 601)
            let overdue = try await service.ok("GET", "/resource-sharing/\(first)")
            #expect(overdue.text("status") == "overdue")
            let borrower = try await service.key([.fleetOperator], fleets: [apiName("borrower")])
            let path = "/resource-sharing/\(first)/return"
            let done = try await service.send("POST", path, key: .some(borrower), headers: Self.key)
            #expect(done.status == 200 && done.text("sharing_id") == first, "\(done.body)")
            let replayed = try await service.send("POST", path, key: .some(borrower), headers: Self.key)
            #expect(replayed.headers["idempotency-replayed"] == "true", "\(replayed.body)")
            #expect(replayed.status == 200 && replayed.text("sharing_id") == first, "\(replayed.body)")
            #expect(!replayed.body.contains(waiting))
        }
    }

    @Test("is what was answered then, though the object has changed since")
    func asItWas() async throws {
        try await TestService.run { service in
            let draft = #"{"name":"Before","description":""}"#
            let first = try await service.send("POST", "/federations", draft, headers: Self.key)
            let path = "/federations/\(first.text("federation_id"))"
            try await service.ok("PUT", path, #"{"name":"After","description":""}"#)
            let replayed = try await service.send("POST", "/federations", draft, headers: Self.key)
            #expect(replayed.bytes == first.bytes && replayed.etag == first.etag)
            #expect(try await service.ok("GET", path).text("name") == "After")
        }
    }

    @Test("is given though what was asked for has meanwhile begun, or ended")
    func afterItsTime() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none"), ("borrower", "none")])
            try await service.register("owner", "van")
            let requests = [
                ("/resource-sharing", service.request(federation, "van")),
                ("/api-keys", #"{"name":"k","roles":["auditor"],"expires_at":"\#(service.clock.now + 60)"}"#),
            ]
            for (path, body) in requests {
                let first = try await service.send("POST", path, body, headers: Self.key)
                #expect(first.status == 201, "\(first.body)")
            }
            await service.advance(by: 3600)
            for (path, body) in requests {
                let again = try await service.send("POST", path, body, headers: Self.key)
                #expect(again.status == 201 && again.headers["idempotency-replayed"] == "true", "\(again.body)")
                try await service.refused(422, "validation_failed", "POST", path, body)
            }
        }
    }

    @Test("is given to a retry that still names the tag of before")
    func staleTag() async throws {
        try await TestService.run { service in
            let made = try await service.ok("POST", "/federations", #"{"name":"Before"}"#)
            let path = "/federations/\(made.text("federation_id"))"
            let headers = Self.key.merging(["If-Match": try #require(made.etag)]) { first, _ in first }
            let body = #"{"name":"After","description":""}"#
            let first = try await service.send("PUT", path, body, headers: headers)
            let again = try await service.send("PUT", path, body, headers: headers)
            #expect(first.status == 200 && again.bytes == first.bytes)
            #expect(again.headers["idempotency-replayed"] == "true")
            try await service.refused(
                412, "precondition_failed", "PUT", path, body, headers: ["If-Match": try #require(made.etag)])
        }
    }

    @Test("is given to a service whose scopes let it do just this")
    func narrowScopes() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("owner", "none"), ("borrower", "none")])
            let key = try await service.key(
                [.service], fleets: [apiName("owner")], scopes: [.fleetOperate, .sharingRequest])
            let requests = [
                ("/fleets/owner/resources", #"{"resource_id":"van","resource_type":"vehicle"}"#),
                (
                    "/resource-sharing",
                    service.request(federation, "van").replacing(#""federation_id":"\#(federation)","#, with: "")
                ),
            ]
            for (path, body) in requests {
                let first = try await service.send("POST", path, body, key: .some(key), headers: Self.key)
                #expect(first.status == 201, "\(first.body)")
                let again = try await service.send("POST", path, body, key: .some(key), headers: Self.key)
                #expect(again.status == 201 && again.bytes == first.bytes, "\(again.body)")
            }
        }
    }

    @Test("is not given to who may not see the object any more")
    func permissionOfToday() async throws {
        try await TestService.run { service in
            let federation = try await service.found([("hauler", "none")])
            let key = try await service.key([.fleetOperator], fleets: [apiName("hauler")])
            let path = "/federations/\(federation)/members/hauler"
            let body = #"{"communication_enabled":false}"#
            let first = try await service.send("PATCH", path, body, key: .some(key), headers: Self.key)
            #expect(first.status == 200)
            let again = try await service.send("PATCH", path, body, key: .some(key), headers: Self.key)
            #expect(again.bytes == first.bytes)
            let outsider = try await service.key([.fleetOperator], fleets: [apiName("other")])
            try await service.refused(404, "federation_not_found", "PATCH", path, body, key: .some(outsider))
        }
    }

    @Test("Invariant 10: a replay is the same after the service was restarted")
    func restart() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("replay-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("fleet.db").path
        let draft = #"{"name":"Before","description":""}"#
        let keys = KeyStore(database: try await TestDatabase.open())
        let encryptionKey = KeyEncryptionKey.make()
        let (key, first) = try await TestService.run(
            database: try await SQLiteDatabase.open(path: path), keys: keys, encryptionKey: encryptionKey
        ) { service in
            (service.adminKey, try await service.send("POST", "/federations", draft, headers: Self.key))
        }
        // Another seed: the ids of the second life differ from those of the first.
        let clock = VirtualClock(seed: 1000)
        try await TestService.run(
            clock: clock, database: try await SQLiteDatabase.open(path: path), keys: keys, encryptionKey: encryptionKey
        ) { service in
            let before = try await service.end
            let again = try await service.send("POST", "/federations", draft, key: .some(key), headers: Self.key)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.bytes == first.bytes)
            #expect(try await service.end == before)
        }
        await keys.database.close()
    }
}
