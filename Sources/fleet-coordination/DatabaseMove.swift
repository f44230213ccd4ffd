import ArgumentParser
import Crypto
import FleetService
import FleetStore
import Foundation
import SQLiteBackend
import Synchronization

/// `migrate --from … --to …`: everything goes to a database of the other kind.
struct DatabaseMove {
    private let settings: Settings
    private let source: DatabaseAddress
    private let target: DatabaseAddress

    /// - Throws: `SettingsError`, and nothing was opened.
    init(from: String, to: String, _ environment: [String: String]) throws(SettingsError) {
        var values = environment.filter { !$0.value.isEmpty }
        values["DATABASE_URL"] = nil
        settings = try Settings(values)
        source = try Settings.database(at: from, named: "--from", values)
        target = try Settings.database(at: to, named: "--to", values)
        switch (source, target) {
        case (.sqlite, .postgres), (.postgres, .sqlite): break
        case (.sqlite(let one), .sqlite(let other)):
            let isSame = URL(filePath: one).resolvingSymlinksInPath() == URL(filePath: other).resolvingSymlinksInPath()
            throw isSame ? Self.same : SettingsError("--to", "is SQLite as --from is; copy its files instead")
        case (.postgres(let one), .postgres(let other)):
            throw one.url == other.url ? Self.same : SettingsError("--to", "is PostgreSQL as --from is; use pg_dump")
        }
    }

    private static let same = SettingsError("--to", "is the same database as --from; name an empty one")

    func run() async throws {
        let opened = Opened()
        do {
            let source = try await at("--from", source, "stop what serves it") {
                try await openSource(opened)
            }
            let target = try await at("--to", target, "stop what uses it") {
                try await openTarget(opened)
            }
            let begin = ContinuousClock.now
            let moved = try await carry(from: source, to: target)
            try report(moved, seconds: (ContinuousClock.now - begin) / .seconds(1))
            await opened.close()
        } catch {
            await opened.close()
            throw error
        }
    }

    private func carry(from source: Move.Place, to target: Move.Place) async throws -> [Move.Moved] {
        let move = Move(
            from: source, to: target, holder: "migrate/\(UUID().uuidString)",
            chain: { row, hash in hash = Array(SHA256.hash(data: hash + row)) }, report: Progress().report)
        do {
            return try await move.run(now: Environment.system.now())
        } catch let error as MoveError {
            throw error.complaint
        } catch StoreError.corrupt(let reason) {
            // What cannot be read is the source's, what cannot be written the target's.
            throw PlaceError(place: "--from", cause: StoreError.corrupt(reason))
        } catch let error as VaultError {
            throw error
        } catch {
            throw PlaceError(place: "--to", cause: error, advice: "run the same command again")
        }
    }

    // MARK: The two databases

    /// What is to be closed, however it ends.
    private final class Opened: Sendable {
        private let databases = Mutex<[any SQLDatabase]>([])

        func keep(_ store: Store) -> Store {
            databases.withLock { $0.append(store.database) }
            return store
        }

        func keep(_ keys: KeyStore) -> KeyStore {
            databases.withLock { $0.append(keys.database) }
            return keys
        }

        func close() async {
            for database in databases.withLock({ $0 }) { await database.close() }
        }
    }

    /// Opens the source, of which a file is only read; nobody serves it meanwhile.
    private func openSource(_ opened: Opened) async throws -> Move.Place {
        let log: Store
        let keys: KeyStore
        switch source {
        case .sqlite(let path):
            guard FileManager.default.fileExists(atPath: path) else {
                throw SettingsError("--from", "names a file that is not there; write sqlite:// and its path")
            }
            log = opened.keep(Store(database: try await SQLiteDatabase.openReadOnly(path: path, alone: true)))
            try await log.requireCurrentSchema()
            let keyPath = KeyStore.path(in: settings.dataDirectory)
            if FileManager.default.fileExists(atPath: keyPath) {
                let database = try await SQLiteDatabase.openReadOnly(path: keyPath, alone: true)
                keys = opened.keep(KeyStore(database: database))
            } else {
                // Of a log that was never served; else `requireBelonging` says that they are missing.
                keys = opened.keep(KeyStore(database: try await SQLiteDatabase.openInMemory()))
                try await keys.prepare()
            }
        case .postgres:
            log = opened.keep(try await Store.openForReading(settings.with(source)))
            try await log.requireCurrentSchema()
            // Before a file is made for the target; `Move` takes the seat.
            let seat = try await log.writerSeat()
            guard !seat.isHeld else { throw MoveError.sourceServed(url: seat.url).complaint }
            keys = opened.keep(try await KeyStore.open(settings.with(source)))
            try await keys.prepare()
        }
        try await Vault.requireBelonging(keys, to: log)
        return Move.Place(log: log, keys: keys)
    }

    private func openTarget(_ opened: Opened) async throws -> Move.Place {
        let settings = settings.with(target)
        let log = opened.keep(try await Store.open(settings))
        return Move.Place(log: log, keys: opened.keep(try await KeyStore.open(settings)))
    }

    /// Names the argument in what goes wrong, and what to do about a database that cannot be had.
    private func at<Answer>(
        _ argument: String, _ address: DatabaseAddress, _ advice: String, _ body: () async throws -> Answer
    ) async throws -> Answer {
        do { return try await body() } catch {
            guard error is StoreError || error is SchemaError else { throw error }
            // A PostgreSQL that cannot be had says itself what to do.
            if case .postgres = address { throw PlaceError(place: argument, cause: error) }
            throw PlaceError(place: argument, cause: error, advice: advice)
        }
    }

    // MARK: What came of it

    /// A line for each kind of tables, and one for each table that is not the same.
    private func report(_ moved: [Move.Moved], seconds: Double) throws {
        for group in Move.Group.allCases {
            let tables = moved.filter { $0.group == group }
            let rows = tables.reduce(0) { $0 + $1.rows }
            let verdict = tables.allSatisfy(\.isSame) ? "same" : "DIFFERENT"
            print("\(group.rawValue): \(tables.count) tables, \(rows) rows, \(verdict)")
        }
        let events = moved.first { $0.group == .log }?.rows ?? 0
        let rate = Int(Double(events) / max(seconds, 0.001))
        let time = seconds.formatted(.number.precision(.fractionLength(2)))
        print("\(events) events in \(time) s, \(rate) events/s")
        let different = moved.filter { !$0.isSame }.map(\.table)
        guard different.isEmpty else {
            throw SettingsError(
                "--to",
                "does not hold what --from holds, in \(different.joined(separator: ", ")); run the command again")
        }
    }

    /// Says on standard error how far a long move is.
    private final class Progress: Sendable {
        private static let pause = Duration.seconds(2)
        private let last = Mutex(ContinuousClock.now)

        func report(_ table: String, _ rows: Int, _ total: Int64?) {
            let isDue = last.withLock { last in
                guard ContinuousClock.now - last >= Self.pause else { return false }
                last = .now
                return true
            }
            guard isDue else { return }
            let of = total.map { " of \($0)" } ?? ""
            FileHandle.standardError.write(Data("\(table): \(rows)\(of) rows\n".utf8))
        }
    }
}

extension Settings {
    /// The same with another database.
    fileprivate func with(_ address: DatabaseAddress) -> Settings {
        var settings = self
        settings.database = address
        return settings
    }
}

extension MoveError {
    fileprivate var complaint: SettingsError {
        switch self {
        case .keysFilled:
            SettingsError(
                "--to",
                "has data keys already; name a database that nothing was kept in, and for SQLite a DATA_DIR without keys.db"
            )
        case .filled(let table):
            SettingsError("--to", "is not empty: \(table) holds rows; name a database that nothing was kept in")
        case .sourceServed(let url):
            SettingsError("--from", "is served by \(url); stop every service on it first")
        case .targetServed(let url):
            SettingsError("--to", "is served by \(url); stop every service on it, and name an empty database")
        case .busy: SettingsError("--to", "is being filled by another run of this command; wait for its end")
        }
    }
}
