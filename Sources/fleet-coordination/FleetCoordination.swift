import ArgumentParser
import FleetService
import FleetStore
import Foundation

@main
struct FleetCoordination: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet-coordination",
        abstract: "Federations of fleets, resource sharing across owners, and what came of it.",
        version: "0.1.0",
        subcommands: [Serve.self, Migrate.self, Events.self, Keys.self, Audit.self], defaultSubcommand: Serve.self)

    /// Every failure is one line on standard error and an exit code that is not 0.
    static func main() async {
        do {
            var command = try await asyncParseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as SettingsError {
            fail("\(error)")
        } catch let error as SchemaError {
            fail(error.remedy)
        } catch let error as VaultError {
            fail(error.remedy)
        } catch let error as StoreError {
            fail(error.remedy)
        } catch {
            exit(withError: error)
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("fleet-coordination: \(message)\n".utf8))
        Foundation.exit(1)
    }
}

extension SchemaError {
    /// What is wrong, and what to do.
    fileprivate var remedy: String {
        switch self {
        case .newer(let found, let known):
            "DATABASE_URL: the schema is at version \(found), this program knows \(known); run a newer program."
        case .foreign: "DATABASE_URL: the database holds the tables of something else; name an empty one."
        case .behind(let found, let known):
            "DATABASE_URL: the schema is at version \(found), not \(known); run 'fleet-coordination migrate' first."
        }
    }
}

extension VaultError {
    fileprivate var remedy: String {
        switch self {
        case .wrongKey:
            "ENCRYPTION_KEY_FILE: the data keys are wrapped by another key; name the file that holds that one."
        case .missing:
            "DATA_DIR: keys.db is missing; restore it from its copy: without it nobody can read what is sealed in the log."
        case .ofAnotherLog:
            "DATA_DIR: keys.db holds the keys of another database; restore the one that belongs to DATABASE_URL."
        }
    }
}

extension StoreError {
    fileprivate var remedy: String {
        switch self {
        case .conflict(let constraint): "the database refused a change: \(constraint)."
        case .full: "no space is left where DATABASE_URL points; free some and start again."
        case .unavailable(let reason): "DATABASE_URL: \(reason)."
        case .superseded(let reason): "another process serves DATABASE_URL: \(reason)."
        case .outcomeUnknown(let reason): "a commit has an unknown outcome: \(reason)."
        case .corrupt(let reason): "DATABASE_URL: this is not a database of the service, or it is damaged: \(reason)."
        case .failed(let reason): "the database refused a statement: \(reason)."
        }
    }
}
