import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Logging
import Testing

@Suite("The vault")
struct VaultTests {
    private static let fleet: Fleet.ID = name("north")
    private static let event = Event.ID(raw: 7)
    fileprivate static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A log and a store of keys, both in memory.
    private struct Place {
        let log: Store
        let keys: KeyStore
        let key = KeyEncryptionKey.make()

        init() async throws {
            log = Store(database: try await TestDatabase.open())
            try await log.migrate(now: Timestamp(milliseconds: 0))
            keys = KeyStore(database: try await TestDatabase.open())
        }

        func close() async {
            await log.database.close()
            await keys.database.close()
        }

        /// Has the log say that the fleet's data is erased.
        func erase(_ fleet: Fleet.ID) async throws {
            var ledger = Ledger()
            var context = Context(
                principal: Principal(subject: "admin", roles: [.platformAdmin]), now: Timestamp(milliseconds: 0),
                requestID: "request", ids: IDSource(seed: 1, random: 1))
            _ = try ledger.register(FleetDraft(id: fleet, name: "N", organization: "O"), &context)
            _ = try ledger.erase(fleet, &context)
            try await log.commit(ledger.unconfirmed)
        }

        func open() async throws -> Vault { try await Vault.open(keys, key: key, of: log, logger: VaultTests.logger) }
    }

    private static func seal(_ text: String, with vault: Vault, generation: Int64 = 0) async throws -> Sealed {
        try await vault.seal(text, .contact, of: fleet, generation: generation, for: event)
    }

    @Test("What was sealed opens again, also after a start, and its ciphertext tells nothing of it")
    func opens() async throws {
        let place = try await Place()
        let sealed = try await Self.seal(#"{"email":"ops@north.example"}"#, with: try await place.open())
        #expect(!sealed.box.contains("north"))
        let later = try await place.open()
        #expect(try await later.open(sealed, .contact, of: Self.fleet) == #"{"email":"ops@north.example"}"#)
        await place.close()
    }

    @Test("Of several that open it first at once, all have the same keys, and sign by the same")
    func atOnce() async throws {
        for _ in 0..<5 {
            let place = try await Place()
            let vaults = try await withThrowingTaskGroup(of: Vault.self) { group in
                for _ in 0..<8 { group.addTask { try await place.open() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let sealed = try await Self.seal("text", with: vaults[0])
            let signers = try await withThrowingTaskGroup(of: CheckpointSigner.self) { group in
                for vault in vaults { group.addTask { try await vault.signer() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for vault in vaults { #expect(try await vault.open(sealed, .contact, of: Self.fleet) == "text") }
            #expect(Set(signers.map(\.publicKey.text)).count == 1)
            #expect(try await place.open().open(sealed, .contact, of: Self.fleet) == "text")
            await place.close()
        }
    }

    @Test("The same text is never sealed to the same bytes")
    func differs() async throws {
        let place = try await Place()
        let vault = try await place.open()
        let (one, other) = (try await Self.seal("text", with: vault), try await Self.seal("text", with: vault))
        #expect(one.box != other.box)
        await place.close()
    }

    @Test("A ciphertext opens only as the field of the event, and with the key of the fleet, that it was sealed for")
    func isBound() async throws {
        let place = try await Place()
        let vault = try await place.open()
        let sealed = try await Self.seal("text", with: vault)
        let moved = Sealed(generation: 0, event: Event.ID(raw: 8), box: sealed.box)
        #expect(try await vault.open(moved, .contact, of: Self.fleet) == nil)
        #expect(try await vault.open(sealed, .messageContent, of: Self.fleet) == nil)
        _ = try await vault.seal("other", .contact, of: name("south"), generation: 0, for: Self.event)
        #expect(try await vault.open(sealed, .contact, of: name("south")) == nil)
        await place.close()
    }

    @Test("What a destroyed key sealed never opens again, and what is written since does")
    func destroyed() async throws {
        let place = try await Place()
        let vault = try await place.open()
        let sealed = try await Self.seal("before", with: vault)
        try await place.erase(Self.fleet)
        try await vault.destroy(before: [KeyStore.KeyID(fleet: Self.fleet, generation: 1)])
        #expect(try await vault.open(sealed, .contact, of: Self.fleet) == nil)
        #expect(try await place.open().open(sealed, .contact, of: Self.fleet) == nil)
        await #expect(throws: StoreError.self) { try await Self.seal("late", with: vault) }
        let since = try await Self.seal("since", with: vault, generation: 1)
        #expect(try await vault.open(since, .contact, of: Self.fleet) == "since")
        await place.close()
    }

    @Test("A copy of the keys from before an erasure is cleared when the service starts on it")
    func restoredKeys() async throws {
        let place = try await Place()
        let vault = try await place.open()
        let sealed = try await Self.seal("before", with: vault)
        let copy = try await place.keys.allKeys()
        try await place.erase(Self.fleet)
        try await vault.destroy(before: [KeyStore.KeyID(fleet: Self.fleet, generation: 1)])
        for key in copy { try await place.keys.insert(key) }
        #expect(try await place.open().open(sealed, .contact, of: Self.fleet) == nil)
        #expect(try await place.keys.allKeys().isEmpty)
        await place.close()
    }

    @Test("Another encryption key, keys of another log and lost keys are refused")
    func refused() async throws {
        let (place, other) = (try await Place(), try await Place())
        _ = try await place.open()
        _ = try await other.open()
        await #expect(throws: VaultError.wrongKey) {
            try await Vault.open(place.keys, key: .make(), of: place.log, logger: Self.logger)
        }
        await #expect(throws: VaultError.ofAnotherLog) {
            try await Vault.open(other.keys, key: other.key, of: place.log, logger: Self.logger)
        }
        let empty = KeyStore(database: try await TestDatabase.open())
        await #expect(throws: VaultError.missing) {
            try await Vault.open(empty, key: place.key, of: place.log, logger: Self.logger)
        }
        await place.close()
        await other.close()
        await empty.database.close()
    }

    @Test("Another key that wraps the data keys leaves what is sealed as it is")
    func rewrapped() async throws {
        let place = try await Place()
        let sealed = try await Self.seal("text", with: try await place.open())
        let next = KeyEncryptionKey.make()
        #expect(try await Vault.rewrap(place.keys, from: place.key, to: next) == 1)
        await #expect(throws: VaultError.wrongKey) { try await place.open() }
        await #expect(throws: VaultError.wrongKey) { try await Vault.rewrap(place.keys, from: place.key, to: next) }
        let vault = try await Vault.open(place.keys, key: next, of: place.log, logger: Self.logger)
        #expect(try await vault.open(sealed, .contact, of: Self.fleet) == "text")
        await place.close()
    }

    @Test(
        "An encryption key is 32 bytes in base64, of either alphabet",
        arguments: [
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", true),
            ("+/ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", true),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false), ("", false), ("not a key", false),
        ])
    func keyText(text: String, isKey: Bool) {
        #expect((KeyEncryptionKey(text) != nil) == isKey)
    }
}
