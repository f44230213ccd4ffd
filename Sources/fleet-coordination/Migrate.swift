import ArgumentParser
import FleetService
import FleetStore

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
