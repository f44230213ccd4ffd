import ArgumentParser
import Crypto
import FleetDomain
import FleetHTTP
import FleetService
import FleetStore
import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// `fleet-coordination serve`: the service.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the service (the default).")

    @Option(help: "Port to listen on; PORT.")
    var port: String?
    @Option(help: "Address to listen on; HOST.")
    var host: String?
    @OptionGroup var place: DatabaseOptions
    @Option(help: "How much is logged; LOG_LEVEL.")
    var logLevel: String?

    func run() async throws {
        var environment = place.environment
        for (name, value) in ["PORT": port, "HOST": host, "LOG_LEVEL": logLevel] {
            environment[name] = value ?? environment[name]
        }
        let settings = try Settings(environment)
        LoggingSystem.bootstrap { JSONLogHandler(label: $0, level: settings.logLevel) }
        let logger = Logger(label: "fleet-coordination")
        for (found, meant) in Settings.misspelt(environment) {
            logger.warning("a variable is not known", metadata: ["found": "\(found)", "meant": "\(meant)"])
        }
        try await Service(settings, logger: logger).run()
    }
}

/// Where the data is: what every command takes.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "Where the service keeps its files; DATA_DIR.")
    var dataDir: String?
    @Option(help: "The database, as sqlite://PATH or postgres://HOST/NAME; DATABASE_URL.")
    var databaseUrl: String?

    /// The environment, in which a flag stands above its variable.
    var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in ["DATA_DIR": dataDir, "DATABASE_URL": databaseUrl] {
            environment[name] = value ?? environment[name]
        }
        return environment
    }
}
