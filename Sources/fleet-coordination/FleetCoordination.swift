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
        subcommands: [Serve.self, Migrate.self, Events.self, Keys.self, Audit.self, Doctor.self],
        defaultSubcommand: Serve.self)

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
        } catch let error as PlaceError {
            fail(error.remedy)
        } catch let error as SchemaError {
            fail(error.remedy(at: "DATABASE_URL"))
        } catch let error as VaultError {
            fail(error.remedy)
        } catch let error as StoreError {
            fail(error.remedy(at: "DATABASE_URL"))
        } catch {
            exit(withError: error)
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("fleet-coordination: \(message)\n".utf8))
        Foundation.exit(1)
    }
}

/// An error of a database that another argument than usual names.
struct PlaceError: Error {
    /// The argument.
    let place: String
    let cause: any Error
    /// What to do where the cause does not say it.
    var advice = ""

    fileprivate var remedy: String {
        let text =
            switch cause {
            case let error as SchemaError: error.remedy(at: place)
            case StoreError.conflict, StoreError.failed, StoreError.outcomeUnknown:
                "\(place): \((cause as? StoreError)?.remedy(at: place) ?? "")"
            case let error as StoreError: error.remedy(at: place)
            default: "\(place): \(cause)."
            }
        guard case StoreError.unavailable = cause, !advice.isEmpty else { return text }
        return text.dropLast() + "; \(advice)."
    }
}

extension SchemaError {
    /// - Parameter place: the argument that names the database.
    fileprivate func remedy(at place: String) -> String { "\(place): \(problem); \(advice)." }

    var problem: String {
        switch self {
        case .newer(let found, let known): "the schema is at version \(found), this program knows \(known)"
        case .foreign: "the database holds the tables of something else"
        case .behind(let found, let known): "the schema is at version \(found), not \(known)"
        case .forbidden(let reason): "the user may not make or change the schema and its roles: \(reason)"
        case .incomplete: "the database was not filled to the end"
        }
    }

    var advice: String {
        switch self {
        case .newer: "run a newer program"
        case .foreign: "name an empty one"
        case .behind: "run 'fleet-coordination migrate' first"
        case .forbidden: "run 'fleet-coordination migrate' as one who may: docs/postgresql.md"
        case .incomplete: "run 'fleet-coordination migrate --from … --to …' again"
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
    fileprivate func remedy(at place: String) -> String {
        switch self {
        case .conflict(let constraint): "the database refused a change: \(constraint)."
        case .full: "no space is left where \(place) points; free some and start again."
        case .busy(let reason), .unavailable(let reason): "\(place): \(reason)."
        case .superseded(let reason): "another process serves \(place): \(reason)."
        case .outcomeUnknown(let reason): "a commit has an unknown outcome: \(reason)."
        case .corrupt(let reason): "\(place): this is not a database of the service, or it is damaged: \(reason)."
        case .forbidden(let reason): "\(place): the user may not do what is needed: \(reason); see docs/postgresql.md."
        case .failed(let reason): "the database refused a statement: \(reason)."
        }
    }
}
