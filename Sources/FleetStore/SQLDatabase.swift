/// A SQL engine, seen as the two things the service does with it: commit a batch, read a snapshot.
///
/// Both are non-interactive: all statements are known before the first runs, so that PostgreSQL can
/// pipeline them in one round trip and SQLite can run them on one thread without coming back in between.
package protocol SQLDatabase: Sendable {
    var dialect: Dialect { get }

    /// Runs `batch` as one transaction and returns when it is durable.
    ///
    /// All of it happens or nothing: any statement that fails, a unique key included, fails the whole.
    /// - Throws: `.conflict` when a constraint refused it, `.full`, `.busy`, `.unavailable`, or `.outcomeUnknown`
    ///   when the engine did not say whether the commit took place.
    func commit(_ batch: [SQL]) async throws(StoreError)

    /// Runs `queries` in one read transaction: all see the same committed state. One array of rows a query.
    ///
    /// - Parameter scope: no other rows are found by an engine that can tell them apart; nil is all.
    func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]]

    /// Reads the few rows under a key. Meant for queries so short that a thread hop would cost more than the
    /// query: an embedded engine answers inline.
    func find(_ query: SQL) async throws(StoreError) -> [SQLRow]

    /// Ends the connections; later calls throw `.unavailable`.
    func close() async
}

extension SQLDatabase {
    package func read(_ queries: [SQL]) async throws(StoreError) -> [[SQLRow]] {
        try await read(queries, within: nil)
    }

    package func read(_ query: SQL, within scope: RowScope? = nil) async throws(StoreError) -> [SQLRow] {
        try await read([query], within: scope)[0]
    }
}

/// Why a store did not do what it was asked. Texts are for the log, never for a caller.
package enum StoreError: Error, Equatable {
    /// A constraint refused the batch; `constraint` names the table or key as the engine does.
    case conflict(constraint: String)
    /// No space is left; nothing was written, and it heals when there is space again.
    case full
    /// The engine answers, but a statement took too long, others held its locks, or something besides space ran out;
    /// nothing was written, and another try may succeed.
    case busy(String)
    /// The engine cannot be reached, or was closed.
    case unavailable(String)
    /// Somebody else writes, or the log does not end where the writer left it; nothing was written.
    case superseded(String)
    /// The connection was lost while committing: it may or may not have happened.
    case outcomeUnknown(String)
    /// Stored bytes are not what we wrote.
    case corrupt(String)
    /// The engine's user may not do this; nothing was written.
    case forbidden(String)
    /// The engine refused a statement: a defect of ours.
    case failed(String)

    /// Why, in one line.
    package var reason: String {
        switch self {
        case .conflict(let text), .busy(let text), .unavailable(let text), .superseded(let text),
            .outcomeUnknown(let text),
            .corrupt(let text), .forbidden(let text), .failed(let text):
            text
        case .full: "no space is left"
        }
    }
}
