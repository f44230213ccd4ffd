import FleetService
import FleetStore

/// What to do about what the databases say, as a refused start and `doctor` tell it.
extension StoreError {
    /// - Parameter place: the argument that names the database.
    func remedy(at place: String) -> String {
        switch self {
        case .conflict(let constraint): "the database refused a change: \(constraint)."
        case .full: "no space is left where \(place) points; free some and start again."
        case .busy(let reason), .unavailable(let reason): "\(place): \(reason)\(advice.map { "; \($0)" } ?? "")."
        case .superseded(let reason): "another process serves \(place): \(reason)."
        case .outcomeUnknown(let reason): "a commit has an unknown outcome: \(reason)."
        case .corrupt(let reason): "\(place): this is not a database of the service, or it is damaged: \(reason)."
        case .forbidden(let reason): "\(place): the user may not do what is needed: \(reason); see docs/postgresql.md."
        case .failed(let reason): "the database refused a statement: \(reason)."
        }
    }

    /// What to do about a PostgreSQL that cannot be had; nil where its reason says it.
    var advice: String? {
        guard case .unavailable(let reason) = self else { return nil }
        return Self.advices.first { reason.contains($0.words) }?.advice
    }

    /// By words of the server and of libpq; the first that fits.
    private static let advices: [(words: String, advice: String)] = [
        ("password authentication failed", "correct the user or DATABASE_PASSWORD"),
        ("no password supplied", "set DATABASE_PASSWORD"),
        ("pg_hba.conf", "let the server's pg_hba.conf admit the user from here"),
        ("too many clients", "raise its max_connections, or lower DATABASE_POOL_SIZE"),
        ("remaining connection slots", "raise its max_connections, or lower DATABASE_POOL_SIZE"),
        ("valid client certificate", "name one, and its key, as sslcert and sslkey"),
        ("root certificate file", "name the file of the server's authority as sslrootcert"),
        ("does not match host name", "reach the server by a name that is in its certificate"),
        ("certificate", "name the file of the server's authority as sslrootcert"),
        ("does not support SSL", "turn TLS on at the server, or set sslmode"),
        ("does not exist", "create it, or correct the name"),
        ("translate host name", "correct the host"),
        ("read-only", "name the primary too"),
        ("connection to server", "check that it runs, the host and the port"),
    ]
}

extension SchemaError {
    /// - Parameter place: the argument that names the database.
    func remedy(at place: String) -> String { "\(place): \(problem); \(advice)." }

    var problem: String {
        switch self {
        case .newer(let found, let known): "the schema is at version \(found), this program knows \(known)"
        case .foreign: "the database holds the tables of something else"
        case .behind(let found, let known): "the schema is at version \(found), not \(known)"
        case .forbidden(let reason): "the user may not make or change the schema and its roles: \(reason)"
        case .closed: "the schema is there, and the user may not use it"
        case .incomplete: "the database was not filled to the end"
        }
    }

    var advice: String {
        switch self {
        case .newer: "run a newer program"
        case .foreign: "name an empty one"
        case .behind: "run 'fleet-coordination migrate' first"
        case .forbidden: "run 'fleet-coordination migrate' as one who may: docs/postgresql.md"
        case .closed: "grant the user fleet_coordination_writer: docs/postgresql.md"
        case .incomplete: "run 'fleet-coordination migrate --from … --to …' again"
        }
    }
}

extension VaultError {
    var remedy: String { "\(variable): \(problem); \(advice)." }

    private var variable: String {
        switch self {
        case .wrongKey: "ENCRYPTION_KEY_FILE"
        case .missing, .ofAnotherLog: "DATA_DIR"
        }
    }

    var problem: String {
        switch self {
        case .wrongKey: "the data keys are wrapped by another key"
        case .missing: "keys.db is missing"
        case .ofAnotherLog: "keys.db holds the keys of another database"
        }
    }

    var advice: String {
        switch self {
        case .wrongKey: "name the file that holds that one"
        case .missing: "restore it from its copy: without it nobody can read what is sealed in the log"
        case .ofAnotherLog: "restore the one that belongs to DATABASE_URL"
        }
    }
}
