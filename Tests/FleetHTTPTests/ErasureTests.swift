import FleetDomain
import FleetHTTP
import FleetJSON
import FleetService
import FleetStore
import FleetTestSupport
import SQLiteBackend
import Testing

@Suite("What a fleet's people write", .timeLimit(.minutes(2)))
struct ErasureTests {
    private static let contact = #"{"name":"Nora Quist","email":"nora@north.example"}"#
    private static let fleet = #"{"fleet_id":"north","name":"North","organization":"N","contact":\#(contact)}"#

    @Test("A contact is shown to who may know the fleet, and merged by a patch")
    func contact() async throws {
        try await TestService.run { service in
            let made = try await service.ok("POST", "/fleets", Self.fleet)
            #expect(made["contact"]?.objectValue?.text("email") == "nora@north.example")
            let key = try await service.key([.fleetOperator], fleets: [apiName("north")])
            let read = try await service.ok("GET", "/fleets/north", key: key)
            #expect(read["contact"] == made["contact"])
            #expect(read.etag == made.etag)
            let patch = #"{"contact":{"phone":"+46 1","name":null}}"#
            let changed = try await service.ok("PATCH", "/fleets/north", patch, key: key)
            #expect(changed["contact"] == ["email": .string("nora@north.example"), "phone": .string("+46 1")])
            #expect(changed.etag != read.etag)
            let listed = try await service.ok("GET", "/fleets", key: key).rows("fleets")
            #expect(listed.first?["contact"] == changed["contact"])
            let unchanged = try await service.send(
                "GET", "/fleets/north", key: key, headers: ["If-None-Match": changed.etag ?? ""])
            #expect(unchanged.status == 304)
            let removed = try await service.ok("PATCH", "/fleets/north", #"{"contact":null}"#, key: key)
            #expect(removed["contact"] == nil)
        }
    }

    @Test("A change of a contact that is asked for again is answered as it was")
    func contactAgain() async throws {
        try await TestService.run { service in
            try await service.ok("POST", "/fleets", Self.fleet)
            func change(_ contact: String, _ key: String) async throws -> TestService.Reply {
                try await service.send(
                    "PATCH", "/fleets/north", #"{"contact":\#(contact)}"#, headers: ["Idempotency-Key": key])
            }
            let first = try await change(#"{"email":"one@north.example"}"#, "first-0123456789")
            let second = try await change(#"{"phone":"+46 1"}"#, "second-0123456789")
            #expect(second["contact"]?.objectValue?.text("phone") == "+46 1")
            let again = try await change(#"{"email":"one@north.example"}"#, "first-0123456789")
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again.bytes == first.bytes && again.etag == first.etag, "\(again.body)")
        }
    }

    @Test(
        "A contact that is none is told all its faults",
        arguments: [
            (#"{"contact":{"mail":"x"}}"#, "/contact/mail"), (#"{"contact":"me"}"#, "/contact"),
            (#"{"contact":{"email":"x"}}"#, "/contact/email"),
        ])
    func badContact(body: String, pointer: String) async throws {
        try await TestService.run { service in
            try await service.ok("POST", "/fleets", Self.fleet)
            let reply = try await service.send("PATCH", "/fleets/north", body)
            #expect(reply.code == "validation_failed")
            #expect(reply.rows("errors").map { $0.text("pointer") } == [pointer])
        }
    }

    @Test("Neither the log nor a table nor an index holds a plaintext, and the keys stand elsewhere")
    func ciphertextOnly() async throws {
        let directory = try Scratch()
        let database = try await SQLiteDatabase.open(path: directory.path + "/log.db")
        let keys = KeyStore(
            database: try await SQLiteDatabase.open(path: directory.path + "/keys.db", secureDelete: true))
        try await TestService.run(database: database, keys: keys) { service in
            let headers = ["Idempotency-Key": "a-key-of-the-caller-1"]
            let made = try await service.send("POST", "/fleets", Self.fleet, headers: headers)
            #expect(made.status == 201)
            let again = try await service.send("POST", "/fleets", Self.fleet, headers: headers)
            #expect(again.headers["idempotency-replayed"] == "true")
            #expect(again["contact"] == made["contact"])
            let other = Self.fleet.replacing("Nora", with: "Dora")
            let reused = try await service.send("POST", "/fleets", other, headers: headers)
            #expect(reused.code == "idempotency_key_reused")
        }
        await keys.database.close()
        #expect(try directory.files(holding: "North") == ["log.db"])
        for text in ["Nora", "nora@"] { #expect(try directory.files(holding: text) == []) }
    }

    @Test("Invariant 7: after an erasure nothing brings the data back, and the tables are still what the log says")
    func erase() async throws {
        let keys = KeyStore(database: try await TestDatabase.open())
        try await TestService.run(keys: keys) { service in
            try await service.ok("POST", "/fleets", Self.fleet)
            let copy = try await keys.allKeys()
            let key = try await service.key([.fleetOperator], fleets: [apiName("north")])
            let trial = try await service.ok("POST", "/fleets/north/erase?dry_run=true", key: key)
            #expect(trial["contact"] == nil)
            #expect(try await service.ok("GET", "/fleets/north", key: key)["contact"] != nil)

            let erased = try await service.ok("POST", "/fleets/north/erase", key: key)
            #expect(erased["contact"] == nil)
            #expect(erased["version"] == .integer(2))
            #expect(try await service.ok("GET", "/fleets/north", key: key)["contact"] == nil)
            #expect(try await keys.allKeys().isEmpty)
            let events = try await service.ok("GET", "/events?types=fleet.registered,fleet.erased", key: key)
            let types = events.rows("events").map { $0.text("type") }
            #expect(types == ["atlasmesh.fleet.fleet.registered", "atlasmesh.fleet.fleet.erased"])
            #expect(!events.body.contains("Nora"))

            let store = service.api.store
            let scratch = Store(database: try await TestDatabase.open())
            try await scratch.migrate(now: service.clock.now)
            _ = try await store.rebuild(into: scratch)
            let chain: ([UInt8], inout [UInt8]) -> Void = { $1 += $0 }
            let (stored, rebuilt) = (
                try await store.projectionDigests(chain), try await scratch.projectionDigests(chain)
            )
            #expect(stored.map(\.hash) == rebuilt.map(\.hash))
            await scratch.database.close()

            // Of a copy of the keys nothing is used that a start has seen the log of.
            for key in copy { try await keys.insert(key) }
            let first = try await store.events(after: 0, limit: 100).compactMap { event -> Sealed? in
                if case .fleet(let fleet) = event.entity { fleet.contact } else { nil }
            }
            let sealed = try #require(first.first)
            #expect(try await service.api.vault.open(sealed, .contact, of: apiName("north")) == nil)

            let since = try await service.ok("PATCH", "/fleets/north", #"{"contact":{"name":"New"}}"#, key: key)
            #expect(since["contact"] == ["name": .string("New")])
        }
        await keys.database.close()
    }

    @Test("Invariant 8: of a dry run no data key is kept, and it is answered like the real thing")
    func dryRun() async throws {
        let keys = KeyStore(database: try await TestDatabase.open())
        try await TestService.run(keys: keys) { service in
            let trial = try await service.ok("POST", "/fleets?dry_run=true", Self.fleet)
            #expect(trial["contact"]?.objectValue?.text("email") == "nora@north.example")
            #expect(try await keys.allKeys().isEmpty)
            try await service.ok("POST", "/fleets", Self.fleet)
            let patch = #"{"contact":{"name":"Other"}}"#
            let tried = try await service.ok("PATCH", "/fleets/north?dry_run=true", patch)
            let done = try await service.ok("PATCH", "/fleets/north", patch)
            #expect(tried["contact"] == done["contact"] && done["contact"]?.objectValue?.text("name") == "Other")
            // Again, after an erasure, it is refused for what it is.
            try await service.ok("POST", "/fleets/north/erase")
            try await service.refused(409, "fleet_exists", "POST", "/fleets", Self.fleet)
            await service.advance(by: 61)
            let reads = try await service.audit("outcome=privileged").filter { $0.text("action") == "fleet:read" }
            #expect(Set(reads.map { $0.text("protected_fleet_id") }) == ["north"], "an administrator read the contact")
        }
        await keys.database.close()
    }

    @Test("Only who manages a fleet erases it; a stranger is answered as if there were none")
    func denied() async throws {
        try await TestService.run { service in
            try await service.ok("POST", "/fleets", Self.fleet)
            let stranger = try await service.key([.fleetOperator], fleets: [apiName("south")])
            try await service.refused(404, "fleet_not_found", "POST", "/fleets/north/erase", key: .some(stranger))
            let viewer = try await service.key([.fleetViewer], fleets: [apiName("north")])
            try await service.refused(403, "permission_denied", "POST", "/fleets/north/erase", key: .some(viewer))
            #expect(try await service.ok("GET", "/fleets/north")["contact"] != nil)
        }
    }
}
