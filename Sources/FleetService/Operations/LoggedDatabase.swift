package import FleetStore
package import Logging

/// A database that says at `debug` which statements ran and how long they took; never their values.
package struct LoggedDatabase: SQLDatabase {
    private let inner: any SQLDatabase
    private let logger: Logger

    package init(_ inner: any SQLDatabase, logger: Logger) {
        self.inner = inner
        self.logger = logger
    }

    package var dialect: Dialect { inner.dialect }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        let start = ContinuousClock.now
        try await inner.commit(batch)
        log("commit", batch, since: start)
    }

    package func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        let start = ContinuousClock.now
        let rows = try await inner.read(queries, within: scope)
        log("read", queries, since: start)
        return rows
    }

    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] {
        let start = ContinuousClock.now
        let rows = try await inner.find(query)
        log("find", [query], since: start)
        return rows
    }

    package func close() async { await inner.close() }

    private func log(_ what: Logger.Message, _ statements: [SQL], since start: ContinuousClock.Instant) {
        logger.debug(
            what,
            metadata: [
                "statements": "\(statements.map(\.name.description).joined(separator: ","))",
                "duration_ms": "\((ContinuousClock.now - start) / .milliseconds(1))",
            ])
    }
}
