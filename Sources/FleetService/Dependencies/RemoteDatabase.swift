package import FleetStore
import Synchronization

/// A database across a network, behind a circuit breaker: while it does not answer, whoever asks is refused at once and
/// occupies no connection.
///
/// Only that it was not reached, or that an answer was lost, is a failure. A conflict, a lost election or a full disk is the
/// answer of a server that lives. That something was too busy says nothing: it may have been our own connections, of which
/// none was free because the server hangs. Half open, a `ping` goes ahead of the call that is let
/// through, so that nobody waits for a long read of another.
package final class RemoteDatabase: SQLDatabase, Dependency {
    package static var limits: CircuitBreaker.Limits {
        var limits = CircuitBreaker.Limits()
        // A restart may cost the batches that are under way: two of the log, two of the keys.
        limits.failures = 5
        // Nothing is decided without it, and an election holds for three seconds.
        limits.firstWait = .milliseconds(100)
        limits.longestWait = .milliseconds(500)
        return limits
    }

    package let name = DependencyName.database
    package let breaker: CircuitBreaker
    private let inner: any SQLDatabase
    /// Of the last failure.
    private let reason = Mutex("it has not answered")

    /// - Parameter breaker: may be that of another database on the same server.
    package init(_ inner: any SQLDatabase, breaker: CircuitBreaker = CircuitBreaker(limits: limits)) {
        self.inner = inner
        self.breaker = breaker
    }

    package var dialect: Dialect { inner.dialect }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        try await call { [inner] () throws(StoreError) in try await inner.commit(batch) }
    }

    package func read(_ queries: [SQL], within scope: RowScope?) async throws(StoreError) -> [[SQLRow]] {
        try await call { [inner] () throws(StoreError) in try await inner.read(queries, within: scope) }
    }

    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] {
        try await call { [inner] () throws(StoreError) in try await inner.find(query) }
    }

    package func close() async { await inner.close() }

    /// Counts as a call, so that it is noticed also while nobody asks that it does not answer, or does again.
    package func check() async throws {
        do throws(StoreError) { try await ping() } catch { throw Failure(description: error.reason) }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    // MARK: The circuit

    /// - Throws: `.unavailable` with the reason of the last failure while the circuit is open; else what `body` threw.
    private func call<Answer: Sendable>(
        _ body: @Sendable () async throws(StoreError) -> Answer
    ) async throws(StoreError) -> Answer {
        switch breaker.state {
        case .closed: break
        case .open: throw refusal
        case .halfOpen: try await ping()
        }
        return try await observe(body)
    }

    /// Goes on when who waits for it is cancelled: its outcome is of use to all.
    private func ping() async throws(StoreError) {
        let outcome = await Task {
            await Result { () async throws(StoreError) in
                try await self.observe { () throws(StoreError) in try await self.inner.find(.ping) }
            }
        }.value
        _ = try outcome.get()
    }

    private func observe<Answer: Sendable>(
        _ body: @Sendable () async throws(StoreError) -> Answer
    ) async throws(StoreError) -> Answer {
        let outcome: Result<Answer, StoreError>
        var busy: StoreError?
        do {
            outcome = try await breaker.run {
                do throws(StoreError) { return .success(try await body()) } catch {
                    switch error {
                    case .busy:
                        busy = error
                        throw CircuitBreaker.Inconclusive()
                    case .unavailable, .outcomeUnknown:
                        // Who was cancelled was perhaps not asked for.
                        if !Task.isCancelled { reason.withLock { $0 = error.reason } }
                        throw error
                    case .conflict, .full, .superseded, .corrupt, .forbidden, .failed: return .failure(error)
                    }
                }
            }
        } catch let error as StoreError {
            throw error
        } catch {
            throw busy ?? refusal
        }
        return try outcome.get()
    }

    /// The same as of the failure itself: who logs only what is new has nothing to add.
    private var refusal: StoreError { .unavailable(reason.withLock { $0 }) }
}

extension Result where Success: Sendable {
    /// What an asynchronous call comes to.
    fileprivate init(_ body: () async throws(Failure) -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
