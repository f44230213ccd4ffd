import CPostgres
import FleetStore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One connection, always in pipeline mode: all statements of a call are sent before the first answer is read, so that a
/// transaction is one round trip. Used by one thread at a time, which it blocks, but never beyond the call's deadline, and to
/// connect for three seconds a host.
final class PostgresConnection {
    /// How a call's statements belong together.
    enum Transaction: Equatable {
        /// One statement, which is a transaction of its own.
        case single
        /// All see the same committed state, and of it the rows of the scope.
        case snapshot(RowScope?)
        /// All of them happen, or none.
        case batch
    }

    /// Why a call came to nothing.
    enum Failure: Error {
        /// The server refused a statement; nothing of the call happened.
        case refused(SQLState, StoreError)
        /// The connection is gone, and the call was not sent.
        case lost(String)
        /// The connection is gone, and of a batch nobody knows what happened.
        case lostUnderway(String)
    }

    typealias Deadline = ContinuousClock.Instant

    /// False once it was lost or closed: it is of no use any more.
    private(set) var isUsable = true
    private let handle: OpaquePointer
    private var prepared = PreparedStatements()
    private var parameters = Parameters()

    /// Connects, which takes at most the `connect_timeout` of the address for each of its hosts.
    init(_ configuration: PostgresConfiguration, until deadline: Deadline) throws(Failure) {
        guard let handle = configuration.connect() else { throw .lost("no memory for a connection") }
        self.handle = handle
        // What the server remarks is not for our standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        do throws(Failure) {
            guard PQstatus(handle) == CONNECTION_OK else { throw .lost(lastError) }
            guard PQserverVersion(handle) >= PostgresConfiguration.oldestVersion else {
                throw .lost(
                    "the server is PostgreSQL \(PQserverVersion(handle) / 10_000); 13 is the oldest that is served")
            }
            guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else { throw .lost(lastError) }
            _ = try run([configuration.session], as: .single, until: deadline)
        } catch {
            PQfinish(handle)
            isUsable = false
            throw error
        }
    }

    deinit { if isUsable { PQfinish(handle) } }

    func close() {
        if isUsable { PQfinish(handle) }
        isUsable = false
    }

    /// Whether the server has not ended the connection while nothing was asked of it.
    func isAlive() -> Bool {
        guard isUsable else { return false }
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) != 0 else { return true }
        // Idle, it has nothing to say but that it ends.
        if PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK { return true }
        close()
        return false
    }

    /// Runs `statements` in one round trip.
    ///
    /// - Returns: the rows of each.
    func run(
        _ statements: [SQL], as transaction: Transaction, until deadline: Deadline
    ) throws(Failure) -> [[SQLRow]] {
        guard isAlive() else { throw .lost("the server had ended the connection") }
        do throws(Failure) {
            return try exchange(statements, transaction, deadline)
        } catch {
            switch error {
            case .refused: throw error
            case .lost(let reason):
                close()
                throw transaction == .batch ? .lostUnderway(reason) : error
            case .lostUnderway:
                close()
                throw error
            }
        }
    }

    private func exchange(
        _ statements: [SQL], _ transaction: Transaction, _ deadline: Deadline
    ) throws(Failure) -> [[SQLRow]] {
        let (opening, closing) = transaction.frame
        let steps = opening + statements + closing
        // A plan holds for the role that it was made for.
        let isNarrowed = opening.count > 1
        var sent: [(statement: PreparedStatements.Entry, isNew: Bool)] = []
        sent.reserveCapacity(steps.count)
        for (index, sql) in steps.enumerated() {
            sent.append(try send(sql, isNarrowed: isNarrowed && index >= opening.count))
        }
        let dropped = prepared.takeDropped()
        for name in dropped {
            guard PQsendQueryParams(handle, "DEALLOCATE \(name)", 0, nil, nil, nil, nil, 1) == 1 else {
                throw .lost(lastError)
            }
        }
        guard PQpipelineSync(handle) == 1 else { throw .lost(lastError) }
        try flush(until: deadline)

        var answers: [[SQLRow]] = []
        answers.reserveCapacity(steps.count)
        var refusal: Failure?
        for (index, step) in sent.enumerated() {
            do throws(Failure) {
                if step.isNew {
                    _ = try answer(to: steps[index], until: deadline)
                    prepared.confirm(step.statement)
                }
                answers.append(try answer(to: steps[index], until: deadline))
            } catch {
                guard case .refused = error else { throw error }
                // What follows was not carried out, and answers so.
                if step.isNew, !step.statement.isConfirmed { try skipAnswer(until: deadline) }
                refusal = error
                for later in sent[(index + 1)...] {
                    if later.isNew { try skipAnswer(until: deadline) }
                    try skipAnswer(until: deadline)
                }
                break
            }
        }
        for _ in dropped { try skipAnswer(until: deadline) }
        try awaitSync(until: deadline)
        prepared.forgetUnconfirmed(sent.lazy.filter(\.isNew).map(\.statement))
        if let refusal {
            if PQtransactionStatus(handle) != PQTRANS_IDLE { try rollBack(until: deadline) }
            throw refusal
        }
        return Array(answers[opening.count..<answers.count - closing.count])
    }

    // MARK: Sending

    private func send(
        _ sql: SQL, isNarrowed: Bool
    ) throws(Failure) -> (statement: PreparedStatements.Entry, isNew: Bool) {
        let (statement, isNew) = prepared.entry(for: sql, isNarrowed: isNarrowed)
        if isNew {
            guard PQsendPrepare(handle, statement.name, statement.text, 0, nil) == 1 else { throw .lost(lastError) }
        }
        let result = parameters.withPointers(to: sql.values) { count, values, lengths, formats in
            PQsendQueryPrepared(handle, statement.name, count, values, lengths, formats, 1)
        }
        guard result == 1 else { throw .lost(lastError) }
        return (statement, isNew)
    }

    /// Hands everything to the kernel, and takes in what arrives meanwhile: a server whose answers nobody reads stops
    /// reading.
    private func flush(until deadline: Deadline) throws(Failure) {
        while true {
            let result = PQflush(handle)
            guard result >= 0 else { throw .lost(lastError) }
            if result == 0 { return }
            let events = try wait(for: POLLIN | POLLOUT, until: deadline)
            if events & Int32(POLLIN) != 0, PQconsumeInput(handle) != 1 { throw .lost(lastError) }
        }
    }

    private func rollBack(until deadline: Deadline) throws(Failure) {
        guard PQsendQueryParams(handle, "ROLLBACK", 0, nil, nil, nil, nil, 1) == 1, PQpipelineSync(handle) == 1 else {
            throw .lost(lastError)
        }
        try flush(until: deadline)
        try skipAnswer(until: deadline)
        try awaitSync(until: deadline)
    }

    // MARK: Receiving

    /// The rows of the next statement, with the end that follows them.
    private func answer(to sql: SQL, until deadline: Deadline) throws(Failure) -> [SQLRow] {
        guard let result = try next(until: deadline) else { throw .lost("an answer is missing") }
        defer { PQclear(result) }
        guard try next(until: deadline) == nil else { throw .lost("an answer too many") }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK:
            do throws(StoreError) {
                return try rows(of: result, for: sql.name)
            } catch {
                throw .refused(.none, error)
            }
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return []
        case PGRES_FATAL_ERROR:
            let state = SQLState(result)
            let error = StoreError(result, state, of: sql.name)
            // It ends the connection, and says so for whatever it was doing.
            guard state.isOfConnection else { throw .refused(state, error) }
            throw .lost("\(error)")
        default: throw .lost("an answer of another kind")
        }
    }

    private func skipAnswer(until deadline: Deadline) throws(Failure) {
        while let result = try next(until: deadline) { PQclear(result) }
    }

    private func awaitSync(until deadline: Deadline) throws(Failure) {
        guard let result = try next(until: deadline) else { throw .lost("the end of the answers is missing") }
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_PIPELINE_SYNC else { throw .lost("an answer of another kind") }
    }

    private func next(until deadline: Deadline) throws(Failure) -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            _ = try wait(for: POLLIN, until: deadline)
            guard PQconsumeInput(handle) == 1 else { throw .lost(lastError) }
        }
        return PQgetResult(handle)
    }

    private func wait(for events: some BinaryInteger, until deadline: Deadline) throws(Failure) -> Int32 {
        while true {
            let left = deadline - .now
            guard left > .zero else { throw .lost("no answer in time") }
            var descriptor = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
            let milliseconds = min(left / .milliseconds(1) + 1, 60_000)
            let count = poll(&descriptor, 1, Int32(milliseconds))
            if count > 0 { return Int32(descriptor.revents) }
            if count < 0, errno != EINTR { throw .lost(String(cString: strerror(errno))) }
        }
    }

    /// libpq's own words, in one line.
    private var lastError: String {
        let text = String(cString: PQerrorMessage(handle))
        var lines: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            var line = String(line.trimmingPrefix(while: \.isWhitespace))
            // What it advises is ours to say; and it says the same of each way that it tried.
            guard !line.hasSuffix("?"), !line.hasPrefix("Either provide the file"), !lines.contains(line) else {
                continue
            }
            if line.hasSuffix(".") { line.removeLast() }
            lines.append(line)
        }
        return lines.isEmpty ? "the connection was lost" : lines.joined(separator: "; ")
    }
}

extension PostgresConnection.Transaction {
    /// What goes before the statements, and what behind them.
    fileprivate var frame: (opening: [SQL], closing: [SQL]) {
        switch self {
        case .single: ([], [])
        case .snapshot(let scope): ([.beginSnapshot] + (scope.map { [$0.enter] } ?? []), [.commit])
        case .batch: ([.begin], [.commit])
        }
    }
}

extension SQL {
    fileprivate static let begin = SQL("transaction.begin", "BEGIN")
    fileprivate static let beginSnapshot = SQL(
        "transaction.begin_snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    fileprivate static let commit = SQL("transaction.commit", "COMMIT")
}
