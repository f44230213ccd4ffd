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
        // What it keeps is for its own user alone.
        umask(0o077)
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
