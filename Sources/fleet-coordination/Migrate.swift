import ArgumentParser
import FleetService
import FleetStore
import Foundation
import SQLiteBackend

/// `fleet-coordination migrate`: brings the schema up to date and says which steps it took.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Bring the database's schema up to date.")

    @OptionGroup var place: DatabaseOptions

    func run() async throws {
        let settings = try Settings(place.environment)
        let store = try await Store.open(settings)
        let steps = try await store.migrate(now: Environment.system.now())
        for step in steps { print("applied \(step.version) \(step.name)") }
        if steps.isEmpty { print("the schema is up to date") }
        await store.database.close()
    }
}

extension Store {
    /// Opens the configured database for this process alone; makes its directory if need be.
    static func open(_ settings: Settings) async throws -> Store {
        let directory = URL(filePath: settings.databasePath).deletingLastPathComponent().path
        for path in [settings.dataDirectory, directory] {
            do {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw SettingsError("DATA_DIR", "or DATABASE_URL names a directory that cannot be made: \(path)")
            }
        }
        return Store(database: try await SQLiteDatabase.open(path: settings.databasePath))
    }
}
