import Crypto
package import FleetDomain
package import FleetStore
import Foundation
package import Logging
import Synchronization

/// Seals what the people of a fleet write, and opens it again while its data key exists.
///
/// AES-256-GCM under a data key for each fleet; with the ciphertext are authenticated the event that it was sealed for
/// and the field that it stands in. Everything else keeps the ciphertext alone, so that to destroy one small key is to
/// erase the data in every copy of the log.
package final class Vault: Sendable {
    /// What is sealed.
    package enum Field: String, Sendable {
        case contact
        case messageContent = "message_content"
        case webhookSecret = "secret"
    }

    /// Named by the conflict of what is sealed under a key that is destroyed.
    package static let erasure = "erasure"

    private let store: KeyStore
    private let log: Store
    private let logger: Logger
    private let encryptionKey: KeyEncryptionKey
    private let state = Mutex(State())

    private struct State {
        /// Unwrapped: a few dozen bytes for each fleet that writes.
        var keys: [KeyStore.KeyID: SymmetricKey] = [:]
        /// How often they were forgotten: one that was read before is not kept.
        var oblivions = 0
    }

    private init(_ store: KeyStore, of log: Store, _ encryptionKey: KeyEncryptionKey, _ logger: Logger) {
        self.store = store
        self.log = log
        self.logger = logger
        self.encryptionKey = encryptionKey
    }

    private static let check = "check"
    private static let identity = "identity"
    private static let signing = "audit_signing_key"
    /// Of the log, whose value is the identity of its keys.
    package static let setting = "key_store"

    /// Opens the store of keys that belongs to `log`, and destroys in it what was erased and came back with a copy.
    ///
    /// - Throws: `VaultError`, and nothing is written.
    package static func open(
        _ store: KeyStore, key: KeyEncryptionKey, of log: Store, logger: Logger
    ) async throws -> Vault {
        try await store.prepare()
        let known = try await log.setting(setting)
        if try await store.label(identity) == nil {
            guard known == nil else { throw VaultError.missing }
            let made = SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) }
            try await store.makeLabels([identity: made, check: key.wrap(Array(check.utf8), as: check)])
        }
        // Of several that start at once, all go by what one of them has made.
        guard let own = try await store.label(identity), known == nil || known == own else {
            throw VaultError.ofAnotherLog
        }
        guard let wrapped = try await store.label(check), key.unwrap(wrapped, as: check) != nil else {
            throw VaultError.wrongKey
        }
        guard try await log.setting(setting, makeIfAbsent: { own }) == own else { throw VaultError.ofAnotherLog }
        let vault = Vault(store, of: log, key, logger)
        try await vault.destroyErased()
        return vault
    }

    /// That these keys are those of `log` and wrapped by `key`; nothing is written.
    ///
    /// - Returns: whether there are any yet.
    /// - Throws: `VaultError`.
    package static func examine(_ store: KeyStore, key: KeyEncryptionKey?, of log: Store) async throws -> Bool {
        guard try await store.isMade() else { return false }
        try await requireBelonging(store, to: log)
        guard let wrapped = try await store.label(check) else { return false }
        guard key?.unwrap(wrapped, as: check) != nil else { throw VaultError.wrongKey }
        return true
    }

    /// That these keys, as they are, are those of `log`.
    ///
    /// - Throws: `VaultError.missing` and `.ofAnotherLog`.
    package static func requireBelonging(_ store: KeyStore, to log: Store) async throws {
        let (known, identity) = (try await log.setting(setting), try await store.label(identity))
        guard known != identity else { return }
        throw identity == nil ? VaultError.missing : VaultError.ofAnotherLog
    }

    /// Whether no vault was opened on the store yet.
    package static func isEmpty(_ store: KeyStore) async throws -> Bool {
        try await store.prepare()
        return try await store.label(identity) == nil
    }

    /// Who signs the checkpoints of the log; its key is made when it is asked for first.
    package func signer() async throws -> CheckpointSigner {
        guard let identity = try await store.label(Self.identity) else { throw VaultError.missing }
        let origin = CheckpointSigner.origin(of: identity)
        if try await store.label(Self.signing) == nil {
            let made = Array(Curve25519.Signing.PrivateKey().rawRepresentation)
            try await store.makeLabels([Self.signing: encryptionKey.wrap(made, as: Self.signing)])
        }
        guard let wrapped = try await store.label(Self.signing),
            let bytes = encryptionKey.unwrap(wrapped, as: Self.signing)
        else { throw VaultError.wrongKey }
        return CheckpointSigner(origin: origin, key: try Curve25519.Signing.PrivateKey(rawRepresentation: bytes))
    }

    /// Wraps every data key, and the one that signs, by another key.
    ///
    /// - Returns: how many data keys.
    /// - Throws: `VaultError.wrongKey` when they are not wrapped by `old`.
    package static func rewrap(
        _ store: KeyStore, from old: KeyEncryptionKey, to new: KeyEncryptionKey
    ) async throws -> Int {
        try await store.prepare()
        guard let wrapped = try await store.label(check), old.unwrap(wrapped, as: check) != nil else {
            throw VaultError.wrongKey
        }
        var rewrapped: [KeyStore.WrappedKey] = []
        for key in try await store.allKeys() {
            guard let bytes = old.unwrap(key.bytes, as: key.id.name) else { throw VaultError.wrongKey }
            rewrapped.append(KeyStore.WrappedKey(id: key.id, bytes: new.wrap(bytes, as: key.id.name)))
        }
        var labels = [check: new.wrap(Array(check.utf8), as: check)]
        if let wrapped = try await store.label(signing) {
            guard let bytes = old.unwrap(wrapped, as: signing) else { throw VaultError.wrongKey }
            labels[signing] = new.wrap(bytes, as: signing)
        }
        try await store.rewrap(rewrapped, labels: labels)
        return rewrapped.count
    }

    /// - Parameters:
    ///   - generation: the fleet's, as it is now.
    ///   - event: the one that will carry it.
    /// - Throws: `StoreError`. It does not say so: Swift 6.3 loses a value that is returned in five registers, one half of
    ///   a UUID among them, beside a typed error of an asynchronous function.
    package func seal(
        _ text: String, _ field: Field, of fleet: Fleet.ID, generation: Int64, for event: Event.ID
    ) async throws -> Sealed {
        let id = KeyStore.KeyID(fleet: fleet, generation: generation)
        let key = try await foundOrMade(id)
        let box = try? AES.GCM.seal(Array(text.utf8), using: key, authenticating: field.bound(to: event))
        guard let combined = box?.combined else {
            preconditionFailure("AES-GCM seals any message with a key of 32 bytes")
        }
        return Sealed(generation: generation, event: event, box: combined.base64EncodedString())
    }

    /// nil when the data key was destroyed, or is not the one that it was sealed with: one thing that cannot be read must
    /// not keep others from being read.
    package func open(_ sealed: Sealed, _ field: Field, of fleet: Fleet.ID) async throws(StoreError) -> String? {
        guard let key = try await found(KeyStore.KeyID(fleet: fleet, generation: sealed.generation)) else { return nil }
        guard let combined = Data(base64Encoded: sealed.box),
            let box = try? AES.GCM.SealedBox(combined: combined),
            let plain = try? AES.GCM.open(box, using: key, authenticating: field.bound(to: sealed.event))
        else {
            logger.error("what is sealed cannot be opened", metadata: ["event_id": "\(sealed.event)"])
            return nil
        }
        return String(decoding: plain, as: UTF8.self)
    }

    /// Tells two texts apart, and tells nothing of them to who has not the data key.
    package func digest(
        of text: String, of fleet: Fleet.ID, generation: Int64
    ) async throws(StoreError) -> String {
        let id = KeyStore.KeyID(fleet: fleet, generation: generation)
        let key = try await foundOrMade(id)
        return Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)))
    }

    /// Destroys of each fleet the keys before this one, which the log calls erased.
    package func destroy(before keys: [KeyStore.KeyID]) async throws(StoreError) {
        forget()
        try await store.destroy(before: keys)
    }

    /// Has every key be read again, and the log be asked whether it may be: some fleet's data was erased, or may have been.
    package func forget() {
        state.withLock { state in
            state.keys = [:]
            state.oblivions += 1
        }
    }

    /// Destroys in the store what was erased and is still there, as when the process that was to do it was killed.
    package func destroyErased() async throws(StoreError) {
        try await destroy(before: log.keysSinceErasure())
    }

    /// - Returns: nil when there is none, or none any more.
    private func found(_ id: KeyStore.KeyID) async throws(StoreError) -> SymmetricKey? {
        let (known, oblivions) = state.withLock { ($0.keys[id], $0.oblivions) }
        if let known { return known }
        guard let wrapped = try await store.wrappedKey(id), try await !isErased(id) else { return nil }
        guard let bytes = encryptionKey.unwrap(wrapped, as: id.name) else {
            throw .corrupt("the data key \(id.generation) of fleet \(id.fleet)")
        }
        let key = SymmetricKey(data: bytes)
        let isKept = state.withLock { state in
            guard state.oblivions == oblivions else { return false }
            state.keys[id] = key
            return true
        }
        return isKept ? key : try await found(id)
    }

    /// Whether it is of before the fleet's data was erased: the key may still be there, where the process that was to destroy it
    /// was killed.
    private func isErased(_ id: KeyStore.KeyID) async throws(StoreError) -> Bool {
        try await log.fleet(id.fleet).map { id.generation < $0.keyGeneration } ?? false
    }

    /// A new key is durable before anything is sealed with it. Of two who make one, both get the one that was first.
    private func foundOrMade(_ id: KeyStore.KeyID) async throws(StoreError) -> SymmetricKey {
        if let key = try await found(id) { return key }
        if try await !isErased(id) {
            let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
            try await store.insert(
                KeyStore.WrappedKey(id: id, bytes: encryptionKey.wrap(bytes, as: id.name)))
            if let key = try await found(id) { return key }
        }
        throw .conflict(constraint: Self.erasure)
    }
}

/// Why the data keys cannot be used.
package enum VaultError: Error, Equatable {
    /// The data keys are wrapped by another key.
    case wrongKey
    /// The log has had a store of keys, and this one is empty.
    case missing
    /// The keys are those of another log.
    case ofAnotherLog
}

extension KeyStore.KeyID {
    fileprivate var name: String { "\(fleet)/\(generation)" }
}

extension Vault.Field {
    fileprivate func bound(to event: Event.ID) -> [UInt8] { Array("\(event)/\(rawValue)".utf8) }
}
