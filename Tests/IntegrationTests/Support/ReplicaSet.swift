import FleetJSON
import Foundation

/// Replicas of the built service on a fresh database of one PostgreSQL.
final class ReplicaSet {
    static let adminKey = "replicas-replicas-replicas-replicas"

    private let database: ScratchPostgres
    private let directory: ScratchDirectory
    let keyFile: String
    private let settings: [String: String]
    private(set) var replicas: [ServiceProcess] = []

    var databaseURL: String { database.url }

    /// - Parameter settings: of each, besides those that make them one set.
    init(count: Int, _ settings: [String: String] = [:]) async throws {
        self.settings = settings
        directory = try ScratchDirectory()
        keyFile = try directory.write(
            Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString(), to: "key")
        database = try await ScratchPostgres()
        for _ in 0..<count { replicas.append(try await start()) }
    }

    private func start() async throws -> ServiceProcess {
        try await ServiceProcess.start(
            in: try ScratchDirectory(),
            [
                "DATABASE_URL": databaseURL, "ENCRYPTION_KEY_FILE": keyFile, "ADMIN_API_KEY": Self.adminKey,
                "DATABASE_POOL_SIZE": "4",
            ].merging(settings) { $1 })
    }

    /// Starts another in the place of one that has ended.
    func replace(_ index: Int) async throws { replicas[index] = try await start() }

    /// The one that says that it decides; waits for it.
    func writer() async throws -> Int {
        try await eventually("a writer") {
            for (index, replica) in self.replicas.enumerated() where replica.child.ended == nil {
                let health = try? await replica.send("GET", "//health", headers: [:])
                let database = health?["checks"]?.objectValue?["database"]?.objectValue
                if database?["role"]?.stringValue == "writer" { return index }
            }
            return nil
        }
    }

    func stop() async throws {
        for replica in replicas where replica.child.ended == nil {
            replica.child.send(SIGCONT)
            try await replica.stop()
        }
        await database.drop()
    }
}
