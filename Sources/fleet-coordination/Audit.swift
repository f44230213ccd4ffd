import ArgumentParser
import FleetService
import FleetStore
import Foundation

/// `fleet-coordination audit …`: what can be proved of the log.
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove what became of the log.", subcommands: [Verify.self])

    /// `audit verify`: compares the log with a checkpoint that was kept elsewhere.
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check the log against a checkpoint that was kept elsewhere.",
            discussion: """
                Works beside a running service, and reads only. Prints one line; exits 1 when the log is not what the \
                checkpoint says, and names the first record that was changed, removed, inserted, re-ordered or cut off.
                """)

        @OptionGroup var place: DatabaseOptions
        @Option(help: "The file that holds what GET /audit-log/checkpoint answered, or its note alone.")
        var checkpoint: String
        @Option(help: "The key that checks the signature, in base64; the one in the answer.")
        var publicKey: String?

        func run() async throws {
            let settings = try Settings(place.environment)
            guard let text = try? String(contentsOfFile: checkpoint, encoding: .utf8) else {
                throw SettingsError("--checkpoint", "names a file that cannot be read")
            }
            let trusted: TrustedCheckpoint
            do throws(TrustedCheckpointError) {
                trusted = try TrustedCheckpoint(text, publicKey: publicKey)
            } catch {
                throw error.complaint
            }
            let store = try await Store.openForReading(settings)
            let verdict = try await verdict(on: store, trusted)
            await store.database.close()
            print(verdict)
            if !verdict.isIntact { throw ExitCode(1) }
        }

        private func verdict(on store: Store, _ trusted: TrustedCheckpoint) async throws -> AuditVerdict {
            do {
                try await store.requireCurrentSchema()
                let identity = try await store.setting(Vault.setting)
                guard identity.map(CheckpointSigner.origin) == trusted.note.origin else {
                    throw SettingsError("--checkpoint", "is of another log; name the database that it is of")
                }
                var verifier = AuditVerifier(store, against: trusted)
                return try await verifier.verify()
            } catch {
                await store.database.close()
                throw error
            }
        }
    }
}

extension TrustedCheckpointError {
    fileprivate var complaint: SettingsError {
        switch self {
        case .unreadable:
            SettingsError("--checkpoint", "holds no checkpoint; save what GET /audit-log/checkpoint answers")
        case .keyMissing: SettingsError("--public-key", "is needed for a note alone; write the log's key in base64")
        case .keyUnreadable: SettingsError("--public-key", "is no key; write 32 bytes in base64")
        case .notSigned:
            SettingsError("--checkpoint", "is not signed by this key; name the file or the key that belong together")
        }
    }
}
