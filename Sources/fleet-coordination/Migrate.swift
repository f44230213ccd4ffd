import ArgumentParser
import FleetService
import FleetStore
import Foundation

/// `fleet-coordination migrate`: brings the schema up to date and says which steps it took, or moves to another database.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up to date, or carry everything to another database.",
        discussion: """
            Without options it takes the steps that the schema of DATABASE_URL lacks, and prints them.

            With --from and --to it carries the log and all else that the service keeps from SQLite to an empty \
            PostgreSQL, or back, and proves that both hold the same. No service may run on either. The data keys of \
            SQLite are in DATA_DIR; DATABASE_PASSWORD is PostgreSQL's. It exits with 1 unless everything is the same; \
            nothing serves what it has not filled to the end, and to run it again begins anew.
            """)

    @OptionGroup var place: DatabaseOptions
    @Option(help: "Carry everything out of this database: sqlite://PATH or postgres://HOST/NAME.")
    var from: String?
    @Option(help: "Carry everything into this empty database, of the other kind.")
    var to: String?

    func run() async throws {
        switch (from, to) {
        case (nil, nil): try await takeSteps()
        case (let from?, let to?):
            guard place.databaseUrl == nil else {
                throw SettingsError("--database-url", "has no meaning beside --from and --to; leave it out")
            }
            try await DatabaseMove(from: from, to: to, place.environment).run()
        case (_?, nil): throw SettingsError("--from", "needs --to; name the database that everything goes to")
        case (nil, _?): throw SettingsError("--to", "needs --from; name the database that everything comes from")
        }
    }

    private func takeSteps() async throws {
        let settings = try Settings(place.environment)
        let store = try await Store.open(settings)
        let steps = try await store.migrate(now: Environment.system.now())
        for step in steps { print("applied \(step.version) \(step.name)") }
        if steps.isEmpty { print("the schema is up to date") }
        if try await store.isOfSuperuser {
            FileHandle.standardError.write(Data("fleet-coordination: warning: \(Store.superuserWarning).\n".utf8))
        }
        await store.database.close()
        // Who serves need not be one who may make them.
        guard store.isShared else { return }
        let keys = try await KeyStore.open(settings)
        do throws(StoreError) { try await keys.prepare() } catch {
            throw PlaceError(place: "DATABASE_URL", cause: error)
        }
        await keys.database.close()
    }
}
