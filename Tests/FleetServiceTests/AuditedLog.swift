import FleetDomain
import FleetService
import FleetStore
import FleetTestSupport
import Foundation
import Logging
import SQLiteBackend
import Testing

/// A log on a real SQLite whose checkpoints are made when a test says so.
struct AuditedLog: Sendable {
    let writer: RunningWriter
    let signer: CheckpointSigner

    var store: Store { writer.store }

    /// A service that has just been started on the log.
    var audit: AuditTree {
        AuditTree(
            store: store, orchestrator: writer.orchestrator, signer: signer,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// - Parameter filler: how many records are there before.
    static func run(filler: Int64 = 0, _ body: @Sendable (AuditedLog) async throws -> Void) async throws {
        let database = FaultyDatabase(try await SQLiteDatabase.openInMemory())
        let keys = KeyStore(database: try await SQLiteDatabase.openInMemory())
        let store = Store(database: database)
        try await store.migrate(now: VirtualClock.start)
        if filler > 0 { try await database.commit([fill(filler)]) }
        let vault = try await Vault.open(
            keys, key: .make(), of: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let signer = try await vault.signer()
        let result = await Result<Void, any Error>.catching {
            try await RunningWriter.run(on: database) { try await body(AuditedLog(writer: $0, signer: signer)) }
        }
        await database.close()
        await keys.database.close()
        try result.get()
    }

    private static func fill(_ count: Int64) -> SQL {
        SQL(
            "test.fill",
            """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count)) \
            INSERT INTO events (position, event_id, type, actor, acting_fleet_id, request_id, at, audience, data, \
            is_privileged) SELECT n, randomblob(16), 'fleet.updated', 'filler', NULL, 'fill', n, '{}', '{}', 0 FROM numbers
            """)
    }

    /// Logs this many records.
    func log(_ count: Int, _ name: String = "fleet") async throws {
        for number in 0..<count {
            #expect(await writer.submit(.register("\(name)-\(number)")).code == nil)
        }
    }

    /// Logs records and makes a checkpoint behind them.
    func checkpoint(after count: Int, _ name: String) async throws -> Checkpoint {
        try await log(count, name)
        return try #require(try await audit.makeCheckpoint())
    }

    func leaves() async throws -> [MerkleTree.Hash] {
        try await store.auditLeaves(after: .min, limit: 1_000_000).map { MerkleTree.hash(leaf: $0.bytes) }
    }

    /// What an auditor would have saved.
    func saved(_ checkpoint: Checkpoint) throws -> TrustedCheckpoint {
        try TrustedCheckpoint(checkpoint.note, publicKey: signer.publicKey.text)
    }

    func verify(_ checkpoint: Checkpoint) async throws -> AuditVerdict {
        var verifier = AuditVerifier(store, against: try saved(checkpoint))
        return try await verifier.verify()
    }

    /// Writes to the database past the service.
    func tamper(_ statements: SQL...) async throws { try await writer.database.commit(statements) }
}
