import ArgumentParser
import Crypto
import FleetService
import FleetStore
import Foundation
import SQLiteBackend

/// `fleet-coordination events …`: what can be done with the log.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Work with the log of events.", subcommands: [Rebuild.self])

    /// `events rebuild`: proves that the tables are what the log says.
    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Build the tables again from the log, in a scratch copy, and compare.",
            discussion: """
                Works beside a running service. Prints a hash of each table; exits 1 when one differs.
                """)

        @OptionGroup var place: DatabaseOptions

        func run() async throws {
            let settings = try Settings(place.environment)
            let directory = FileManager.default.temporaryDirectory.appending(path: "rebuild-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            defer { try? FileManager.default.removeItem(atPath: directory) }

            try SQLiteDatabase.copy(from: settings.databasePath, to: directory + "/copy.db")
            let copy = Store(database: try await SQLiteDatabase.open(path: directory + "/copy.db"))
            try await copy.requireCurrentSchema()
            let scratch = Store(database: try await SQLiteDatabase.open(path: directory + "/scratch.db"))
            try await scratch.migrate(now: Environment.system.now())

            let start = ContinuousClock.now
            let count = try await copy.rebuild(into: scratch)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let differs = try await compare(copy, scratch)
            print("\(count) events in \(seconds.formatted(.number.precision(.fractionLength(2)))) s")
            await copy.database.close()
            await scratch.database.close()
            if differs { throw ExitCode(1) }
        }

        private func compare(_ copy: Store, _ scratch: Store) async throws -> Bool {
            let stored = try await copy.projectionDigests(chain)
            let rebuilt = try await scratch.projectionDigests(chain)
            var differs = false
            for (one, other) in zip(stored, rebuilt) {
                let isSame = one.hash == other.hash && one.rows == other.rows
                differs = differs || !isSame
                let verdict = isSame ? "same" : "DIFFERS from \(text(other.hash))"
                print("\(one.table) \(one.rows) rows \(text(one.hash)) \(verdict)")
            }
            return differs
        }

        /// Takes one row into a table's hash.
        private func chain(_ row: [UInt8], _ hash: inout [UInt8]) {
            hash = Array(SHA256.hash(data: hash + row))
        }

        private func text(_ hash: [UInt8]) -> String {
            hash.isEmpty
                ? "(empty)" : hash.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }
}
