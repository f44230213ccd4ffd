package import FleetStore
import Synchronization

/// A real database in front of which commits can be made to fail or to wait.
package final class FaultyDatabase: SQLDatabase {
    /// Asked before each commit with its statements: an error is thrown instead of committing.
    package typealias Fault = @Sendable ([SQL]) -> StoreError?

    private let inner: any SQLDatabase
    private let fault = Mutex<Fault?>(nil)
    private let gate = Mutex<(isClosed: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    package init(_ inner: any SQLDatabase) { self.inner = inner }

    package var dialect: Dialect { inner.dialect }

    /// Sets, or with nil removes, the fault of the commits to come.
    package func setFault(_ new: Fault?) { fault.withLock { $0 = new } }

    /// Commits wait from now on until `openGate`.
    package func closeGate() { gate.withLock { $0.isClosed = true } }

    package func openGate() {
        let waiting = gate.withLock { gate in
            defer { gate = (false, []) }
            return gate.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Commits that wait at the gate.
    package var waitingCommits: Int { gate.withLock { $0.waiting.count } }

    package func commit(_ batch: [SQL]) async throws(StoreError) {
        await withCheckedContinuation { continuation in
            let isOpen = gate.withLock { gate in
                if gate.isClosed { gate.waiting.append(continuation) }
                return !gate.isClosed
            }
            if isOpen { continuation.resume() }
        }
        if let error = fault.withLock({ $0 })?(batch) { throw error }
        try await inner.commit(batch)
    }

    package func read(_ queries: [SQL]) async throws(StoreError) -> [[SQLRow]] { try await inner.read(queries) }
    package func find(_ query: SQL) async throws(StoreError) -> [SQLRow] { try await inner.find(query) }
    package func close() async { await inner.close() }
}
