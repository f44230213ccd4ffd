import ArgumentParser
import FleetService
import FleetStore
import Foundation

/// `fleet-coordination keys …`: the data keys that what people write is sealed with.
struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Work with the data keys.", subcommands: [Rewrap.self])

    /// `keys rewrap`: another key takes the place of the one that wraps the data keys.
    struct Rewrap: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Wrap the data keys by another encryption key.",
            discussion: """
                Run it while the service is stopped, then start the service with the new ENCRYPTION_KEY_FILE. What is \
                sealed stays as it is; only the data keys are written again.
                """)

        @OptionGroup var place: DatabaseOptions
        @Option(help: "The file of the key that wraps them now; ENCRYPTION_KEY_FILE, or the one in DATA_DIR.")
        var encryptionKeyFile: String?
        @Option(help: "The file of the key that is to wrap them: 32 bytes in base64.")
        var newKeyFile: String

        func run() async throws {
            var environment = place.environment
            environment["ENCRYPTION_KEY_FILE"] = encryptionKeyFile ?? environment["ENCRYPTION_KEY_FILE"]
            let settings = try Settings(environment)
            let made = EncryptionKeyFile.path(in: settings.dataDirectory)
            let old =
                if let key = settings.encryptionKey { key } else {
                    try Settings.encryptionKey(inFile: made, named: made)
                }
            let new = try Settings.encryptionKey(inFile: newKeyFile, named: "--new-key-file")
            try await requireNobodyServes(settings)
            let keys = try await KeyStore.open(settings)
            let count = try await Vault.rewrap(keys, from: old, to: new)
            await keys.database.close()
            print("\(count) data keys are wrapped by the key in \(newKeyFile)")
        }

        /// Replicas would go on to make keys that the old one wraps. A file its own lock guards.
        private func requireNobodyServes(_ settings: Settings) async throws {
            guard case .postgres = settings.database else { return }
            let store = try await Store.openForReading(settings)
            let isServed = try await store.writerSeat().isHeld
            await store.database.close()
            guard !isServed else {
                throw SettingsError("DATABASE_URL", "is served by a replica; stop all of them first")
            }
        }
    }
}
