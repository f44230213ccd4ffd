import FleetHTTP
import Hummingbird
import ServiceLifecycle

/// A server on one address, whose failure to listen there is told in terms of the variables that name it.
struct Listener: ServiceLifecycle.Service {
    /// The variable of the port.
    let variable: String
    let port: Int
    let host: String
    let server: Application<EdgeResponder>

    func run() async throws {
        do {
            try await server.run()
        } catch let error as SettingsError {
            throw error
        } catch {
            throw SettingsError(
                variable,
                "\(port) on HOST \(host) cannot be listened on; write a free port and an address of this machine (\(error))"
            )
        }
    }
}
