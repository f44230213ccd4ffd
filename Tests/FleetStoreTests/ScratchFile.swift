import Foundation
import SQLiteBackend

/// A path for the database file of one test, removed with what SQLite put beside it.
final class ScratchFile: Sendable {
    private let directory: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func open() async throws -> SQLiteDatabase { try await SQLiteDatabase.open(path: directory + "/fleet.db") }
}
