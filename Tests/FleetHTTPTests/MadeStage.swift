import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import SQLiteBackend

/// The stage as it is when it is made, which takes a hundred requests: it is made once, and each test has a copy of it.
struct MadeStage {
    private let stage: ApiStage
    private let clock: VirtualClock
    private let encryptionKey: KeyEncryptionKey

    /// Runs `body` on a stage of its own.
    static func run(_ body: @Sendable (ApiStage) async throws -> Void) async throws {
        // Elsewhere there is no file to copy.
        guard TestDatabase.postgresURL == nil else {
            return try await TestService.run { try await body(try await ApiStage($0)) }
        }
        let made = try await made.value
        let name = UUID().uuidString
        for file in ["log", "keys"] {
            try FileManager.default.copyItem(atPath: path(file, of: "made"), toPath: path(file, of: name))
        }
        try await serve(name, made.clock.copy(), made.encryptionKey) { try await body(try await made.stage.on($0)) }
    }

    private static let made = Task {
        let (clock, encryptionKey) = (VirtualClock(), KeyEncryptionKey.make())
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // Whoever needs it next is another process.
        atexit { try? FileManager.default.removeItem(atPath: MadeStage.directory) }
        let stage = try await serve("made", clock, encryptionKey) { try await ApiStage($0) }
        return MadeStage(stage: stage, clock: clock, encryptionKey: encryptionKey)
    }

    private static let directory =
        FileManager.default.temporaryDirectory.appending(path: "stage-\(UUID().uuidString)").path

    private static func path(_ file: String, of name: String) -> String { "\(directory)/\(name)-\(file).db" }

    private static func serve<Result: Sendable>(
        _ name: String, _ clock: VirtualClock, _ encryptionKey: KeyEncryptionKey,
        _ body: @Sendable (TestService) async throws -> Result
    ) async throws -> Result {
        let log = try await SQLiteDatabase.open(path: path("log", of: name))
        let keys = try await SQLiteDatabase.open(path: path("keys", of: name))
        do {
            let result = try await TestService.run(
                clock: clock, database: log, keys: KeyStore(database: keys), encryptionKey: encryptionKey, body)
            await keys.close()
            return result
        } catch {
            await keys.close()
            throw error
        }
    }
}
