package import FleetStore
import Foundation
import PostgresBackend
import SQLiteBackend

/// The database that tests run on: SQLite in memory, or with `FLEET_TEST_DATABASE_URL` a schema of its own on that server.
package enum TestDatabase {
    package static let postgresURL = ProcessInfo.processInfo.environment["FLEET_TEST_DATABASE_URL"]

    package static func open() async throws -> any SQLDatabase {
        guard postgresURL != nil else { return try await SQLiteDatabase.openInMemory() }
        return try await openOnPostgres()
    }

    /// Opens an empty schema of its own, which is dropped when the database is closed.
    package static func openOnPostgres() async throws -> any SQLDatabase {
        guard let postgresURL else { throw NoServer() }
        let schema = "test_\(UInt64.random(in: .min ... .max))"
        let configuration = try PostgresConfiguration(url: postgresURL, schema: schema, readers: 2)
        let database = ScratchSchema(try await PostgresDatabase.open(configuration))
        try await database.commit([
            // Not in the schema of the test that comes first, which would take it along.
            SQL("test.lock", "SELECT pg_advisory_xact_lock(1)"),
            SQL("test.extension", "CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public"),
            SQL(
                "test.schema",
                "DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', current_setting('search_path')); END $$"),
        ])
        return database
    }

    package struct NoServer: Error, CustomStringConvertible {
        package init() {}

        package let description = "FLEET_TEST_DATABASE_URL names no PostgreSQL; 'make test-integration' starts one"
    }
}

/// Passes everything on, and leaves nothing behind.
private struct ScratchSchema: SQLDatabase {
    private let inner: PostgresDatabase

    init(_ inner: PostgresDatabase) { self.inner = inner }

    var dialect: Dialect { inner.dialect }

    func commit(_ batch: [SQL]) async throws(StoreError) { try await inner.commit(batch) }
    func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        try await inner.read(queries, within: scope)
    }
    func find(_ query: SQL) async throws(StoreError) -> [SQLRow] { try await inner.find(query) }

    func close() async {
        try? await inner.commit([
            SQL(
                "test.drop",
                "DO $$ BEGIN EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', current_setting('search_path')); END $$"
            )
        ])
        await inner.close()
    }
}
