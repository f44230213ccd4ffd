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
            let scratch = Store(database: try await SQLiteDatabase.open(path: directory + "/scratch.db"))
            try await scratch.migrate(now: Environment.system.now())
            let isSame =
                switch settings.database {
                case .sqlite(let path): try await compareCopy(of: path, directory + "/copy.db", with: scratch)
                case .postgres: try await compare(try await Store.openForReading(settings), with: scratch)
                }
            await scratch.database.close()
            if !isSame { throw ExitCode(1) }
        }

        /// Of a file a copy is made, so that all is as of one instant.
        private func compareCopy(of path: String, _ copyPath: String, with scratch: Store) async throws -> Bool {
            try SQLiteDatabase.copy(from: path, to: copyPath)
            let copy = Store(database: try await SQLiteDatabase.open(path: copyPath))
            try await copy.requireCurrentSchema()
            let account = try await rebuild(copy, into: scratch)
            let isSame = report(try await copy.projectionDigests(chain), try await scratch.projectionDigests(chain))
            print(account)
            await copy.database.close()
            return isSame
        }

        /// A server answers for all tables at one instant; the scratch copy is of another engine.
        private func compare(_ store: Store, with scratch: Store) async throws -> Bool {
            try await store.requireCurrentSchema()
            let (end, stored) = try await store.projectionDigestsAtOnce(chain)
            let account = try await rebuild(store, into: scratch, upTo: end)
            let isSame = report(stored, try await scratch.projectionDigests(acrossEngines: true, chain))
            print(account)
            await store.database.close()
            return isSame
        }

        private func rebuild(_ store: Store, into scratch: Store, upTo end: Int64 = .max) async throws -> String {
            let start = ContinuousClock.now
            let count = try await store.rebuild(into: scratch, upTo: end)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            return "\(count) events in \(seconds.formatted(.number.precision(.fractionLength(2)))) s"
        }

        /// - Returns: whether all tables are the same.
        private func report(_ stored: [Store.Digest], _ rebuilt: [Store.Digest]) -> Bool {
            var isWhole = true
            for (one, other) in zip(stored, rebuilt) {
                let isSame = one.hash == other.hash && one.rows == other.rows
                isWhole = isWhole && isSame
                let verdict = isSame ? "same" : "DIFFERS from \(text(other.hash))"
                print("\(one.table) \(one.rows) rows \(text(one.hash)) \(verdict)")
            }
            return isWhole
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
